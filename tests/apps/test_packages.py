"""Packages as they leave: what they hold, that others can check them, who may have them, and that nothing half made
ever looks finished. (Out of one installation and into another: tests/journeys/test_round_trip.py.)"""

import hashlib
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from urllib.parse import unquote

import bagit
import pytest
from lxml import etree

from archive import editions, keeping, records
from archive.errors import NotAllowed, NotFound, StorageFailed, WrongInput, WrongState
from archive.inspection.probes import unpacking
from archive.models import Access, DigitalObject, Event, Fonds, Record
from archive.packages import outgoing, writing
from archive.packages.content import made
from archive.permissions import Actor
from tests import filed
from tests.leaving import FILES, SUBMISSION, WHY, a_record

pytestmark = pytest.mark.django_db(databases="__all__")


def out(record_or_ids, path: Path, actor, *, format: str = "bag", purpose: str = WHY):
    ids = [record_or_ids.pk] if isinstance(record_or_ids, Record) else record_or_ids
    target = outgoing.target_at(path, zip=path.suffix == ".zip")
    return outgoing.export(ids, target, format=format, purpose=purpose, actor=actor)


def contents(path: Path) -> dict[str, bytes]:
    """Path inside the package → bytes, of a zip (without its top folder) or a folder."""
    if path.is_dir():
        return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    with zipfile.ZipFile(path) as archive:
        return {entry.filename.partition("/")[2]: archive.read(entry) for entry in archive.infolist()}


@pytest.fixture
def record(stores) -> Record:
    return a_record(stores)


@pytest.fixture
def archivist() -> Actor:
    return filed.an_actor("archivist")


# --- what a package is ----------------------------------------------------------------------------------------------


def test_a_bag_is_valid_for_the_tool_of_the_library_of_congress(record, archivist, tmp_path):
    out(record, tmp_path / "bag", archivist)
    bag = bagit.Bag(str(tmp_path / "bag"))
    assert bag.validate() and bag.version_info == (1, 0)
    assert bag.info["External-Identifier"] == record.business_no
    out(record, tmp_path / "bag.zip", archivist)
    with zipfile.ZipFile(tmp_path / "bag.zip") as archive:
        archive.extractall(tmp_path / "x")
    assert bagit.Bag(str(tmp_path / "x" / record.reference_code)).validate()


def test_a_name_with_a_percent_sign_is_read_alike_by_every_tool(stores, archivist, tmp_path):
    record = a_record(stores, {"data/100%.txt": b"a", "data/100%25.txt": b"b"})
    out(record, tmp_path / "bag", archivist)
    assert bagit.Bag(str(tmp_path / "bag")).validate()
    facts = unpacking.unpack(str(tmp_path / "bag"), str(tmp_path))
    assert facts["problems"] == [] and facts["version"] == "0.97"


@pytest.mark.parametrize("name", ["package", "package.zip"])
@pytest.mark.parametrize("format", outgoing.FORMATS)
def test_every_original_and_the_declaration_leave_as_they_came(format, name, record, archivist, tmp_path):
    out(record, tmp_path / name, archivist, format=format)
    found = contents(tmp_path / name)
    inside, declared = ("representations/rep1/", "metadata/descriptive/") if format == "mets" else ("", "")
    assert {path: found[f"{inside}{path}"] for path in FILES} == FILES
    assert found[f"{declared}submission.json"] == SUBMISSION
    manifest = found["metadata/descriptive/manifest.json" if format == "mets" else "metadata/manifest.json"]
    assert record.reference_code in manifest.decode()


@pytest.mark.parametrize("name", ["package", "package.zip"])
@pytest.mark.parametrize("format", outgoing.FORMATS)
def test_what_left_is_whole_for_whoever_takes_it_in(format, name, record, archivist, tmp_path):
    out(record, tmp_path / name, archivist, format=format)
    (tmp_path / "x").mkdir()
    facts = unpacking.unpack(str(tmp_path / name), str(tmp_path / "x"))
    assert facts["problems"] == [] and set(facts["files"]) == set(FILES)
    for path, data in FILES.items():
        assert facts["files"][path]["sha256"] == hashlib.sha256(data).hexdigest()
    assert "submission.json" in facts["covered"] and facts["submission"]["persons"]


def test_the_sm3_digests_and_the_history_go_along(record, archivist, tmp_path):
    out(record, tmp_path / "bag", archivist)
    found = contents(tmp_path / "bag")
    told = dict(reversed(line.split("  ", 1)) for line in found["metadata/sm3.txt"].decode().splitlines())
    assert {path: told[path] for path in FILES} == {
        path: hashlib.new("sm3", data).hexdigest() for path, data in FILES.items()
    }
    premis = etree.fromstring(found["metadata/premis.xml"])
    space = {"p": "http://www.loc.gov/premis/v3"}
    assert premis.xpath("//p:eventType/text()", namespaces=space)[:2] == ["record.filed", "record.kept"]
    assert hashlib.sha256(FILES["data/增减表.pdf"]).hexdigest() in premis.xpath(
        "//p:messageDigest/text()", namespaces=space
    )


