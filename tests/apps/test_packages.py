"""Packages as they leave: what they hold, that others can check them, who may have them, and that nothing half made
ever looks finished. (Out of one installation and into another: tests/journeys/test_round_trip.py.)"""

import hashlib
import io
import json
import tracemalloc
import zipfile
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

import bagit
import pytest
from django.urls import reverse
from django.utils import timezone
from lxml import etree

from archive import editions, keeping, records
from archive.errors import NotAllowed, NotFound, StorageFailed, WrongInput, WrongState
from archive.inspection.probes import unpacking
from archive.models import Access, DigitalObject, Event, Fonds, Record
from archive.packages import orders, outgoing, writing
from archive.packages.content import made
from archive.permissions import Actor
from search.engine import engine
from tests import filed
from tests.pages import NUMBER, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")

WHY = "移交市档案馆，移交书〔2026〕3 号"
FILES = {
    "data/增减表.pdf": b"%PDF-1.7 form",
    "data/附件/身份证 正面.jpg": b"\xff\xd8 scan",
    "data/附件/空.txt": b"",
    f"data/附件/{NUMBER} 背面.jpg": b"a name that is stored sealed",
    "data/e\u0301te\u0301 & <b>'q'.txt": b"names of every kind",
    "data/𠮷〇—（1）#?+.txt": "生僻字".encode(),
}
SUBMISSION = json.dumps({"persons": [{"id_no": NUMBER}]}).encode()


def a_record(stores, files: dict[str, bytes] = FILES, **changed) -> Record:
    """A kept record with these originals and its declaration, which is stored encrypted where the fonds is."""
    contents = {filed.an_object(data, path): data for path, data in files.items()}
    declared = filed.an_object(
        SUBMISSION, "submission.json", role="submission", material="", mime="application/json"
    )
    contents[declared] = SUBMISSION
    by_id = {item.id: data for item, data in contents.items()}
    new = filed.a_new_record(objects=tuple(contents), **changed)
    actor = filed.an_actor("archivist", fonds=new.fonds)
    record = records.create(new, actor=actor, store_names=list(stores))
    assert keeping.keep(record.id, lambda item: io.BytesIO(by_id[item.id]), actor=actor)
    return record


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


# --- ordered on a page ------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def exports(tmp_path, settings):
    """Orders lie in a folder of this test."""
    settings.ARCHIVE_DATA = tmp_path / "own"


def an_order(actor: Actor, *made: Record, format: str = "bag") -> orders.Order:
    return orders.order([one.pk for one in made], format=format, purpose=WHY, actor=actor)


def test_an_order_is_taken_down_made_and_fetched(record, archivist):
    asked = an_order(archivist, record)
    assert asked.state == "waiting"
    done = orders.work(asked.id)
    assert done.state == "done" and done.size > 0
    order, stream = orders.open_package(asked.id, actor=archivist)
    with stream:
        assert hashlib.sha256(stream.read()).hexdigest() == order.sha256 == done.sha256
    assert Access.objects.filter(action="export.downloaded", record=record.pk, purpose=WHY).count() == 1


def test_only_who_ordered_sees_and_fetches_it(record, archivist):
    asked = an_order(archivist, record)
    orders.work(asked.id)
    other = filed.an_actor("archivist", "manager")
    assert orders.mine(other) == [] and [one.id for one in orders.mine(archivist)] == [asked.id]
    for act in (orders.get, orders.open_package, orders.drop):
        with pytest.raises(NotFound):
            act(asked.id, actor=other)


def test_rights_are_asked_again_when_it_is_made_and_when_it_is_fetched(record, archivist):
    from archive.models import Assignment

    first, second = an_order(archivist, record), an_order(archivist, record)
    orders.work(first.id)
    Assignment.objects.filter(user=archivist.id).delete()
    assert orders.work(second.id).state == "failed"
    from archive.models import User

    with pytest.raises(NotAllowed):
        orders.open_package(first.id, actor=Actor.of(User.objects.get(pk=archivist.id)))


def test_what_was_broken_off_is_no_package_and_begins_anew(record, archivist):
    asked = an_order(archivist, record)
    folder = orders.root() / str(asked.id)
    (folder / "package.zip.part").write_bytes(b"half")
    (folder / "progress.json").write_text('{"records": 0, "bytes": 4}')
    assert orders.get(asked.id, actor=archivist).state == "running"
    import os

    os.utime(folder / "progress.json", (1, 1))
    assert orders.get(asked.id, actor=archivist).state == "stalled"
    (folder / "package.zip").write_bytes(b"whole, but not told as finished")
    assert orders.get(asked.id, actor=archivist).state == "stalled"
    with pytest.raises(NotFound):
        orders.open_package(asked.id, actor=archivist)
    assert orders.work(asked.id).state == "done"
    assert zipfile.is_zipfile(folder / "package.zip") and not (folder / "package.zip.part").exists()


def test_made_twice_it_is_made_once(record, archivist):
    asked = an_order(archivist, record)
    assert orders.work(asked.id) == orders.work(asked.id)
    assert Event.objects.filter(action="record.exported").count() == 1


def test_packages_do_not_stay(record, archivist, settings):
    asked = an_order(archivist, record)
    orders.work(asked.id)
    (orders.root() / str(uuid4())).mkdir()  # an order of which only the folder came into being
    assert orders.sweep() == 0
    assert orders.sweep(timezone.now() + timedelta(days=settings.EXPORT_DAYS)) == 2
    assert list(orders.root().iterdir()) == []


