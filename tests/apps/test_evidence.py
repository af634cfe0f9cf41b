"""系统文件: a seal, a result of fixity, a paper that one store lost is put again from another, on an order, and from then
on the proof of the ledgers and the readers are content again."""

import gzip
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from archive import evidence, fixity, fonds_file, lock_modes, seals
from archive.errors import NotAllowed, StorageFailed, WrongInput
from archive.models import Event, Seal
from archive.storage import COMPLIANCE, GOVERNANCE
from archive.verification import verify_audit
from tests import filed
from tests.damaged import content_of
from tests.pages import reader, text

pytestmark = pytest.mark.django_db
WHY = "第二存储的桶丢失，已重建"


class At:
    """Where a file lies, for `content_of`."""

    def __init__(self, store, key, version):
        self.store, self.key, self.version = store, key, version


def spoil(stores, store, key, how):
    """Take one version below the store."""
    (version,) = [one.version for one in stores[store].versions(key)]
    content, description = stores[store]._paths(key, version)
    content.chmod(0o600)
    if how == "missing":
        content.unlink()
        description.unlink()
    else:
        content.write_bytes(b"not what was written")


@pytest.fixture
def kept(two_stores, actor):
    """name → key of one file of each kind."""
    filed.a_record(two_stores)
    fixity.sweep(actor=actor, everything=True)
    paper = fonds_file.keep_paper(
        filed.a_fonds(), kind="清册", title="2026 年清册", content=b"%PDF a register", mime="application/pdf", about="x:1",
        actor=actor,
    )  # fmt: skip
    seal = seals.seal_ledgers(actor=actor)
    run = Event.objects.get(action="fixity.run").data["file"]
    return {"seal": seal.key, "fixity": run, "paper": paper.copies[0]["key"]}


def test_a_paper_of_a_fonds_in_compliance_is_put_again_in_compliance(two_stores, kept, actor):
    """The page says so of whatever is put from then on; a lock that lies there may not be raised any more."""
    manager, approver = filed.an_actor("manager"), filed.an_actor("approver")
    change = lock_modes.ask(filed.a_fonds(), reason="上级要求", actor=manager)
    lock_modes.confirm(change.pk, understood=True, actor=approver, today=change.confirm_from)
    for kind in ("paper", "seal"):
        spoil(two_stores, "second", kept[kind], "missing")
    for found in evidence.wanting():
        evidence.put_again(found, actor=filed.an_actor("archivist"), reason=WHY)
    second = two_stores["second"]
    modes = {kind: second.head(key, second.versions(key)[0].version).lock_mode for kind, key in kept.items()}
    assert modes == {"paper": COMPLIANCE, "seal": GOVERNANCE, "fixity": GOVERNANCE}


def all_wanting():
    return {found.file.key: found.bad for found in evidence.wanting()}


def test_nothing_is_wanting_where_nothing_was_lost(two_stores, kept):
    assert all_wanting() == {} and {file.key for file in evidence.expected()} == set(kept.values())


@pytest.mark.parametrize("kind", ["seal", "fixity", "paper"])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_lost_file_is_put_again_from_the_other_store(two_stores, kept, actor, kind, how):
    spoil(two_stores, "second", kept[kind], how)
    (found,) = evidence.wanting()
    assert (found.file.key, found.bad, found.good) == (kept[kind], {"second": how}, ["local"])
    assert evidence.put_again(found, actor=filed.an_actor("archivist"), reason=WHY) == ["second"]
    assert all_wanting() == {}
    newest = two_stores["second"].versions(kept[kind])[0]
    assert two_stores["second"].head(newest.key, newest.version).lock_until
    event = Event.objects.get(action="evidence.restored")
    assert (event.data["store"], event.data["key"], event.data["version"]) == (
        "second",
        kept[kind],
        newest.version,
    )


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_the_proof_of_the_ledgers_is_content_once_a_seal_was_put_again(two_stores, kept, actor, how):
    spoil(two_stores, "second", kept["seal"], how)
    assert {fault.fault for fault in verify_audit().faults} >= {
        {"missing": "seal-file-missing", "damaged": "seal-file-changed"}[how]
    }
    (found,) = evidence.wanting()
    evidence.put_again(found, actor=actor, reason=WHY)
    assert verify_audit().faults == []
    spoiled = two_stores["second"].versions(kept["seal"])[0]
    path = content_of(two_stores, At("second", spoiled.key, spoiled.version))
    path.chmod(0o600)
    path.write_bytes(b"again")  # the one that was put again is watched like the first
    assert verify_audit().faults != []


class Kill(BaseException):
    pass


