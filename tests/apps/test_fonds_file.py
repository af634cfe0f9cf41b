"""全宗卷: bytes first, then the row; numbered without gaps; read only where one may, and never changed bytes."""

import hashlib

import pytest
from django.utils import timezone

from archive import audit, fonds_file
from archive import stores as archive_stores
from archive.errors import NotFound, StorageFailed, WrongInput
from archive.models import Access, Counter, Event, Paper
from archive.permissions import Actor
from tests import filed

pytestmark = pytest.mark.django_db


def keep(
    fonds=None, content=b"%PDF-1.7 minutes", *, about="appraisal:1", actor, kind="鉴定会议纪要"
) -> Paper:
    return fonds_file.keep_paper(
        fonds or filed.a_fonds(), kind=kind, title="鉴定〔2026〕1号会议纪要", content=content,
        mime="application/pdf", about=about, actor=actor,
    )  # fmt: skip


def test_a_paper_lies_in_every_store_under_its_own_key_locked_to_the_horizon(two_stores, actor):
    paper = keep(actor=actor)
    assert [copy["store"] for copy in paper.copies] == ["local", "second"]
    for copy in paper.copies:
        assert copy["key"] == f"fondsfile/D019/{paper.pk}"
        held = two_stores[copy["store"]].head(copy["key"], copy["version"])
        assert held.lock_until == archive_stores.horizon(timezone.localdate())
        assert held.sha256 == paper.sha256 == hashlib.sha256(b"%PDF-1.7 minutes").hexdigest()


def test_papers_are_numbered_without_gaps_in_their_fonds(stores, actor):
    other = filed.a_fonds("D020")
    numbers = [keep(content=bytes([n]), actor=actor).number for n in range(3)]
    assert numbers == [1, 2, 3]
    assert keep(other, actor=actor).number == 1
    assert Counter.objects.get(scope="fondsfile:D019").last == 3


def test_a_store_that_fails_leaves_no_paper_and_no_number(two_stores, actor, monkeypatch, tmp_path):
    """The second store has gone: bytes in the first may stay behind, a row never."""
    monkeypatch.setenv("SECOND_PATH", str(tmp_path / "file"))
    (tmp_path / "file").write_bytes(b"not a folder")
    archive_stores.forget()
    with pytest.raises(StorageFailed):
        keep(actor=actor)
    assert not Paper.objects.exists() and not Counter.objects.filter(scope__startswith="fondsfile").exists()


def test_bytes_that_read_back_otherwise_make_no_paper(stores, actor, monkeypatch):
    store = stores["local"]
    original = store.open

    def wrong(*args, **kwargs):
        stream = original(*args, **kwargs)
        stream.read(1)
        return stream

    monkeypatch.setattr(store, "open", wrong)
    with pytest.raises(StorageFailed, match="不同"):
        keep(actor=actor)
    assert not Paper.objects.exists()


def test_keeping_the_same_bytes_about_the_same_subject_again_is_the_same_paper(stores, actor):
    first = keep(actor=actor)
    assert keep(actor=actor) == first
    assert keep(actor=actor, about="appraisal:2") != first
    assert keep(actor=actor, content=b"other") != first
    assert keep(actor=actor, kind="备案回执") != first


def test_an_empty_paper_is_refused(stores, actor):
    with pytest.raises(WrongInput, match="空"):
        keep(content=b"", actor=actor)


def test_keeping_stands_in_the_ledger_of_the_fonds(stores, actor):
    keep(actor=actor)
    event = Event.objects.get(action="paper.kept")
    assert (event.kind, event.subject) == ("fonds", "D019")
    assert audit.sentence(event) == "存入全宗卷第 1 号：鉴定会议纪要《鉴定〔2026〕1号会议纪要》"


def test_reading_a_paper_gives_its_bytes_and_stands_in_the_ledger(stores, actor):
    manager = filed.an_actor("manager")
    paper = fonds_file.get_for(manager, keep(actor=actor).pk)
    assert fonds_file.open_paper(paper, actor=manager).read() == b"%PDF-1.7 minutes"
    assert Access.objects.get(action="paper.viewed").actor == manager.id


def test_a_changed_copy_is_passed_over_and_with_no_whole_one_left_nothing_is_shown(
    two_stores, actor, tmp_path
):
    paper = keep(actor=actor)
    spoil(tmp_path / "stores" / "local", paper)
    assert fonds_file.open_paper(paper, actor=actor).read() == b"%PDF-1.7 minutes"
    spoil(tmp_path / "stores" / "second", paper)
    with pytest.raises(StorageFailed):
        fonds_file.open_paper(paper, actor=actor)


def spoil(folder, paper):
    files = [
        path for path in folder.rglob("*") if path.is_file() and path.read_bytes() == b"%PDF-1.7 minutes"
    ]
    assert files
    for path in files:
        path.chmod(0o600)
        path.write_bytes(b"%PDF-1.7 MINUTES")


def test_papers_of_another_fonds_are_not_even_there(stores, actor):
    paper = keep(filed.a_fonds("D020"), actor=actor)
    with pytest.raises(NotFound):
        fonds_file.get_for(filed.an_actor("manager"), paper.pk)


@pytest.mark.parametrize("role", ["clerk", "window", "sysadmin", "secadmin"])
def test_who_has_no_part_in_decisions_reads_no_papers(stores, actor, role):
    paper = keep(actor=actor)
    user = filed.an_actor(role)
    assert isinstance(user, Actor)
    with pytest.raises(NotFound):
        fonds_file.get_for(user, paper.pk)