def test_with_a_destroyed_record_goes_every_package_that_holds_it(stores, record, archivist):
    other = a_record(stores)
    both, one = an_order(archivist, record, other), an_order(archivist, other)
    orders.work(both.id)
    assert orders.Traces.prove_absent(record) == [str(both.id)]
    orders.Traces.remove(record)
    assert orders.Traces.prove_absent(record) == []
    assert [left.id for left in orders.mine(archivist)] == [one.id]


def test_too_many_or_too_much_is_refused_before_anything_is_written(record, archivist, monkeypatch):
    monkeypatch.setattr(orders, "MOST_BYTES", 10)
    with pytest.raises(WrongInput, match="一次最多"):
        an_order(archivist, record)
    monkeypatch.undo()
    with pytest.raises(WrongInput, match="一次最多导出 1000 件"):
        orders.order([uuid4() for _ in range(1001)], format="bag", purpose=WHY, actor=archivist)
    assert orders.mine(archivist) == []


@pytest.mark.parametrize("broken", [b"", b"{}", b"[1]", b'{"user": 1}', b"\xff"])
def test_an_order_that_cannot_be_read_is_none(broken, record, archivist):
    asked = an_order(archivist, record)
    (orders.root() / str(asked.id) / "order.json").write_bytes(broken)
    assert orders.mine(archivist) == []
    with pytest.raises(NotFound):
        orders.work(asked.id)


# --- the pages --------------------------------------------------------------------------------------------------------


def test_from_the_record_page_to_the_download(record):
    client = reader("archivist")
    page = text(client.get(reverse("record", args=[record.pk])))
    assert 'data-dialog="export"' in page and "证件号码也在其中" in page
    answer = client.post(reverse("exports:new"), {"pk": record.pk, "purpose": WHY, "format": "mets"})
    assert answer.status_code == 302
    page = text(client.get(answer.url))
    assert "可以下载" in page and "METS" in page
    fetched = client.get(f"{answer.url}package")
    assert fetched["Content-Type"] == "application/octet-stream"
    assert zipfile.is_zipfile(io.BytesIO(b"".join(fetched.streaming_content)))
    assert record.reference_code in text(client.get(reverse("exports:list")))


def test_a_purpose_that_says_nothing_is_asked_for_again(record):
    answer = reader("archivist").post(
        reverse("exports:new"), {"pk": record.pk, "purpose": "查", "format": "bag"}
    )
    assert answer.status_code == 422 and record.reference_code in text(answer)


def test_who_may_not_export_is_not_offered_it(record):
    for role in ("clerk", "inspector"):
        client = reader(role)
        assert 'data-dialog="export"' not in text(client.get(reverse("record", args=[record.pk])))
        assert (
            client.post(
                reverse("exports:new"), {"pk": record.pk, "purpose": WHY, "format": "bag"}
            ).status_code
            == 403
        )


@pytest.fixture
def found(stores):
    engine().ensure()
    from search import indexing

    made = [a_record(stores, {"data/a.txt": b"a"}, title=f"某某公司增员第{n}批") for n in "一二三"]
    while indexing.drain():
        pass
    return made


def test_of_what_a_search_finds_the_ticked_ones_leave(found, monkeypatch):
    from archive import jobs

    queued = []
    monkeypatch.setattr(
        jobs, "enqueue", lambda function, *ids, **_: queued.append((function, *map(str, ids)))
    )
    client = reader("archivist")
    results = text(client.get(reverse("search:find"), {"q": "某某公司"}))
    for leads_on in ("exports:new", "hold_search"):  # a whole page, not a part of the results
        assert f'hx-boost="false" href="{reverse(leads_on)}?' in results
    page = text(client.get(reverse("exports:new"), {"q": "某某公司"}))
    assert all(record.reference_code in page for record in found)
    ticked = found[:2]
    answer = client.post(
        reverse("exports:new"),
        {"pk": [r.pk for r in ticked], "shown": [r.pk for r in found], "purpose": WHY, "format": "bag"},
    )
    assert "等候任务进程" in text(client.get(answer.url))
    ((function, asked),) = queued
    from django.utils.module_loading import import_string

    assert "done" in import_string(function)(asked)
    fetched = b"".join(client.get(f"{answer.url}package").streaming_content)
    with zipfile.ZipFile(io.BytesIO(fetched)) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert tops == {"batch.json", *(record.reference_code for record in ticked)}


def test_nothing_ticked_is_said_and_not_everything_taken(found):
    client = reader("archivist")
    values = {"shown": [r.pk for r in found], "purpose": WHY, "format": "bag"}
    answer = client.post(reverse("exports:new"), values)
    assert answer.status_code in (404, 422) and orders.mine(Actor.of(client.user)) == []


def test_a_stranger_gets_no_page_of_anothers_order(record, archivist):
    asked = an_order(archivist, record)
    orders.work(asked.id)
    client = reader("archivist")
    assert client.get(reverse("exports:one", args=[asked.id])).status_code == 404
    assert client.get(reverse("exports:package", args=[asked.id])).status_code == 404
    assert client.post(reverse("exports:drop", args=[asked.id])).status_code == 404


def test_its_owner_clears_it_before_its_time(record):
    client = reader("archivist")
    answer = client.post(reverse("exports:new"), {"pk": record.pk, "purpose": WHY, "format": "bag"})
    client.post(f"{answer.url}drop/")
    assert client.get(answer.url).status_code == 404 and list(orders.root().iterdir()) == []
