"""Packages ordered on a page: made by the worker, fetched by who ordered them, cleared away after days."""

import hashlib
import io
import os
import zipfile
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from archive import jobs
from archive.errors import NotAllowed, NotFound, WrongInput
from archive.models import Access, Assignment, Event, Record, User
from archive.packages import orders
from archive.permissions import Actor
from search import indexing
from search.engine import engine
from tests import filed
from tests.damaged import mounted
from tests.leaving import WHY, a_record
from tests.pages import reader, text

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def record(stores) -> Record:
    return a_record(stores)


@pytest.fixture
def archivist() -> Actor:
    return filed.an_actor("archivist")


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
    first, second = an_order(archivist, record), an_order(archivist, record)
    orders.work(first.id)
    Assignment.objects.filter(user=archivist.id).delete()
    assert orders.work(second.id).state == "failed"
    with pytest.raises(NotAllowed):
        orders.open_package(first.id, actor=Actor.of(User.objects.get(pk=archivist.id)))


def test_what_was_broken_off_is_no_package_and_begins_anew(record, archivist):
    asked = an_order(archivist, record)
    folder = orders.root() / str(asked.id)
    (folder / "package.zip.part").write_bytes(b"half")
    (folder / "progress.json").write_text('{"records": 0, "bytes": 4}')
    assert orders.get(asked.id, actor=archivist).state == "running"
    os.utime(folder / "progress.json", (1, 1))
    assert orders.get(asked.id, actor=archivist).state == "stalled"
    (folder / "package.zip").write_bytes(b"whole, but not told as finished")
    assert orders.get(asked.id, actor=archivist).state == "stalled"
    with pytest.raises(NotFound):
        orders.open_package(asked.id, actor=archivist)
    assert orders.work(asked.id).state == "done"
    assert zipfile.is_zipfile(folder / "package.zip") and not (folder / "package.zip.part").exists()


def test_on_a_full_disk_it_is_refused_and_the_half_of_it_is_taken_away(
    stores, archivist, monkeypatch, tmp_path
):
    large = filed.a_record(stores, contents=(bytes(3_000_000),))
    monkeypatch.setattr(orders, "SPARE", -(10**9))  # there was room when it was ordered
    orders.root().parent.mkdir(exist_ok=True)
    with mounted(orders.root()):
        asked = an_order(archivist, large)
        done = orders.work(asked.id)
        assert done.state == "failed" and "磁盘空间" in done.reason
        assert not list((orders.root() / str(asked.id)).glob("package*"))


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
    made = [a_record(stores, {"data/a.txt": b"a"}, title=f"某某公司增员第{n}批") for n in "一二三"]
    while indexing.drain():
        pass
    return made


def test_of_what_a_search_finds_the_ticked_ones_leave(found, monkeypatch):
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
