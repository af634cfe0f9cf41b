"""The command line of the contract: one line a package, exit statuses, batches, and plain words instead of tracebacks."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from ingest.models import Submission

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("house")]
ROOT = Path(__file__).resolve().parents[2]

KEYS = {"path", "submission", "source", "item", "business_no", "revision", "state", "reference_code", "record", "stage",
        "insurance", "insurances", "retention", "formed_on", "due_on", "findings"}  # fmt: skip
FINDING = {"check", "property", "verdict", "file", "field", "value", "rule", "message"}


def run(*words) -> tuple[int, list[dict], str]:
    """(exit status, JSON lines of standard output, standard error)."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command(*map(str, words), stdout=out, stderr=err)
    except SystemExit as ended:
        status = ended.code
    lines = out.getvalue().splitlines()
    return status, [json.loads(line) for line in lines] if "--json" in words else lines, err.getvalue()


def test_one_line_a_package_with_exactly_the_keys_of_the_contract(packages):
    good, bad = packages.bag(zip=True), packages.bag(packages.submission(fields={"缴费基数": "很多"}))
    status, lines, _ = run("ingest", good, bad, good, "--json")
    assert status == 1
    assert [line["state"] for line in lines] == ["archived", "returned", "duplicate"]
    assert [set(line) - {"first_state"} for line in lines] == [KEYS] * 3
    assert [line.get("first_state") for line in lines] == [None, None, "archived"]
    assert all(set(row) == FINDING for line in lines for row in line["findings"])
    assert all(row["verdict"] != "passed" for line in lines for row in line["findings"])
    assert [line["path"] for line in lines] == [str(good), str(bad), str(good)]


def test_all_findings_also_lists_what_passed(packages):
    _, (line,), _ = run("ingest", packages.bag(), "--json", "--all-findings")
    verdicts = [row["verdict"] for row in line["findings"]]
    assert verdicts.count("passed") > 20 and all(set(row) == FINDING for row in line["findings"])


def test_archived_and_duplicates_of_archived_end_with_0(packages):
    package = packages.bag()
    assert run("ingest", package, "--json")[0] == 0
    assert run("ingest", package, "--json")[0] == 0


@pytest.mark.parametrize(
    "change, words, code",
    [
        ({"fonds": None}, ["--fonds", "D019"], "D019"),
        ({"fonds": " "}, ["--fonds", "D019"], "D019"),
        ({"fonds": "D019"}, ["--fonds", "L010"], "D019"),
        ({"fonds": "L010"}, [], "L010"),
        ({"fonds": None}, [], None),
        ({"fonds": None}, ["--fonds", "X9"], None),
        ({"fonds": "X9"}, ["--fonds", "D019"], None),
    ],
)
def test_the_default_fonds_is_used_only_where_a_package_names_none(packages, change, words, code):
    status, (line,), _ = run("ingest", packages.bag(packages.submission(**change)), *words, "--json")
    assert (line["reference_code"] or "").partition("-")[0] == (code or "")
    assert status == (0 if code else 1)
    failed = [(row["check"], row["field"]) for row in line["findings"] if row["verdict"] == "failed"]
    assert failed == ([] if code else [("X-fonds", "fonds")])


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\3\4" + bytes(range(256)) * 20])
def test_what_is_no_package_is_refused_with_a_line_and_kept(tmp_path, data):
    path = tmp_path / "junk.zip"
    path.write_bytes(data)
    status, (line,), _ = run("ingest", path, "--json")
    assert (status, line["state"], set(line)) == (1, "refused", KEYS)
    assert Submission.objects.get().blob


def test_a_path_that_is_not_there_is_one_refused_line(tmp_path):
    status, (line,), _ = run("ingest", tmp_path / "nothing.zip", "--json")
    assert (status, line["state"], line["submission"], set(line)) == (1, "refused", None, KEYS)


def test_an_empty_folder_is_wrong_use_and_prints_nothing(tmp_path):
    status, lines, said = run("ingest", tmp_path, "--json")
    assert (status, lines) == (2, []) and "没有信息包" in said


def test_a_file_name_of_bytes_that_are_no_text_is_taken_in(packages):
    package = packages.bag(zip=True)
    strange = Path(os.fsdecode(os.fsencode(package.parent) + b"/\xd6\xd0.zip"))
    package.rename(strange)
    status, (line,), _ = run("ingest", strange, "--json")
    assert (status, line["state"]) == (0, "archived")


