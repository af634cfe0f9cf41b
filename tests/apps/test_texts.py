"""Full text after a rebuild: read from the files again, found again, and never of what is being destroyed."""

import io

import pytest

from archive import changes, contents, keeping, records
from archive.errors import StorageFailed
from archive.models import Change, Fonds, ObjectText, Recognition, Record
from archive.permissions import system_actor
from archive.rebuilding.records import WORDS
from archive.scopes import EVERYTHING
from ingest import texts
from search import indexing
from search.engine import engine
from search.query import parse
from tests import filed
from tests.damaged import copies, damage
from tests.pages import NUMBER

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
SYSTEM = system_actor("测试")


@pytest.fixture(autouse=True)
def index():
    engine().ensure()
    engine().clear()


def a_letter(stores, words: str, **changed) -> Record:
    """As a rebuild brings it: the file is in the stores, its words are nowhere."""
    content = words.encode()
    item = filed.an_object(content, "data/letter.txt", mime="text/plain", pages=None)
    new = filed.a_new_record(objects=(item,), **changed)
    record = records.create(new, actor=SYSTEM, store_names=list(stores))
    assert keeping.keep(record.id, lambda _: io.BytesIO(content), actor=SYSTEM)
    changes.announce(WORDS, record.pk)
    indexing.drain()
    assert not found(words[:4])
    return record


def found(words: str) -> list:
    return [hit.record_id for hit in engine().search(parse(words), EVERYTHING).hits]


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_word_of_the_file_finds_its_record_again(stores, fence, encrypted):
    fonds = filed.a_fonds()
    Fonds.objects.filter(pk=fonds.pk).update(encrypted=encrypted)
    record = a_letter(stores, f"劳动合同续签 {NUMBER}", fonds=fonds)
    assert texts.drain(fence) == 1 and indexing.drain() == 1
    assert found("劳动合同") == found(NUMBER) == [record.pk]
    assert NUMBER not in ObjectText.objects.get().text
    assert texts.drain(fence) == 0, "once is enough"


def test_what_has_pages_and_no_words_waits_for_recognition(stores, fence):
    record = filed.a_record(stores, contents=(b"%PDF-1.7 nothing that can be read",))
    changes.announce(WORDS, record.pk)
    assert texts.drain(fence) == 1
    row = Recognition.objects.get()
    assert (row.object.record_id, row.kind, row.state) == (record.pk, "pdf", "waiting")


def test_a_record_on_its_way_out_leaves_no_word(stores, fence, monkeypatch):
    record = a_letter(stores, "劳动合同续签")
    Record.objects.filter(pk=record.pk).update(state="disposing")
    assert texts.drain(fence) == 1 and not ObjectText.objects.exists()
    # destruction begins while the file is being read
    other, read = a_letter(stores, "劳动合同解除"), texts._probed

    def slowly(item, fence):
        told = read(item, fence)
        Record.objects.filter(pk=other.pk).update(state="disposing")
        return told

    monkeypatch.setattr(texts, "_probed", slowly)
    assert texts.drain(fence) == 1 and not ObjectText.objects.exists()


def test_a_damaged_file_stops_no_other_and_a_store_that_is_away_is_asked_again(stores, fence, monkeypatch):
    damaged, whole = a_letter(stores, "劳动合同续签"), a_letter(stores, "工伤认定决定")
    damage(stores, copies(damaged)[0], "changed")

    def away(item):
        raise StorageFailed(store="local", kind="unreachable", reason="没有应答。")

    with monkeypatch.context() as patch, pytest.raises(StorageFailed):
        patch.setattr(contents, "open_object", away)
        texts.drain(fence)
    assert changes.waiting(WORDS) == 2
    Change.objects.update(try_after=None)
    assert texts.drain(fence) == 2
    assert [row.object.record_id for row in ObjectText.objects.all()] == [whole.pk]
