"""The drill: a living installation, a backup, everything gone but the stores and that file, and back again.

In a scratch installation worked by commands, on SQLite; where the suite runs on PostgreSQL, there.
ARCHIVE_TEST_EVERY_STEP=1 kills at every step on the disk instead of at some.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.backup import envelope, parcel, taking
from config.demonstration.catalogue import light_packages
from tests.installation import ROOT, Installation

EVERY_STEP = bool(os.environ.get("ARCHIVE_TEST_EVERY_STEP"))
WORD = "a passphrase of the drill"
SYSTEM = "from archive.permissions import system_actor; actor = system_actor('演练')\n"
FILED = "SELECT reference_code, retention, state FROM archive_record ORDER BY reference_code"

HOLD_AND_EXTEND = """
from datetime import date
from archive import extension
from archive.models import Fonds, Record
from retention import holds
one, two = Record.objects.order_by("number")[:2]
holds.place(one.fonds, "record", reason="审计", authority="审通〔2026〕3号", records=[one.pk], actor=actor)
from archive.models import Block
assert Block.objects.filter(record=one, lifted_at=None).exists()
extension.extend(two.pk, "永久", basis="演练", decided_on=date(2026, 1, 5), actor=actor)
"""
SEAL = "from archive import ledgers, seals\nseals.seal_ledgers(actor=actor)\nledgers.write_pages()\n"
READ = """
import hashlib, json
from archive import contents
from archive.models import DigitalObject
for item in DigitalObject.objects.filter(role="original"):
    with contents.open_object(item) as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == item.sha256