def test_killed_between_store_and_event_the_next_order_tells_of_it_and_writes_nothing_twice(
    two_stores, kept, actor, monkeypatch
):
    spoil(two_stores, "second", kept["seal"], "missing")
    (found,) = evidence.wanting()
    with monkeypatch.context() as patched:
        patched.setattr(evidence.audit, "record", lambda **_: (_ for _ in ()).throw(Kill))
        with pytest.raises(Kill):
            evidence.put_again(found, actor=actor, reason=WHY)
    (again,) = evidence.wanting()
    assert again.bad == {"second": "untold"}
    assert evidence.put_again(again, actor=actor, reason=WHY) == ["second"]
    assert len(two_stores["second"].versions(kept["seal"])) == 1
    assert verify_audit().faults == [] and all_wanting() == {}


def test_a_well_formed_seal_that_says_otherwise_is_never_covered_up(two_stores, kept, actor):
    seal = Seal.objects.get()
    (version,) = two_stores["second"].versions(seal.key)
    path = content_of(two_stores, At("second", seal.key, version.version))
    header, *lines = gzip.decompress(path.read_bytes()).splitlines()
    forged = seals.parse(path.read_bytes())
    forged = seals.Sealed(forged.number, forged.sealed_at, "0" * 64, forged.locked_until, forged.leaves)
    path.chmod(0o600)
    path.write_bytes(seals.write(forged))
    assert json.loads(header)["number"] == 1 and lines
    (found,) = evidence.wanting()
    evidence.put_again(found, actor=actor, reason=WHY)
    assert "seal-doubled" in {fault.fault for fault in verify_audit().faults}


def test_a_paper_is_read_from_what_was_put_again_when_the_other_store_fails_too(two_stores, kept, actor):
    from archive.models import Paper

    spoil(two_stores, "second", kept["paper"], "missing")
    (found,) = evidence.wanting()
    evidence.put_again(found, actor=actor, reason=WHY)
    spoil(two_stores, "local", kept["paper"], "damaged")
    assert fonds_file.open_paper(Paper.objects.get(), actor=actor).read() == b"%PDF a register"


def test_what_no_store_has_is_told_and_left_and_the_order_needs_right_and_reason(two_stores, kept, actor):
    for store in two_stores:
        spoil(two_stores, store, kept["fixity"], "missing")
    (found,) = evidence.wanting()
    assert found.good == [] and evidence.put_again(found, actor=actor, reason=WHY) == []
    with pytest.raises(NotAllowed):
        evidence.put_again(found, actor=filed.an_actor("clerk"), reason=WHY)
    with pytest.raises(WrongInput):
        evidence.put_again(found, actor=actor, reason="")
    assert not Event.objects.filter(action="evidence.restored").exists()


def repair(capsys, *words):
    try:
        call_command("repair", *words)
        status = 0
    except SystemExit as ended:
        status = ended.code
    return status, capsys.readouterr().out


def test_the_command_tells_first_and_acts_only_with_a_reason(two_stores, kept, actor, capsys):
    from archive.models import Copy
    from tests.damaged import copies, damage

    record = Copy.objects.first().object.record
    damage(two_stores, copies(record, "second")[0], "changed")
    fixity.sweep(actor=actor, record=record)
    spoil(two_stores, "second", kept["seal"], "missing")
    status, out = repair(capsys, "--json")
    copy, file = map(json.loads, out.splitlines()[:2])
    assert status == 1 and (copy["store"], copy["good"]) == ("second", True)
    assert (file["key"], file["restored"]) == (kept["seal"], [])
    status, out = repair(capsys, "--json", "--reason", WHY)
    done, file = map(json.loads, out.splitlines()[:2])
    assert status == 0 and done["owed"] == 1 and file["restored"] == ["second"]
    assert repair(capsys, "--files")[0] == 0
    assert repair(capsys, "--store", "nowhere")[0] == 2
    assert repair(capsys, "--record", "D019-nothing")[0] == 1


def test_every_file_is_looked_at_once_a_round_and_what_is_lacking_is_told_until_it_is_put_again(
    two_stores, actor, kept
):
    spoil(two_stores, "second", kept["seal"], "missing")
    spoil(two_stores, "local", kept["fixity"], "changed")
    assert evidence.lacking(timezone.now()) == (0, None) and "还没有核对" in text(storage_page())
    first = timezone.localdate()
    done = [evidence.check(first + timedelta(days=n), actor=actor) for n in range(evidence.ROUND_DAYS)]
    assert sum(files for files, _ in done) == len(kept) and sum(wanting for _, wanting in done) == 2
    assert evidence.lacking(timezone.now())[0] == 2 and "缺或坏 2" in text(storage_page())
    for found in evidence.wanting():
        evidence.put_again(found, actor=actor, reason=WHY)
    assert evidence.lacking(timezone.now())[0] == 0 and "都在" in text(storage_page())


def storage_page():
    return reader("sysadmin").get(reverse("system:storage"))


def test_a_store_that_lets_nothing_be_read_is_no_damage_of_its_files(two_stores, actor, kept, monkeypatch):
    def denied(*_, **__):
        raise StorageFailed(store="second", kind="denied", reason="没有权限。")

    monkeypatch.setattr(two_stores["second"], "open", denied)
    with pytest.raises(StorageFailed, match="没有权限"):
        all_wanting()
