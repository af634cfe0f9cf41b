"""What a backup is and is not, how long it lives, and what the doctor says of it. The drill: tests/journeys."""

import gzip
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from archive import catalogue, fonds_file, manifests, privacy
from archive.models import Backup, Event, Record
from archive.verification import verify_audit
from config import doctor, schedule
from config.backup import envelope, moving, parcel, reconciling, surroundings, taking
from config.backup.refusals import BackupRefused
from config.commands import ArchiveCommand
from config.doctor.part import guarded
from search.engine import engine
from tests import filed
from tests.pages import a_person

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
WORD = "a passphrase of the tests"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(envelope, "COST", {"n": 16, "r": 8, "p": 1})


@pytest.fixture
def folder(tmp_path, settings):
    if connection.vendor == "postgresql" and not shutil.which("pg_dump"):
        pytest.skip("no pg_dump: apt-get install postgresql-client")
    settings.BACKUP_DIR, settings.BACKUP_PASSPHRASE_FILE = str(tmp_path / "backups"), str(tmp_path / "word")
    (tmp_path / "backups").mkdir()
    (tmp_path / "word").write_text(WORD + "\n")
    (tmp_path / "word").chmod(0o600)
    return tmp_path / "backups"


@pytest.fixture
def take(folder, actor, stores):
    def one(**changed):
        return taking.take(**({"actor": actor, "folder": folder, "passphrase": WORD} | changed))

    return one


def contents(file: Path, into: Path | None = None) -> dict:
    with file.open("rb") as opened:
        return parcel.read(taking.open_parcel(opened, WORD), into)


def actions() -> list[str]:
    return list(Event.objects.filter(subject="backup").order_by("at").values_list("action", flat=True))


def test_a_backup_holds_database_and_keys_under_the_passphrase_and_has_its_row(
    take, folder, settings, tmp_path
):
    filed.a_record()
    row = take()
    file = folder / row.name
    assert file.stat().st_mode & 0o777 == 0o600 and file.stat().st_size == row.bytes
    assert taking.digest_of(file) == row.sha256 and row.gone_at is None
    assert row.expires_on == timezone.localdate() + timedelta(days=settings.BACKUP_KEEP_DAYS)
    out = tmp_path / "out"
    out.mkdir()
    table = contents(file, out)
    assert [part["name"].partition("/")[0] for part in table["parts"]] == ["database", "keys"]
    assert parcel.place(out, "keys/keys.json").read_bytes() == Path(settings.ARCHIVE_KEYS).read_bytes()
    assert table["records"] == 1 and "archive.0001_initial" in table["migrations"]
    assert privacy.key_ring().hash_key not in file.read_bytes()
    assert actions() == ["backup.taken"] and verify_audit().faults == []
    assert [path.name for path in folder.iterdir()] == [row.name], "no draft is left"


def test_no_byte_of_an_object_is_in_it(take, folder, stores, tmp_path):
    filed.a_record(stores, contents=(b"%PDF bytes of a form that stay in the store",))
    row = take()
    out = tmp_path / "out"
    out.mkdir()
    contents(folder / row.name, out)
    assert not [path for path in out.iterdir() if b"bytes of a form that stay" in path.read_bytes()]


def test_keys_are_never_written_unencrypted(take, folder):
    with pytest.raises(BackupRefused, match="必须加密"):
        take(passphrase="")
    assert not list(folder.iterdir()) and not Backup.objects.exists()
    row = take(passphrase="", keys=False)
    table = contents(folder / row.name)
    assert not table["keys"] and [part["name"].partition("/")[0] for part in table["parts"]] == ["database"]


def test_a_short_or_missing_passphrase_is_refused(folder, settings):
    Path(settings.BACKUP_PASSPHRASE_FILE).write_text("short\n")
    with pytest.raises(BackupRefused, match="至少要"):
        taking.passphrase_from_file()
    settings.BACKUP_PASSPHRASE_FILE += "-none"
    with pytest.raises(BackupRefused, match="没有"):
        taking.passphrase_from_file()


def test_a_folder_that_is_not_there_is_not_made(take, folder):
    with pytest.raises(BackupRefused, match="没有目录"):
        take(folder=folder / "not-mounted")
    assert not (folder / "not-mounted").exists()


def test_a_disk_with_too_little_room_is_told_before_anything_is_written(take, folder, monkeypatch):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)
    )
    with pytest.raises(BackupRefused, match="只剩 0 MB"):
        take()
    assert not list(folder.iterdir())


