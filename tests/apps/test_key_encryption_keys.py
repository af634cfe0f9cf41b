"""The keys that wrap data keys: where they come from, wrapping anew by a new one, the command and the doctor."""

import base64
import json
import secrets
import stat

import pytest
from django.core.checks import run_checks
from django.core.management import call_command

from archive import keeping, keks, key_care, object_keys
from archive.errors import KeyFailed, NotConfigured
from archive.models import Copy, Event, ObjectKey
from config import doctor
from tests.encrypted import CONTENT, a_secret_record, first, in_key_store, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_store")]


def test_the_key_file_has_one_from_the_beginning_and_a_new_one_keeps_the_old(stores, actor, key_file):
    record = a_secret_record(stores, actor)
    assert (keks.current(), stat.S_IMODE(key_file.stat().st_mode)) == ("kek1", 0o600)
    before = json.loads(key_file.read_text())
    assert keks.add_to_file(key_file) == "kek2"
    after = json.loads(key_file.read_text())
    assert (keks.current(), keks.known()) == ("kek2", ["kek2", "kek1"])
    assert after["kek"]["keys"]["kek1"] == before["kek"]["keys"]["kek1"]
    assert (after["keys"], after["hash_key"]) == (before["keys"], before["hash_key"])
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert text_of(record) == CONTENT


def test_keys_of_the_environment_come_first_and_move_there_from_the_file(stores, actor, key_file, settings):
    record = a_secret_record(stores, actor)
    new, older = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    settings.ARCHIVE_KEKS = f"env2:{new} env1:{older}"
    keks.forget()
    assert keks.known() == ["env2", "env1", "kek1"]
    assert text_of(record) == CONTENT  # still wrapped by the file's
    assert key_care.rotate(actor=actor).done == 1
    assert ObjectKey.objects.get().kek == "env2"
    key_file.unlink()
    keks.forget()
    assert text_of(record) == CONTENT


class Service:
    """A key management service as a hook sees it: it holds the keys, and binds them to the context."""

    secret = secrets.token_bytes(32)
    away = False

    def __init__(self):
        self.keks = ["service-1"]
        self.inner = keks.Held({"service-1": self.secret}, "服务")

    def wrap(self, key, context):
        self._answer()
        return b"v1" + bytes(300) + self.inner.wrap(key, context)

    def unwrap(self, kek, wrapped, context):
        self._answer()
        return self.inner.unwrap(kek, wrapped[302:], context)

    def _answer(self):
        if self.away:
            raise KeyFailed(kind="unreachable", reason="密钥服务没有应答。")


def test_a_key_management_service_wraps_by_a_hook(stores, actor, settings, monkeypatch):
    settings.ARCHIVE_KMS = f"{__name__}.Service"
    keks.forget()
    record = a_secret_record(stores, actor)
    assert ObjectKey.objects.get().kek == "service-1"
    assert text_of(record) == CONTENT
    monkeypatch.setattr(Service, "away", True)
    with pytest.raises(KeyFailed, match="没有应答"):
        text_of(record)
    other = a_secret_record(stores, actor, keep=False)
    assert not keeping.keep(other.id, lambda item: pytest.fail("read"), actor=actor)
    assert "没有应答" in Copy.objects.get(object=first(other)).fault
    keks.forget()


@pytest.mark.parametrize(
    "text",
    [
        "k",
        "k:",
        "k:not base64!",
        "k:AAAA",
        "bad name:" + "A" * 44,
        "名:" + base64.b64encode(bytes(32)).decode(),
    ],
)
def test_wrong_keys_in_the_environment_are_named_and_no_secret_is_said(settings, text):
    settings.ARCHIVE_KEKS = text
    keks.forget()
    with pytest.raises(NotConfigured) as fault:
        keks.current()
    assert "AAAA" not in str(fault.value)
    keks.forget()


@pytest.mark.parametrize("path", ["nowhere.Class", "archive.keks.NoSuchClass", "x"])
def test_a_hook_that_cannot_be_loaded_is_named(settings, path):
    settings.ARCHIVE_KMS = path
    keks.forget()
    with pytest.raises(NotConfigured, match="ARCHIVE_KMS"):
        keks.current()
    keks.forget()


# Wrapping again


