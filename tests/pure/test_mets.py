"""A METS package as it comes in: read as a bag would be, believed in nothing. Everything here runs in the fenced child's
own functions; the verdicts are those of the checks."""

import hashlib
import json
import zipfile
from datetime import date

import pytest

from archive.inspection import checks
from archive.inspection.examine import prepare, verdict
from archive.inspection.probes import mets, unpacking
from tests import bags, factories

FORM = "representations/rep1/data/increase-form.pdf"
DECLARED = "metadata/descriptive/submission.json"


def listed(files: dict[str, bytes], **changed: dict) -> bytes:
    """METS.xml over these files; `changed` by path (`/` as `__`) replaces attributes, None leaves the file out."""
    rows = []
    for number, (path, data) in enumerate(files.items()):
        told = {
            "SIZE": str(len(data)),
            "CHECKSUM": hashlib.sha256(data).hexdigest(),
            "CHECKSUMTYPE": "SHA-256",
            "href": path,
        } | changed.get(path, {})
        href = told.pop("href")
        said = " ".join(f'{name}="{value}"' for name, value in told.items() if value is not None)
        place = f'LOCTYPE="URL" xlink:href="{href}"' if href is not None else ""
        if path.startswith("metadata/"):
            rows.append(f'<dmdSec ID="d{number}"><mdRef {place} MDTYPE="OTHER" {said}/></dmdSec>')
        else:
            rows.append(
                f'<fileSec><fileGrp><file ID="f{number}" {said}><FLocat {place}/></file></fileGrp></fileSec>'
            )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<mets xmlns="http://www.loc.gov/METS/" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f"{''.join(rows)}</mets>"
    ).encode()


def a_package(**more: bytes) -> dict[str, bytes]:
    submission = factories.a_submission()
    files = {
        path.replace("data/", "representations/rep1/data/", 1): data
        for path, data in factories.files_for(submission).items()
    }
    for material in submission["materials"]:
        for file in material["files"]:
            data = files[file["path"].replace("data/", "representations/rep1/data/", 1)]
            file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return files | {DECLARED: json.dumps(submission, ensure_ascii=False).encode()} | more


def problems(files: dict[str, bytes], tmp_path, head: bytes | None = None) -> dict[str, str]:
    path = bags.zipped(files | {"METS.xml": head if head is not None else listed(files)}, tmp_path / "p.zip")
    (tmp_path / "out").mkdir()
    facts = unpacking.unpack(str(path), str(tmp_path / "out"))
    assert facts["readable"]
    return {problem["kind"]: problem["path"] for problem in facts["problems"]}


def examined(path, fence, tmp_path):
    (tmp_path / "work").mkdir()
    package = prepare(path, fence, tmp_path / "work", today=date(2026, 1, 1))
    return package, checks.run(package)


def test_a_whole_package_has_no_problem_and_looks_like_the_bag_it_could_be(tmp_path, fence):
    files = a_package()
    path = bags.zipped(files | {"METS.xml": listed(files)}, tmp_path / "p.zip")
    package, findings = examined(path, fence, tmp_path)
    assert package.bag["problems"] == []
    assert package.submission["business_no"] and package.bag["covered"] == ["submission.json"]
    assert all(path.startswith("data/") for path in package.files)
    for name, file in package.files.items():
        assert hashlib.sha256((package.root / name).read_bytes()).hexdigest() == file.sha256
    assert (package.root / "submission.json").read_bytes() == files[DECLARED]
    assert verdict(findings) == "accept", [
        f for f in findings if f.verdict in ("failed", "warning", "manual")
    ]


def test_a_folder_is_read_where_it_lies_and_left_as_it_is(tmp_path):
    files = a_package()
    folder = bags.laid_out(files | {"METS.xml": listed(files)}, tmp_path / "folder")
    facts = unpacking.unpack(str(folder), str(tmp_path))
    assert facts["problems"] == [] and facts["submission"]
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {
        *files,
        "METS.xml",
    }
    assert all((folder / "representations/rep1" / name).is_file() for name in facts["files"])