def test_of_the_manifest_the_newest_edition_that_is_stored_goes_out(record, archivist, tmp_path):
    def manifest(name: str) -> str:
        out(record, tmp_path / name, archivist)
        return contents(tmp_path / name)["metadata/manifest.json"].decode()

    Record.objects.filter(pk=record.pk).update(responsible="另一个责任者")
    editions.follow([record.pk])
    assert "另一个责任者" not in manifest("before")
    assert keeping.keep(record.pk, lambda item: io.BytesIO(b""), actor=archivist)
    assert "另一个责任者" in manifest("after")


def test_mets_lists_every_file_and_every_listed_file_is_there(record, archivist, tmp_path):
    out(record, tmp_path / "mets", archivist, format="mets")
    found = contents(tmp_path / "mets")
    head = etree.fromstring(found["METS.xml"])
    mets, link = "{http://www.loc.gov/METS/}", "{http://www.w3.org/1999/xlink}href"
    listed = {}
    for element in [*head.iter(f"{mets}mdRef"), *head.iter(f"{mets}file")]:
        place = element if element.tag == f"{mets}mdRef" else element.find(f"{mets}FLocat")
        assert place.get(link).isascii(), "an address is written as addresses are"
        listed[unquote(place.get(link))] = element
    assert set(listed) == set(found) - {"METS.xml"}
    for path, element in listed.items():
        assert element.get("SIZE") == str(len(found[path]))
        assert element.get("CHECKSUMTYPE") == "SHA-256" and element.get("MIMETYPE") and element.get("CREATED")
        assert element.get("CHECKSUM") == hashlib.sha256(found[path]).hexdigest()


def test_in_mets_every_id_is_one_of_a_kind_and_every_reference_leads_somewhere(record, archivist, tmp_path):
    out(record, tmp_path / "mets", archivist, format="mets")
    head = etree.fromstring((tmp_path / "mets/METS.xml").read_bytes())
    ids = head.xpath("//@ID")
    assert len(ids) == len(set(ids))
    assert all(one[0].isalpha() and one.replace("-", "").isalnum() for one in ids)
    named = [name for text in head.xpath("//@DMDID | //@ADMID | //@FILEID") for name in text.split()]
    assert named and set(named) <= set(ids)
    assert head.get("OBJID") == f"urn:uuid:{record.pk}" and head.get("PROFILE")
    labels = head.xpath("//*[local-name()='structMap'][@LABEL='CSIP']/*/*/@LABEL")
    assert labels == ["Metadata", "Documentation", "Schemas", "Representations"]


def test_text_that_xml_cannot_hold_does_no_harm(record, archivist, tmp_path):
    Fonds.objects.update(name="某局\x0b\x01<b>&")
    out(record, tmp_path / "mets", archivist, format="mets")
    head = etree.fromstring((tmp_path / "mets/METS.xml").read_bytes())
    assert "某局\ufffd\ufffd<b>&" in head.xpath("//*[local-name()='name']/text()")


# --- how it is written ------------------------------------------------------------------------------------------------


def test_chinese_names_are_marked_as_utf_8(record, archivist, tmp_path):
    out(record, tmp_path / "bag.zip", archivist)
    with zipfile.ZipFile(tmp_path / "bag.zip") as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            assert entry.filename.isascii() or entry.flag_bits & 0x800, entry.filename
            assert not entry.filename.startswith(("/", "..")) and "\\" not in entry.filename


def test_more_files_than_an_old_zip_can_hold(tmp_path):
    part = made("x", b"", "text/plain")
    target = writing.ZipTarget(tmp_path / "many.zip")
    with target:
        for number in range(66_000):
            target.add(part, f"f{number}")
        assert target.finish().files == 66_000
    with zipfile.ZipFile(tmp_path / "many.zip") as archive:
        assert len(archive.infolist()) == 66_000