def test_a_backup_never_takes_the_place_of_a_file(folder, tmp_path):
    draft, target = tmp_path / "draft", folder / "there"
    draft.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        taking._name(draft, target)
    assert target.read_bytes() == b"old"


def test_what_is_over_is_removed_when_it_is_that_file_and_not_the_newest(take, folder, actor):
    old, changed, elsewhere, newest = (take() for _ in range(4))
    Backup.objects.update(expires_on=timezone.localdate() - timedelta(days=1))
    with (folder / changed.name).open("ab") as file:
        file.write(b"x")
    (folder / elsewhere.name).rename(folder.parent / elsewhere.name)
    assert taking.sweep(actor=actor) == [old.name]
    there = {path.name for path in folder.iterdir()}
    assert there == {changed.name, newest.name}
    assert set(Backup.objects.filter(gone_at=None).values_list("name", flat=True)) == {
        changed.name, elsewhere.name, newest.name,
    }  # fmt: skip
    assert actions()[-1] == "backup.removed"


def test_a_file_that_was_taken_away_lives_on_until_somebody_says_it_is_gone(take, folder, actor):
    row = take()
    with pytest.raises(BackupRefused, match="文件还在"):
        taking.forget(row.name, actor=actor)
    (folder / row.name).unlink()
    taking.forget(row.name, actor=actor)
    assert Backup.objects.get().gone_at and actions()[-1] == "backup.gone"
    with pytest.raises(BackupRefused, match="没有登记"):
        taking.forget(row.name, actor=actor)


def test_a_whole_file_without_a_row_gets_one_with_the_next_backup(take, folder):
    """A kill between the name and the row; a catalogue restored to an earlier day."""
    lost = take()
    Backup.objects.all()._raw_delete("default")
    (folder / "archive-20200101-000000-ffff.backup").write_bytes(b"of somebody else")
    take()
    assert Backup.objects.get(name=lost.name).sha256 == lost.sha256
    assert Backup.objects.count() == 2


def test_the_daily_job_backs_up_where_a_folder_is_configured(folder, stores, settings):
    assert "备份 archive-" in schedule.back_up()
    settings.BACKUP_DIR = ""
    assert "没有设置备份目录" in schedule.back_up()
    assert Backup.objects.count() == 1


def part() -> list[doctor.Part]:
    return list(guarded("backup", dict(doctor.PARTS)["backup"]))


def test_the_doctor_says_how_old_the_newest_backup_is_and_warns(take, settings, folder):
    assert part()[0].state == "warning" and "还没有备份" in part()[0].message
    row = take()
    assert [one.state for one in part()] == ["ok"] and row.name in part()[0].message
    for days, state in ((2, "warning"), (20, "failed")):
        Backup.objects.update(taken_at=timezone.now() - timedelta(days=days))
        assert part()[0].state == state and f"{days} 天前" in part()[0].message


def test_the_doctor_looks_at_the_passphrase_file(take, settings, folder):
    take()
    word = Path(settings.BACKUP_PASSPHRASE_FILE)
    word.chmod(0o644)
    assert "别人也能读" in part()[1].message
    inside = folder / "word"
    word.chmod(0o600)
    word.rename(inside)
    assert "没有口令文件" in part()[1].message
    settings.BACKUP_PASSPHRASE_FILE = str(inside)
    assert "也就拿到了口令" in part()[1].message


def test_settings_are_told_without_any_secret():
    told = surroundings.settings_told(
        {
            "DATABASE_URL": "postgresql://app:pass-word@db:5432/archive?sslmode=require",
            "SECRET_KEY": "x",
            "HOME": "/h",
            "MAIN_S3_SECRET_ACCESS_KEY": "s",
            "MAIN_S3_BUCKET": "b",
            "ARCHIVE_STORES": "main,near-by",
            "NEAR_BY_PATH": "/p",
            "OTHER_PATH": "/o",
            "ARCHIVE_KEKS": "k1:AAAA",
            "ARCHIVE_BACKUP_PASSPHRASE_FILE": "/w",
            "PATH": "/bin",
        }  # fmt: skip
    )
    assert told == {
        "DATABASE_URL": "postgresql://db:5432/archive", "SECRET_KEY": None, "MAIN_S3_SECRET_ACCESS_KEY": None,
        "MAIN_S3_BUCKET": "b", "ARCHIVE_STORES": "main,near-by", "NEAR_BY_PATH": "/p", "ARCHIVE_KEKS": None,
        "ARCHIVE_BACKUP_PASSPHRASE_FILE": "/w",
    }  # fmt: skip


def test_a_backup_of_a_newer_version_is_recognised():
    assert surroundings.unknown_migrations(["archive.0001_initial", "archive.0099_later"]) == [
        "archive.0099_later"
    ]