CHANGED = {
    "another digest": ({FORM: {"CHECKSUM": "0" * 64}}, "digest"),
    "another size": ({FORM: {"SIZE": "1"}}, "mets-size"),
    "no digest": ({FORM: {"CHECKSUM": None, "CHECKSUMTYPE": None}}, "mets-no-digest"),
    "a weak digest": ({FORM: {"CHECKSUMTYPE": "MD5"}}, "mets-no-digest"),
    "out of the package": ({FORM: {"href": "../../etc/passwd"}}, "line-outside"),
    "out of the package, written otherwise": ({FORM: {"href": "%2e%2e/%2E%2E/etc/passwd"}}, "line-outside"),
    "the root of the machine": ({FORM: {"href": "/etc/passwd"}}, "line-outside"),
    "a file address": ({FORM: {"href": "file:///etc/passwd"}}, "line-outside"),
    "the network": ({FORM: {"href": "http://169.254.169.254/x"}}, "line-outside"),
    "nowhere": ({FORM: {"href": ""}}, "line-outside"),
    "a file that is not there": ({FORM: {"href": "representations/rep1/data/no.pdf"}}, "missing"),
}


@pytest.mark.parametrize("how", CHANGED)
def test_what_is_said_of_a_file_is_compared_with_the_file(how, tmp_path):
    changed, kind = CHANGED[how]
    files = a_package()
    assert kind in problems(files, tmp_path, listed(files, **changed))


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"data/increase-form.pdf": b"another"}, "mets-data"),
        ({"representations/rep2/data/x.txt": b"x"}, "mets-representations"),
        ({"submission.json": b"{}"}, "mets-declarations"),
        ({"metadata/other/submission.json": b"{}"}, "mets-declarations"),
    ],
)
def test_what_could_be_taken_for_something_else_is_refused(more, kind, tmp_path):
    assert kind in problems(a_package(**more), tmp_path)


def test_a_file_that_is_not_listed_is_found(tmp_path):
    files = a_package()
    head = listed(files)
    files["representations/rep1/data/小抄.txt"] = b"not listed"
    assert problems(files, tmp_path, head) == {"extra": "representations/rep1/data/小抄.txt"}


def test_a_declaration_that_nothing_covers_proves_nothing(tmp_path):
    files = a_package()
    head = listed({path: data for path, data in files.items() if path != DECLARED})
    assert "mets-uncovered" in problems(files, tmp_path, head)


ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE mets [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">
<!ENTITY x SYSTEM "file:///etc/passwd">]><mets xmlns="http://www.loc.gov/METS/">&b;&x;</mets>"""
HEADS = {
    "entities": (ENTITIES, "mets-doctype"),
    "entities in UTF-16": (ENTITIES.decode().replace('"1.0"', '"1.0" encoding="UTF-16"').encode("utf-16"), "mets-doctype"),
    "entities in UTF-32": (ENTITIES.decode().replace('"1.0"', '"1.0" encoding="UTF-32"').encode("utf-32"), "mets-doctype"),
    "no XML": (b"PK\x03\x04", "mets-unreadable"),
    "empty": (b"", "mets-unreadable"),
    "cut off": (listed({"a": b"a"})[:-9], "mets-unreadable"),
    "another document": (b"<html/>", "mets-unreadable"),
    "too deep": (b"<a>" * 100_000, "mets-unreadable"),
}  # fmt: skip


@pytest.mark.parametrize("what", HEADS)
def test_hostile_xml_is_a_finding(what, tmp_path, fence):
    head, kind = HEADS[what]
    files = a_package()
    assert kind in problems(files, tmp_path, head)
    path = bags.zipped(files | {"METS.xml": head}, tmp_path / "again.zip")
    _, findings = examined(path, fence, tmp_path)
    assert verdict(findings) == "reject"


def test_a_head_larger_than_anybody_needs_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(mets, "LARGEST", 100)
    assert "tag-file-large" in problems(a_package(), tmp_path)


def test_a_bag_that_holds_a_mets_file_stays_a_bag(tmp_path):
    files = bags.bag_files({"METS.xml": b"<x/>", "a.txt": b"a"})
    (tmp_path / "out").mkdir()
    facts = unpacking.unpack(str(bags.zipped(files, tmp_path / "b.zip")), str(tmp_path / "out"))
    assert "kind" not in facts and facts["problems"] == []


def test_a_zip_with_mets_at_its_top_is_a_package_and_one_without_is_a_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("deep/down/METS.xml", "x")
    assert unpacking.looks_like_bag(str(tmp_path / "plain.zip")) == {"bag": False}
    files = a_package()
    assert unpacking.looks_like_bag(str(bags.zipped(files | {"METS.xml": b""}, tmp_path / "p.zip"))) == {
        "bag": True
    }
