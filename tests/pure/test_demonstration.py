"""The invented packages are what they claim: valid numbers, valid bags, readable pages, one fault where promised.

The check digits are computed here once more, from the standards, independently of the product.
"""

import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import bagit
import pikepdf
import pypdfium2
import pytest
from PIL import Image

from archive import profiles
from archive.errors import NotConfigured
from archive.inspection.examine import examine
from archive.inspection.fence import Fence
from config.demonstration import bags, cases, catalogue, fonts, forms, light
from config.demonstration.faults import DEMONSTRATED, FAULTS, WARNED
from config.demonstration.people import People
from tests import factories

DAY = date(2021, 3, 10)
JUDGED_AT_RECEIPT = {"unknown-fonds", "no-submission"}
"""Not for the examination: it does not know which fonds exist, and a bag without submission.json is still a bag."""


def has_font() -> bool:
    try:
        fonts.chinese_font()
    except NotConfigured:
        return False
    return True


readable = pytest.mark.skipif(not has_font(), reason="no Chinese font on this machine")


def text_of(data: bytes) -> str:
    with pypdfium2.PdfDocument(data) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def unzipped(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return next(folder.iterdir())


def submission_of(path: Path) -> dict:
    if path.is_dir():
        return json.loads((path / "submission.json").read_bytes())
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(next(n for n in archive.namelist() if n.endswith("submission.json"))))


def test_identity_numbers_have_the_check_place_birth_date_and_sex_they_claim():
    people = People(3)
    persons = [
        people.person(place, on=DAY, rare=at % 3 == 0)
        for at in range(100)
        for place in ("dongguan", "guizhou")
    ]
    assert any(person.id_no.endswith("X") for person in persons)
    for person in persons:
        # ISO 7064 MOD 11-2: the whole number, X as ten, leaves 1
        digits = [10 if place == "X" else int(place) for place in person.id_no]
        assert sum(digit * pow(2, 17 - at, 11) for at, digit in enumerate(digits)) % 11 == 1
        assert person.id_no[6:14] == f"{person.born:%Y%m%d}"
        assert (int(person.id_no[16]) % 2 == 1) == (person.sex == "男")
        assert re.fullmatch(r"1[3-9]\d{9}", person.phone)
        assert 18 <= DAY.year - person.born.year <= 58
    assert len({person.id_no for person in persons}) == len(persons)


def test_credit_codes_are_valid_and_so_is_the_organisation_code_inside():
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    people = People(4)
    for at in range(200):
        unit = people.unit(early=at % 2 == 0)
        values = [alphabet.index(place) for place in unit.uscc]
        assert (sum(value * pow(3, at, 31) for at, value in enumerate(values[:17])) + values[17]) % 31 == 0
        body, check = unit.organisation_code.split("-")
        total = sum(
            int(place, 36) * weight for place, weight in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)
        )
        assert (total + (10 if check == "X" else int(check))) % 11 == 0
        assert unit.organisation_code.replace("-", "") == unit.uscc[8:17]


def test_a_light_pdf_carries_chinese_text_rare_characters_and_its_pages():
    data = light.pdf([["姓名：王𬱖", "证件号码：441900199001011231"], ["李〇 阿依古丽·买买提"]])
    assert text_of(data).split() == ["姓名：王𬱖", "证件号码：441900199001011231", "李〇", "阿依古丽·买买提"]
    with pikepdf.open(io.BytesIO(data)) as document:
        assert document.check_pdf_syntax() == []
        assert len(document.pages) == 2


def test_light_packages_are_valid_bags_and_come_out_the_same_for_the_same_seed(tmp_path):
    first = list(catalogue.light_packages(tmp_path / "a", 12))
    again = list(catalogue.light_packages(tmp_path / "b", 12))
    other = list(catalogue.light_packages(tmp_path / "c", 12, seed=2))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert {path.read_bytes() for path in first}.isdisjoint(path.read_bytes() for path in other)
    for path in first:
        with zipfile.ZipFile(path) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(2026, 1, 5, 0, 0, 0)}, (
                "the clock shows"
            )
        bagit.Bag(str(unzipped(path, tmp_path / path.stem))).validate()