def test_while_a_restore_is_half_done_every_other_command_refuses(stores, settings, tmp_path, capsys):
    settings.ARCHIVE_DATA = tmp_path
    moving.journal().write_text("{}")
    for command in ("doctor", "verify_audit"):
        guarded_one = command != "doctor"
        try:
            call_command(command)
            status = 0
        except SystemExit as ended:
            status = ended.code
        said = capsys.readouterr().err
        assert ("没有做完" in said and status == 3) == guarded_one
    assert ArchiveCommand.restores is False


def test_moves_are_undone_in_reverse_and_logs_of_the_new_database_do_not_stay(settings, tmp_path):
    settings.ARCHIVE_DATA = tmp_path
    place, aside, new = tmp_path / "db", tmp_path / "old" / "db", tmp_path / "draft" / "db"
    new.parent.mkdir()
    place.write_text("old")
    new.write_text("new")
    made = [place, tmp_path / "db-wal"]
    moving.begin([(place, aside), (new, place)], made, new.parent)
    assert (place.read_text(), aside.read_text()) == ("new", "old")
    made[1].write_text("log of the new one")
    for _ in range(2):
        moving.undo(moving.unfinished())
    assert place.read_text() == "old" and not made[1].exists() and not aside.exists()
    moving.end()
    moving.require_finished()


def test_before_the_first_move_nothing_is_scrapped(settings, tmp_path):
    settings.ARCHIVE_DATA = tmp_path
    place, aside = tmp_path / "db", tmp_path / "old" / "db"
    place.write_text("old")
    (tmp_path / "draft").mkdir()
    moving.undo({"moves": [[str(place), str(aside)]], "made": [str(place)], "scrap": str(tmp_path / "draft")})
    assert place.read_text() == "old"


def test_a_catalogue_that_agrees_with_its_stores_is_clean(stores, actor):
    filed.a_record(stores)
    found = reconciling.reconcile(actor=actor)
    assert found.clean and not found.seals


def test_an_empty_store_is_not_taken_for_a_destroyed_archive(stores, actor):
    record = filed.a_record(stores)
    kept = Path(stores["local"].objects)
    kept.rename(kept.with_name("unmounted"))
    kept.mkdir()
    found = reconciling.reconcile(actor=actor)
    assert "没有挂载" in found.unasked and not found.clean
    assert not record.digital_objects.filter(copies__state="damaged").exists()


def test_one_missing_copy_of_two_is_no_lost_record(two_stores, actor):
    record = filed.a_record(two_stores)
    other = filed.a_record(two_stores)
    assert other != record
    folder = next(path for path in Path(two_stores["second"].objects).rglob(str(record.pk)) if path.is_dir())
    os.system(f"chmod -R u+w {folder}")
    shutil.rmtree(folder)
    found = reconciling.reconcile(actor=actor)
    assert not found.absent and found.missing_copies == record.digital_objects.count()
    assert not found.clean


def without_its_objects(record, stores) -> None:
    for store in stores.values():
        for folder in [path for path in Path(store.objects).rglob(str(record.pk)) if path.is_dir()]:
            os.system(f"chmod -R u+w {folder}")
            shutil.rmtree(folder)


def test_what_the_fonds_file_tells_as_destroyed_is_destroyed_again(stores, actor):
    """The backup brought its names and numbers back; the stores hold the stub and nothing else."""
    engine().ensure()
    record = filed.a_record(stores, parties=(a_person("张三"),))
    unexplained, kept = filed.a_record(stores), filed.a_record(stores)
    assert record.parties.get().id_no
    stub = catalogue.line(manifests.stub(Record.objects.get(pk=record.pk), timezone.now()))
    fonds_file.keep_paper(
        record.fonds, kind="销毁留证目录", title="x", content=gzip.compress(stub + b"\n"), mime="application/gzip",
        about=f"{manifests.STUBS}{record.pk}:0", actor=actor,
    )  # fmt: skip
    for gone in (record, unexplained):
        without_its_objects(gone, stores)
    found = reconciling.reconcile(actor=actor)
    assert found.destroyed == [str(record.pk)] and found.absent == [str(unexplained.pk)] and not found.faults
    states = {pk: Record.objects.get(pk=pk).state for pk in (record.pk, unexplained.pk, kept.pk)}
    assert list(states.values()) == ["destroyed", "archived", "archived"]
    assert record.parties.get().id_no == ""
    assert set(unexplained.digital_objects.values_list("copies__state", flat=True)) == {"damaged"}
    assert verify_audit().faults == []