def test_control_characters_of_a_file_name_are_named_not_printed(packages):
    submission = packages.submission()
    submission["materials"][0]["files"][0]["path"] = "data/\x1b[31mred.pdf"
    _, lines, _ = run("ingest", packages.bag(submission))
    assert "\x1b" not in "".join(lines) and "U+001B" in "".join(lines)


def test_ten_thousand_alike_warnings_are_a_few_rows_and_a_count(packages):
    extra = {f"data/more/{number:03d}.txt": b"x%d" % number for number in range(60)}
    _, (line,), _ = run("ingest", packages.bag(files=extra), "--json")
    alike = [row for row in line["findings"] if row["check"] == "GD-1-11"]
    assert (line["state"], len(alike)) == ("archived", 21)
    assert alike[-1]["message"].startswith("另有 40 处")


class TestABatch:
    @pytest.fixture
    def batch(self, packages):
        """Three packages whose file names say nothing of their numbers, one of them in a folder below."""
        folder = packages.folder / "batch"
        for number, place in ((1, "."), (2, "."), (3, "below/deeper")):
            packages.bag(packages.submission(f"BN-{number}"), zip=number == 2).rename(
                _made(folder / place) / f"package{number}{'.zip' if number == 2 else ''}"
            )
        return folder

    @staticmethod
    def handed_over(folder, **changes) -> tuple[int, list, str]:
        listed = {
            "batch_no": "2026-1", "source": "dongguan", "fonds": "D019", "handed_over_by": "张", "cases": 3,
            "business_nos": ["BN-1", "BN-2", "BN-3"],
        }  # fmt: skip
        (folder / "batch.json").write_text(json.dumps(listed | changes))
        return run("ingest", folder, "--json")

    def test_that_keeps_its_list_ends_with_0(self, batch):
        status, lines, said = self.handed_over(batch)
        assert (status, len(lines), said) == (0, 3, "")
        assert set(Submission.objects.values_list("batch_no", flat=True)) == {"2026-1"}

    @pytest.mark.parametrize(
        "changes, sentence",
        [
            ({"business_nos": ["BN-1", "BN-2", "BN-3", "BN-9"]}, "缺少 BN-9"),
            ({"business_nos": ["BN-1", "BN-2"]}, "多出 BN-3"),
            ({"cases": 5}, "清单写 5 件，实有 3 件"),
            ({"source": "dalian"}, "清单的来源系统是 dalian"),
            ({"fonds": "G003"}, "归入了别的全宗"),
        ],
    )
    def test_whose_list_is_not_kept_says_so_and_ends_with_1(self, batch, changes, sentence):
        status, lines, said = self.handed_over(batch, **changes)
        assert status == 1 and sentence in said
        assert [line["state"] for line in lines] == ["archived"] * 3

    def test_whose_size_was_counted_otherwise_only_says_so(self, batch):
        status, _, said = self.handed_over(batch, bytes=5)
        assert status == 0 and "清单写 5 字节" in said

    @pytest.mark.parametrize("text", ["[1,2", "7", '{"cases": "x", "business_nos": 5, "batch_no": []}', "\0"])
    def test_whose_list_cannot_be_read_is_taken_in_all_the_same(self, batch, text):
        (batch / "batch.json").write_text(text)
        status, lines, said = run("ingest", batch, "--json")
        assert (status, len(lines)) == (0, 3) and "batch.json" in said


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["retention_class", "set", "1-2", "--period", "7", "--basis", "x"],
        ["retention_class", "set", "9-99", "--period", "30", "--basis", "x"],
        ["retention_class", "set", "item:universal/nothing", "--period", "30", "--basis", "x"],
        ["retention_class", "set", "1-2", "--period", "30", "--basis", "x"],
        ["retention_class", "confirm", "item:universal/summary-form", "--basis", "x"],
        ["due", "--on", "morgen"],
        ["find", "x", "--user", "nobody"],
    ],
)
def test_wrong_use_ends_with_2_and_a_sentence(words):
    status, lines, said = run(*words, "--json")
    assert (status, lines) == (2, []) and "。" in said


@pytest.mark.parametrize("words", [["ingest", "x.zip"], ["find", "张三"]])
def test_without_setup_every_command_ends_with_3_a_sentence_and_no_trace(tmp_path, words):
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    }
    environment |= {
        "ARCHIVE_DATA": str(tmp_path / "none"), "ARCHIVE_KEYS": str(tmp_path / "none/keys.json"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (3, "") and "manage.py setup" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "none").exists()