def test_rotation_wraps_every_key_anew_and_encrypts_nothing_anew(stores, actor, key_store, key_file):
    made = [a_secret_record(stores, actor, (b"a%d" % n, b"b")) for n in range(3)]
    before = {copy.pk: (copy.version, copy.stored_sha256) for copy in Copy.objects.all()}
    wraps = set(ObjectKey.objects.values_list("wrapped", flat=True))
    keks.add_to_file(key_file)
    assert key_care.waiting() == 6
    heard = []
    rotated = key_care.rotate(actor=actor, progress=lambda done, left: heard.append((done, left)))
    assert (rotated.done, rotated.left, rotated.fault) == (6, 0, "")
    assert heard == [(6, 0)]
    assert set(ObjectKey.objects.values_list("kek", flat=True)) == {"kek2"}
    assert wraps.isdisjoint(ObjectKey.objects.values_list("wrapped", flat=True))
    assert {copy.pk: (copy.version, copy.stored_sha256) for copy in Copy.objects.all()} == before
    for record in made:
        assert {entry["kek"] for entry in in_key_store(key_store, record)} == {"kek2"}  # and no older version
        assert key_care.faults(record) == []
    assert text_of(made[1]) == b"a1"
    assert Event.objects.get(action="keys.rotated").data == {"count": 6, "kek": "kek2"}
    assert key_care.rotate(actor=actor).done == 0


def test_rotation_passes_over_what_cannot_be_unwrapped_and_says_why(stores, actor, key_file):
    lost, good = a_secret_record(stores, actor), a_secret_record(stores, actor)
    ObjectKey.objects.filter(object=first(lost)).update(kek="gone")
    keks.add_to_file(key_file)
    rotated = key_care.rotate(actor=actor)
    assert (rotated.done, rotated.left) == (1, 1) and "gone" in rotated.fault
    assert ObjectKey.objects.get(object=first(good)).kek == "kek2"


def test_rotation_stops_when_told_and_goes_on(stores, actor, key_file):
    for _ in range(3):
        a_secret_record(stores, actor)
    keks.add_to_file(key_file)
    asked = iter([False, False, True])
    assert key_care.rotate(actor=actor, stop=lambda: next(asked, True)).left == 2
    assert key_care.rotate(actor=actor).left == 0


# The command and the doctor


def run(*arguments, status=0):
    try:
        call_command("object_keys", *arguments)
        ended = 0
    except SystemExit as end:
        ended = end.code
    assert ended == status


def test_the_command_shows_rotates_checks_and_mends(stores, actor, key_store, key_file, capsys):
    record = a_secret_record(stores, actor)
    run("--new-kek")
    assert "kek2" in capsys.readouterr().out
    run("--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["current"], told["waiting"], told["keys"], told["missing"]) == ("kek2", 1, 1, [])
    run("--rotate", "--json")
    assert json.loads(capsys.readouterr().out) == {"done": 1, "left": 0, "fault": ""}
    run("--check")
    (one,) = key_store.versions(object_keys.place("D019", record.pk))
    key_store.remove(one.key, one.version)
    run("--check", status=1)
    assert "不一致" in capsys.readouterr().out
    run("--mend")
    run("--check")
    assert Event.objects.get(action="keys.kek_added").data == {"kek": "kek2"}


def parts():
    return [part for part in doctor.keys.object_key_parts()]


def test_the_doctor_is_content_with_sound_keys(stores, actor, key_file):
    assert [part.state for part in parts()] == ["ok"]
    a_secret_record(stores, actor)
    assert [part.state for part in parts()] == ["ok"]


def test_the_doctor_names_a_missing_key_encryption_key(stores, actor, key_file):
    a_secret_record(stores, actor)
    ObjectKey.objects.update(kek="lost")
    said = [part for part in parts() if part.state == "failed"]
    assert "lost" in said[0].message and "备份" in said[0].remedy


def test_the_doctor_finds_keys_that_wait_and_places_that_disagree(stores, actor, key_store, key_file):
    record = a_secret_record(stores, actor)
    keks.add_to_file(key_file)
    (one,) = key_store.versions(object_keys.place("D019", record.pk))
    key_store.remove(one.key, one.version)
    assert [part.state for part in parts()] == ["warning", "failed"]


def test_a_key_store_inside_a_locked_store_is_an_error_of_the_settings(stores, monkeypatch):
    monkeypatch.setenv("ARCHIVE_KEY_STORE_PATH", str(stores["local"].root / "keys"))
    (refused,) = [found for found in run_checks() if found.id == "archive.E008"]
    assert "同一个文件夹" in refused.msg


def test_the_doctor_says_when_there_is_no_key_encryption_key(key_file):
    key_file.write_text("{}")
    keks.forget()
    (part,) = parts()
    assert part.state == "failed" and "--new-kek" in part.message
