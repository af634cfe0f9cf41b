"""doctor finds what is broken, names it with what to do, and its exit status says how bad it is."""

import json
import socket
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_q.models import Failure, Schedule

from archive import changes, jobs, privacy
from archive.identifiers import new_id
from archive.models import Change
from config import doctor, schedule
from config.doctor import outside
from config.doctor.part import guarded
from search.engine import engine
from tests.contracts.lying_stores import MayBypass

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def set_up(stores):
    jobs.sync(schedule.JOBS)
    engine().ensure()
    engine().mark_complete()


def found(prefix) -> list[doctor.Part]:
    return list(guarded(prefix, dict(doctor.PARTS)[prefix]))


def one(prefix) -> doctor.Part:
    (part,) = found(prefix)
    return part


def command(capsys, *words):
    try:
        call_command("doctor", *words)
        status = 0
    except SystemExit as ended:
        status = ended.code
    return status, capsys.readouterr().out


def test_a_sound_system_has_no_failure(capsys):
    status, out = command(capsys, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line for line in lines if line["state"] == "failed"] == [] and status == 0
    assert all(list(line) == ["part", "state", "version", "message", "remedy"] for line in lines)
    assert {line["state"] for line in lines} <= {"ok", "warning", "absent"}
    assert {line["part"].split(":")[0] for line in lines} == {name for name, _ in doctor.PARTS}
    assert all(line["remedy"] for line in lines if line["state"] == "warning")
    assert "[正常] triggers" in command(capsys)[1]


def test_a_dropped_trigger_is_a_failure(capsys):
    on = " ON archive_seal" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER refuse_update_archive_seal{on}")
    assert "refuse_update_archive_seal" in one("triggers").message
    assert command(capsys, "--json")[0] == 1


def test_an_unapplied_migration_means_that_nothing_works(capsys):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'archive'")
    assert any(part.state == "failed" and "setup" in part.remedy for part in found("database"))
    assert command(capsys, "--json")[0] == 3


def test_a_key_file_that_others_can_read_is_a_failure(settings, capsys):
    path = Path(settings.ARCHIVE_KEYS)
    path.chmod(0o640)
    try:
        assert one("keys").state == "failed" and one("keys").remedy == f"chmod 600 {path}"
        assert command(capsys, "--json")[0] == 3
    finally:
        path.chmod(0o600)
    assert one("keys").state == "ok"


def test_a_missing_key_file_is_named(settings, tmp_path):
    settings.ARCHIVE_KEYS = str(tmp_path / "none.json")
    privacy.key_ring.cache_clear()
    try:
        assert one("keys").state == "failed" and "none.json" in one("keys").message
    finally:
        privacy.key_ring.cache_clear()


def test_each_promise_of_each_store_is_a_part(two_stores):
    names = {part.part for part in found("store")}
    assert {
        f"store:{name}/{promise}" for name in two_stores for promise in ("lock", "delete", "shorten")
    } <= names


def test_a_store_that_is_not_configured_well_is_one_failure(monkeypatch):
    from archive import stores

    monkeypatch.setenv("ARCHIVE_STORES", "main")
    stores.forget()
    assert one("store").state == "failed" and "main" in one("store").message


def test_staging_that_cannot_be_written_or_is_full_is_told(settings, tmp_path, monkeypatch):
    settings.MAX_PACKAGE_BYTES = 1
    taken = tmp_path / "file"
    taken.write_text("")
    for location, state in ((tmp_path / "staging", "ok"), (taken, "failed")):
        staging = settings.STORAGES["staging"] | {"OPTIONS": {"location": location}}
        settings.STORAGES = settings.STORAGES | {"staging": staging}
        assert one("staging").state == state
    settings.STORAGES = settings.STORAGES | {
        "staging": staging | {"OPTIONS": {"location": tmp_path / "staging"}}
    }
    settings.MAX_PACKAGE_BYTES = 2**60
    assert one("staging").state == "warning"


def test_jobs_that_are_not_scheduled_overdue_or_failing_are_warnings():
    assert one("jobs").state == "ok"
    row = Schedule.objects.get(name="archive:seal")
    Failure.objects.create(
        id="1" * 32,
        name="x",
        func=row.func,
        started=timezone.now(),
        stopped=timezone.now(),
        success=False,
        result="连不上",
    )
    assert "连不上" in one("jobs").message
    row.next_run = timezone.now() - timedelta(hours=3)
    row.save()
    assert "没有运行" in one("jobs").message and "qcluster" in one("jobs").remedy
    Schedule.objects.all().delete()
    assert len(found("jobs")) == len(schedule.JOBS)


def test_an_outbox_that_nobody_empties_is_a_warning():
    changes.announce("search", new_id())
    assert {part.state for part in found("outbox")} == {"ok"}
    Change.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert [part.part for part in found("outbox") if part.state == "warning"] == ["outbox:search"]


@contextmanager
def clamd_answering(answer: bytes):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            try:
                while True:
                    client, _ = server.accept()
                    with client:
                        client.recv(64)
                        client.sendall(answer)
            except OSError:
                return  # closed: the test is over

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_the_virus_scanner_is_judged_by_the_age_of_its_signatures(settings):
    fresh = datetime.now().strftime("%a %b %d %H:%M:%S %Y")
    for answer, state in (
        (f"ClamAV 1.4.6/27500/{fresh}\0".encode(), "ok"),
        (b"ClamAV 1.4.6/27000/Mon Jan  1 10:00:00 2024\0", "warning"),
        (b"ClamAV 1.4.6\0", "warning"),
    ):
        with clamd_answering(answer) as settings.CLAMD_URL:
            assert one("clamd").state == state, answer
    settings.CLAMD_URL = "tcp://127.0.0.1:1"
    assert one("clamd").state == "failed"
    settings.CLAMD_URL = ""
    assert one("clamd").state == "absent"
    settings.REQUIRE_SCAN = True
    assert one("clamd").state == "failed"


def test_verapdf_is_absent_or_must_be_there(settings):
    assert one("verapdf").state == "absent"
    settings.VERAPDF_JAR = "/no/such.jar"
    assert one("verapdf").state == "failed"


def test_our_keys_may_bypass_locks_in_development_only(stores, settings):
    stores["local"].__class__ = MayBypass
    for production, state in ((False, "warning"), (True, "failed")):
        settings.PRODUCTION = production
        (part,) = [part for part in outside.object_stores() if part.part == "store:local/bypass"]
        assert part.state == state and "stores.md" in part.remedy


def test_unsafe_production_settings_are_parts_and_doctor_still_runs(settings, capsys):
    settings.ARCHIVE_ENV, settings.PRODUCTION = "production", True
    status, out = command(capsys, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 1 and any(
        line["part"] == "settings" and "SECRET_KEY" in line["message"] for line in lines
    )


def test_the_reader_of_scans_is_told_with_what_waits_for_it(settings):
    found = one("ocr")
    assert found.state in ("ok", "absent") and "待识别" in found.message
    settings.OCR = False
    assert one("ocr").state == "absent"