def test_a_file_larger_than_an_old_zip_can_hold(record, archivist, tmp_path, monkeypatch):
    """The border is drawn nearer: four gigabytes take too long."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    out(record, tmp_path / "bag.zip", archivist)
    monkeypatch.undo()
    assert (tmp_path / "bag.zip").read_bytes().count(b"\x01\x00") > 1
    found = contents(tmp_path / "bag.zip")
    assert {path: found[path] for path in FILES} == FILES


@pytest.mark.parametrize("format", outgoing.FORMATS)
def test_memory_does_not_grow_with_the_files(format, stores, archivist, tmp_path):
    record = a_record(stores, {"data/large.bin": bytes(48 << 20)})
    tracemalloc.start()
    try:
        out(record, tmp_path / "p.zip", archivist, format=format)
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


def test_several_records_leave_in_one_zip_with_a_list(stores, archivist, tmp_path):
    made = [a_record(stores), a_record(stores)]
    out([one.pk for one in made], tmp_path / "all.zip", archivist)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path / "x")
    batch = json.loads((tmp_path / "x/batch.json").read_text())
    assert batch == {"cases": 2, "business_nos": [one.business_no for one in made], "source": "dongguan"}
    for one in made:
        assert bagit.Bag(str(tmp_path / "x" / one.reference_code)).validate()


def spoil(stores, record: Record, path: str) -> None:
    item = record.digital_objects.get(path=path)
    for file in [f for f in Path(stores["local"].root).rglob("*") if f.is_file() and str(item.pk) in str(f)]:
        if file.read_bytes().startswith(FILES[path][:4]) and FILES[path]:
            file.chmod(0o600)
            file.write_bytes(FILES[path][:-1] + b"X")


@pytest.mark.parametrize("name", ["package", "package.zip"])
def test_changed_bytes_do_not_leave_and_nothing_half_made_stays(name, stores, record, archivist, tmp_path):
    spoil(stores, record, "data/增减表.pdf")
    (tmp_path / "to").mkdir()
    with pytest.raises(StorageFailed) as fault:
        out(record, tmp_path / "to" / name, archivist)
    assert fault.value.kind == "changed"
    assert list((tmp_path / "to").iterdir()) == []
    assert not Event.objects.filter(action="record.exported").exists()


def test_what_a_killed_run_left_is_not_taken_for_finished_and_is_written_anew(record, archivist, tmp_path):
    (tmp_path / "bag.zip.part").write_bytes(b"half")
    (tmp_path / "bag.part").mkdir()
    (tmp_path / "bag.part/half").write_bytes(b"half")
    for name in ("bag.zip", "bag"):
        out(record, tmp_path / name, archivist)
    assert not list(tmp_path.glob("*.part"))
    assert "half" not in contents(tmp_path / "bag")


def test_the_ledgers_know_before_anybody_can_have_it(record, archivist, tmp_path):
    path, seen = tmp_path / "bag.zip", []
    target = outgoing.target_at(path, zip=True)
    original = target.finish
    target.finish = lambda before: original(before=lambda: (before(), seen.append(path.exists())))
    outgoing.export([record.pk], target, format="bag", purpose=WHY, actor=archivist)
    assert seen == [False] and path.exists()
    event = Event.objects.get(action="record.exported")
    assert (event.subject, event.data["purpose"]) == (str(record.pk), WHY)
    access = Access.objects.get(action="package.exported")
    assert (access.record, access.purpose, access.actor) == (record.pk, WHY, archivist.id)


def test_a_place_that_takes_nothing_is_a_plain_refusal(record, archivist, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WrongInput, match="不能写出"):
        out(record, tmp_path / "file" / "bag.zip", archivist)


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["window", "clerk", "inspector", "appraiser"])
def test_who_may_read_may_not_therefore_export(role, record, tmp_path):
    with pytest.raises(NotAllowed, match="导出档案"):
        out(record, tmp_path / "bag", filed.an_actor(role))


def test_a_record_outside_the_scope_is_not_found(stores, tmp_path):
    record = a_record(stores, department=filed.a_department("待遇科"))
    narrow = filed.an_actor("archivist", departments=[filed.a_department("参保登记科").pk])
    with pytest.raises(NotFound):
        out(record, tmp_path / "bag", narrow)


@pytest.mark.parametrize("purpose", ["", "查", "　 ", "长" * 121])
def test_a_purpose_must_say_something(purpose, record, archivist, tmp_path):
    with pytest.raises(WrongInput, match="导出目的"):
        out(record, tmp_path / "bag", archivist, purpose=purpose)


def test_what_is_not_stored_yet_is_not_exported(archivist, tmp_path, stores):
    new = filed.a_new_record(objects=(filed.an_object(b"x"),))
    record = records.create(new, actor=archivist, store_names=list(stores))
    with pytest.raises(StorageFailed, match="还没有写好"):
        out(record, tmp_path / "bag", archivist)


def test_a_destroyed_record_has_nothing_to_give(record, archivist, tmp_path, actor):
    records.move(record.pk, "disposing", actor=actor, action="record.kept", data={"stores": "x"})
    with pytest.raises(WrongState):
        out(record, tmp_path / "bag", archivist)


@pytest.mark.parametrize("path", ["data/../../x", "/etc/x", "data/a\\b", "data//x", "data/x\n"])
def test_a_name_that_somebody_put_into_the_database_leads_nowhere(path, record, archivist, tmp_path):
    DigitalObject.objects.filter(record=record, path="data/增减表.pdf").update(path=path)
    with pytest.raises(WrongInput, match="文件名"):
        out(record, tmp_path / "bag", archivist)
    assert not (tmp_path / "bag").exists()