print(json.dumps({"read": DigitalObject.objects.filter(role="original").count()}))
"""


class House(Installation):
    """Data, stores, backups and key each in a place of its own, so that they can be lost apart."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store, self.backups, self.word = folder / "store", folder / "backups", folder / "passphrase"
        self.backups.mkdir()
        self.word.write_text(WORD)
        self.environment |= {
            "ARCHIVE_STORES": "main", "MAIN_PATH": str(self.store), "ARCHIVE_BACKUP_DIR": str(self.backups),
            "ARCHIVE_BACKUP_PASSPHRASE_FILE": str(self.word), "ARCHIVE_KEYS": str(folder / "keys" / "keys.json"),
            "ARCHIVE_KEY_STORE_PATH": str(folder / "key-store"),
        }  # fmt: skip

    def shell(self, code: str) -> list[dict]:
        process = self.start("shell", "-c", SYSTEM + code)
        out, err = process.communicate(timeout=1200)
        assert process.returncode == 0, out + err
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    def back_up(self) -> Path:
        return Path(self.run("backup")[0]["file"])

    def lose(self) -> None:
        """Everything but the stores and the backups."""
        shutil.rmtree(self.data)
        shutil.rmtree(Path(self.environment["ARCHIVE_KEYS"]).parent)
        self.drop()
        if self.on_server:
            self._administer(f'CREATE DATABASE "{self.name}"')

    def refused(self, *words) -> str:
        """The sentence with which a command refuses."""
        process = self.start(*words)
        out, err = process.communicate(timeout=1200)
        assert process.returncode in (1, 2, 3) and "Traceback" not in err, out + err
        return err

    def killed(self, step: int, mark: str, *words) -> bool:
        """Run it and kill it at that step on the disk; False when it was done before."""
        process = subprocess.run(
            [sys.executable, "-m", "tests.journeys.dying", str(step), mark, *map(str, words)],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=1200,
        )  # fmt: skip
        assert process.returncode in (0, -9), process.stderr
        return process.returncode == -9


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Five; the first and the last two are of one year, so that their numbers run on."""
    made = list(light_packages(tmp_path_factory.mktemp("packages"), 14))
    years = [path.stem[2:6] for path in made]
    year = max(set(years), key=years.count)
    same = [path for path in made if path.stem[2:6] == year]
    rest = [path for path in made if path not in same]
    return [same[0], *rest[:2], *same[1:3]]


@pytest.fixture(scope="module")
def model(tmp_path_factory, packages):
    """Set up and filled once; every test works in a copy."""
    with House(tmp_path_factory.mktemp("model")) as house:
        house.run("setup", "--fonds", "D019=东莞市社会保险基金管理中心")
        house.run("ingest", *packages[:3])
        yield house


@pytest.fixture
def house(model, tmp_path):
    folder = tmp_path / "house"
    shutil.copytree(model.data.parent, folder, symlinks=True)
    shutil.rmtree(folder / "backups")
    with House(folder) as house:
        if house.on_server:
            house._administer(f'DROP DATABASE "{house.name}"')
            house._administer(f'CREATE DATABASE "{house.name}" TEMPLATE "{model.name}"')
        yield house


def numbers(house: House) -> list[int]:
    """Of what is filed, the highest first."""
    return sorted((int(row[0].rpartition("-")[2]) for row in house.rows(FILED)), reverse=True)


def contents(file: Path) -> dict:
    with file.open("rb") as opened:
        return parcel.read(taking.open_parcel(opened, WORD))


def test_everything_is_lost_but_stores_and_backup_and_comes_back(house, packages):
    house.shell(HOLD_AND_EXTEND + SEAL)
    house.run("work", "--once")
    filed, holds = house.rows(FILED), house.rows("SELECT id, reason FROM retention_hold")
    blocks = house.rows("SELECT id, reason, lifted_at FROM archive_block")
    keys = Path(house.environment["ARCHIVE_KEYS"]).read_bytes()
    file = house.back_up()
    assert len(holds) == 1 and blocks and "永久" in {row[1] for row in filed}

    house.lose()
    assert house.refused("show", filed[0][0])
    told = house.run("restore", file)[0]

    assert told["clean"] and told["records"] == 3 and not told["aside"] and not told["settings"]
    assert house.rows(FILED) == filed
    assert house.rows("SELECT id, reason FROM retention_hold") == holds
    assert house.rows("SELECT id, reason, lifted_at FROM archive_block") == blocks
    restored = Path(house.environment["ARCHIVE_KEYS"])
    assert restored.read_bytes() == keys and restored.stat().st_mode & 0o777 == 0o600
    assert house.run("verify_audit")[-1]["faults"] == 0
    checked = house.run("fixity", "--all")[-1]
    copies = house.rows("SELECT count(*) FROM archive_copy")[0][0]
    assert (checked["checked"], checked["damaged"]) == (copies, 0)
    assert house.shell(READ)[0]["read"] >= 3
    house.run("work", "--once")
    assert house.run("find", "东莞市", "--limit", "1")[-1]["total"] == 3
    house.run("ingest", packages[3])
    assert numbers(house)[0] == 2
    names = {row[0] for row in house.rows("SELECT name FROM archive_backup")}
    assert file.name in names, "the file it came from holds what is destroyed from now on"


def test_what_happened_after_the_backup_is_told_and_nothing_lost_is_shown_as_held(house, packages):
    house.shell(SEAL)
    file = house.back_up()
    house.run("ingest", packages[3])
    house.run("work", "--once")
    house.shell(SEAL)
    gone, code = house.rows("SELECT id, reference_code FROM archive_record ORDER BY archived_at")[1]
    newer = house.rows("SELECT id FROM archive_record WHERE number = 2")[0][0]
    gone, newer = (str(gone).replace("-", ""), str(newer).replace("-", ""))
    for folder in house.store.rglob("*-*-*-*-*"):  # what a destruction leaves of it in the store
        if folder.is_dir() and folder.name.replace("-", "") == gone:
            subprocess.run(["chmod", "-R", "u+w", folder], check=True)
            shutil.rmtree(folder)
    house.lose()
    told = house.run("restore", file, ends_with=1)[0]

    assert not told["clean"] and [key.replace("-", "") for key in told["unknown"]] == [newer]
    assert [key.replace("-", "") for key in told["absent"]] == [gone]
    assert len(told["codes"]) == 1 and told["unread"] == 0 and told["missing_copies"] == 0
    assert told["seals"] and told["explained"] and told["faults"] == []
    states = house.rows(
        "SELECT DISTINCT c.state, c.fault FROM archive_copy c JOIN archive_digitalobject o ON o.id = c.object_id "
        f"JOIN archive_record r ON r.id = o.record_id WHERE r.reference_code = '{code}'"
    )
    assert states == [("damaged", "missing")]
    assert house.rows("SELECT count(*) FROM archive_event WHERE action = 'record.absent'")[0][0] == 1

    house.run("ingest", packages[4])
    assert numbers(house)[0] == 3, "the number of a record that only the store knows is not drawn again"
    assert newer not in {str(row[0]).replace("-", "") for row in house.rows("SELECT id FROM archive_record")}
    taken = house.run("rebuild", "--missing")[-1]
    assert [what for _, what in taken["taken"]] == ["补入"] and taken["problems"] == 0
    house.run("work", "--once")
    assert numbers(house)[:2] == [3, 2] and house.run("find", taken["taken"][0][0])[-1]["total"] == 1
    assert house.run("rebuild", "--missing")[-1]["taken"] == []
    house.shell(SEAL)
    assert house.rows("SELECT max(number) FROM archive_seal")[0][0] > max(told["seals"]), "sealing goes on"


def test_a_place_that_is_in_use_is_not_taken_unless_asked_and_then_kept_aside(house, packages):
    file = house.back_up()
    house.run("ingest", packages[3])
    assert "--replace" in house.refused("restore", file)
    assert len(house.rows(FILED)) == 4
    told = house.run("restore", file, "--replace", ends_with=1)[0]
    assert len(house.rows(FILED)) == 3 and told["aside"]
    if house.on_server:
        schema = told["aside"][-1].split()[-1]
        assert house.rows(f"SELECT count(*) FROM {schema}.archive_record") == [(4,)]
    else:
        import sqlite3

        old = next(path for path in told["aside"] if path.endswith("archive.sqlite3"))
        assert sqlite3.connect(old).execute("SELECT count(*) FROM archive_record").fetchone() == (4,)


def test_a_file_that_is_not_whole_or_not_ours_is_refused_and_nothing_is_touched(house):
    file = house.back_up()
    before = house.rows(FILED)
    whole = file.read_bytes()
    middle = len(whole) // 2
    bad = file.parent / "bad.backup"
    for content, sentence in (
        (whole[: len(whole) // 2], "不完整"),
        (whole[:40], "读不懂"),
        (whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], "改动"),
        (b"", "读不懂"),
        (b"PK\x03\x04 something else" * 100, "读不懂"),
    ):
        bad.write_bytes(content)
        said = house.refused("restore", bad, "--replace")
        assert "恢复没有完成" in said and sentence in said and "什么都没有改动" in said, said
    house.word.write_text("another passphrase")
    assert "口令不对" in house.refused("restore", file, "--replace")
    assert "没有文件" in house.refused("restore", file.parent / "none", "--replace")
    assert house.rows(FILED) == before and not list(house.data.glob(".restoring-*"))
    assert house.run("verify_audit")[-1]["faults"] == 0


def test_a_database_that_somebody_has_open_is_not_taken_away_under_his_hands(house):
    file = house.back_up()
    code = "import time; from archive.models import Record; Record.objects.count(); print('{}', flush=True); time.sleep(600)"
    other = house.start("shell", "-c", code)
    try:
        assert other.stdout.readline().strip()
        assert "请先停下" in house.refused("restore", file, "--replace")
    finally:
        other.kill()
        other.communicate()
    assert house.run("restore", file, "--replace")[0]["clean"]


def test_a_backup_that_is_killed_leaves_nothing_that_looks_whole(house):
    steps = range(1, 60) if EVERY_STEP else (2, 5, 8, 11)
    for step in steps:
        if not house.killed(step, "backup-work", "backup"):
            break
        for file in house.backups.glob("archive-*"):
            assert contents(file)["records"] == 3
    house.back_up()
    named = {row[0] for row in house.rows("SELECT name FROM archive_backup")}
    assert {path.name for path in house.backups.iterdir()} == named, (
        "drafts are cleared, whole files have rows"
    )
    assert not list((house.data / "backup-work").iterdir())


def test_a_restore_that_is_killed_is_undone_by_the_next_one(house, packages):
    file = house.back_up()
    house.run("ingest", packages[3])
    steps, refused = range(1, 200) if EVERY_STEP else (1, 8, 10, 12, 16), 0
    for step in steps:
        if not house.killed(step, ".restoring-", "restore", file, "--replace"):
            break
        if (house.data / "restore-unfinished.json").exists():
            refused += "没有做完" in house.refused("find", "x")
            wrong = house.backups / "wrong"
            wrong.write_bytes(b"")
            house.refused("restore", wrong)  # undoes, then refuses
        if len(house.rows(FILED)) == 3:
            break  # it was done, only the looking at the stores was cut off
        assert len(house.rows(FILED)) == 4, f"step {step}: as it was"
    assert refused, "no kill fell between the first rename and the last"
    house.run("restore", file, "--replace", ends_with=1)
    assert len(house.rows(FILED)) == 3
    assert not list(house.data.glob(".restoring-*"))
    assert house.run("verify_audit")[-1]["faults"] == 0


def test_a_full_disk_is_told_and_leaves_nothing(house):
    size = house.back_up().stat().st_size

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 4096, size - 4096))

    before = set(house.backups.iterdir())
    done = subprocess.run(
        [sys.executable, "manage.py", "backup"], cwd=ROOT, env=house.environment, capture_output=True, text=True,
        preexec_fn=small_files,
    )  # fmt: skip
    assert done.returncode == 1 and "备份没有完成" in done.stderr and "Traceback" not in done.stderr, (
        done.stderr
    )
    assert set(house.backups.iterdir()) == before


def test_the_backup_holds_no_secret_of_the_environment_and_names_what_is_kept_elsewhere(house):
    house.environment |= {
        "SECOND_S3_SECRET_ACCESS_KEY": "very-secret-value",
        "SECRET_KEY": "another-secret" * 5,
    }
    told = house.run("backup")[0]
    table = contents(Path(told["file"]))
    assert "very-secret" not in json.dumps(table) and "another-secret" not in json.dumps(table)
    assert {"SECRET_KEY", "SECOND_S3_SECRET_ACCESS_KEY"} <= set(told["kept_elsewhere"])
    assert table["settings"]["MAIN_PATH"] == str(house.store)
    assert b"archive_record" not in Path(told["file"]).read_bytes()
    assert envelope.header_of(Path(told["file"]).open("rb"))["site"] == table["site"]