def test_a_bag_may_carry_other_digests_beside_sha256(tmp_path):
    submission = factories.a_submission()
    bag = bags.Bag(
        submission=submission, files=factories.files_for(submission), algorithms=("sha256", "sha512", "sm3")
    )
    folder = bags.write(bag.tree(), tmp_path / "bag", zip=False)
    bagit.Bag(str(folder)).validate()
    rows = (folder / "manifest-sm3.txt").read_text().splitlines()
    digest, path = rows[0].split("  ")
    assert digest == hashlib.new("sm3", (folder / path).read_bytes()).hexdigest()


def test_the_submission_declares_what_lies_in_the_bag(tmp_path):
    folder = factories.a_bag(tmp_path)
    submission = submission_of(folder)
    assert submission["format"] == "archive-submission/1"
    for key in (
        "source",
        "item",
        "business_no",
        "revision",
        "handled_on",
        "unit",
        "persons",
        "fields",
        "process",
    ):
        assert submission[key]
    declared = [file for material in submission["materials"] for file in material["files"]]
    assert {file["path"] for file in declared} == {
        f"data/{path.name}" for path in (folder / "data").iterdir()
    }
    for file in declared:
        data = (folder / file["path"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert submission["process"][-1]["action"] == "办结"
    assert submission["process"][-1]["at"].startswith(submission["handled_on"])
    assert "submission.json" in (folder / "tagmanifest-sha256.txt").read_text()


def test_the_plan_has_the_promised_mixture_and_ten_different_faults(tmp_path):
    planned = catalogue.demo_packages(tmp_path, readable=False)
    assert len(planned) == 65 and all(plan.path.exists() for plan in planned)
    clean = [plan for plan in planned if plan.fault is None]
    assert [plan.fault.name for plan in planned if plan.outcome == "returned"] == list(DEMONSTRATED)
    assert len(set(DEMONSTRATED)) == 10
    assert [plan.fault.name for plan in planned if plan.fault and plan.outcome == "archived"] == list(WARNED)
    assert sum(plan.outcome == "waiting" for plan in clean) == 4
    assert {plan.fonds for plan in clean} == set(catalogue.FONDS)
    inspections = [submission_of(plan.path) for plan in clean if plan.item == "registration-inspection"]
    assert {submission["handled_on"][:4] for submission in inspections} == {
        str(year) for year in range(2009, 2016)
    }
    names = [plan.business_no for plan in planned]
    assert len(set(names)) == 65
    departments = {submission_of(plan.path)["department"] for plan in clean}
    assert departments <= {name for group in catalogue.DEPARTMENTS.values() for name in group}


def test_a_collection_that_lies_there_already_stays_as_it_is(tmp_path):
    planned = catalogue.demo_packages(tmp_path, count=15, readable=False)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert catalogue.demo_packages(tmp_path, count=15, readable=False) == planned
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_increases_keep_the_rules_of_their_item(tmp_path):
    for path in catalogue.light_packages(tmp_path, 60):
        submission = submission_of(path)
        fields, handled = submission["fields"], submission["handled_on"].replace("-", "")
        start = fields["合同开始时间"]
        assert fields["参保起始年月"] == start[:6] and start <= handled
        assert fields["合同结束时间"] > start
        months = (int(handled[:4]) - int(start[:4])) * 12 + int(handled[4:6]) - int(start[4:6])
        assert months <= 1 or submission["item"] == "counter-increase"
        assert fields["证件号码"] == submission["persons"][0]["id_no"]


def test_the_statistics_add_up():
    for quarter in (1, 2, 3, 4):
        draft = cases.quarterly(People(quarter), year=2016, quarter=quarter, number=1, department="统计科")
        total, *cities = draft.submission["lines"]
        for row in (total, *cities):
            one, two, three, four, five, six, seven = (int(row[str(at)]) for at in range(1, 8))
            assert one == two == three - four + five + six + seven
        assert all(int(total[str(at)]) == sum(int(row[str(at)]) for row in cities) for at in range(1, 18))
        year = 2017 if quarter == 4 else 2016
        assert (
            draft.submission["handled_on"] <= f"{year}-{ {1: '04', 2: '07', 3: '10', 4: '01'}[quarter] }-25"
        )


@pytest.mark.parametrize("kind", FAULTS)
def test_a_hostile_package_is_the_sound_one_but_for_its_fault(kind, monkeypatch):
    fault = FAULTS[kind]
    monkeypatch.setitem(FAULTS, "none", replace(fault, on_draft=None, on_files=None, on_tree=None))
    sound, hostile = catalogue.hostile("none"), catalogue.hostile(kind)
    assert hostile != sound
    assert hostile == catalogue.hostile(kind), "not repeatable"
    changed = {path for path in sound.keys() | hostile.keys() if sound.get(path) != hostile.get(path)}
    if fault.about.startswith("data/") and kind != "wrong-pages":
        assert {path for path in changed if path.startswith("data/")} == {fault.about}


def test_the_broken_bags_are_broken_for_bagit_too(tmp_path):
    for name in ("changed-payload", "missing-payload", "unlisted-payload", "no-declaration"):
        folder = factories.a_bag(tmp_path / name, break_=name)
        with pytest.raises(bagit.BagError):
            bagit.Bag(str(folder)).validate()


def test_the_encrypted_form_does_not_open_and_the_contradicting_one_shows_another_number():
    with pytest.raises(pikepdf.PasswordError):
        pikepdf.open(io.BytesIO(catalogue.hostile("encrypted-pdf")["data/increase-form.pdf"]))
    tree = catalogue.hostile("contradicting-text")
    number = json.loads(tree["submission.json"])["persons"][0]["id_no"]
    text = text_of(tree["data/increase-form.pdf"])
    assert "证件号码" in text and number not in text


def examined(path: Path, fence: Fence) -> dict:
    """What the examination says of a package, with the pack and item that its submission names."""

    def load(package):
        submission = package.submission
        package.pack = profiles.registry().pack(
            submission["source"], date.fromisoformat(submission["handled_on"])
        )
        package.item = package.pack.item(submission["item"])

    return examine(path, fence, today=date(2026, 11, 22), load=load)


def test_every_clean_package_passes_the_examination_without_a_remark(tmp_path, fence):
    planned = catalogue.demo_packages(tmp_path / "demo", readable=False)
    clean = [plan.path for plan in planned if plan.fault is None]
    for path in clean + list(catalogue.light_packages(tmp_path / "light", 20)):
        assert examined(path, fence)["verdict"] == "accept", path


@pytest.mark.parametrize("kind", sorted(FAULTS.keys() - JUDGED_AT_RECEIPT))
def test_the_examination_finds_the_fault_where_the_catalogue_says(kind, tmp_path, fence):
    fault = FAULTS[kind]
    report = examined(factories.a_hostile_bag(tmp_path, kind, zip=True), fence)
    wanted = "failed" if fault.outcome == "returned" else "warning"
    assert report["verdict"] == ("reject" if fault.outcome == "returned" else "flag")
    assert any(
        finding["verdict"] == wanted
        and finding["property"] == fault.property
        and fault.about in f"{finding['file']} {finding['field']} {finding['message']}"
        for finding in report["findings"]
    ), report["findings"]


@readable
def test_readable_forms_show_label_and_value_side_by_side_with_fonts_embedded():
    draft = cases.increase(
        People(5), handled_on=DAY, number=1, department="参保登记科", counter=True, rare=True
    )
    forms.print_drafts([draft])
    form = draft.files["data/increase-form.pdf"]
    text = text_of(form)
    fields = draft.submission["fields"]
    assert f"姓名 {fields['姓名']} 证件号码 {fields['证件号码']}" in text
    assert fields["联系地址"] in text
    with pikepdf.open(io.BytesIO(form)) as document:
        assert len(document.pages) == 1
        for font in document.pages[0].resources.Font.values():
            descriptor = font.DescendantFonts[0].FontDescriptor
            assert any(key in descriptor for key in ("/FontFile2", "/FontFile3"))
    with Image.open(io.BytesIO(draft.files["data/identity.jpg"])) as scan:
        assert scan.size == (1654, 2339) and scan.info["dpi"] == (200, 200)
    assert 100_000 < len(draft.files["data/identity.jpg"]) < 500_000


@readable
def test_printing_twice_makes_the_same_bytes():
    def printed():
        draft = cases.summary(People(6), handled_on=DAY, number=1, department="统计科", count=4)
        forms.print_drafts([draft])
        return draft.files

    assert printed() == printed()


def test_without_a_chinese_font_the_refusal_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(fonts, "FOLDERS", (str(tmp_path),))
    fonts.chinese_font.cache_clear()
    try:
        with pytest.raises(NotConfigured) as refusal:
            forms.print_drafts([])
    finally:
        monkeypatch.undo()
        fonts.chinese_font.cache_clear()
    assert "apt-get install -y fonts-noto-cjk" in str(refusal.value)
