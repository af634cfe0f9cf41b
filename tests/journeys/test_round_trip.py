"""Out of one installation, into another that is empty, and out of that one again: no digest changes, in either format.
The other installation is worked by its own commands in its own processes, as somebody at a shell has it."""

import hashlib
import json
import os
import signal
import time
import zipfile
from pathlib import Path

import bagit
import pytest

from archive.models import Fonds, Record
from archive.packages import outgoing
from archive.packages.writing import PART
from tests import bags
from tests.installation import Installation
from tests.pages import NUMBER

pytestmark = pytest.mark.django_db(databases="__all__")

FONDS = "D019=东莞市社会保险基金管理中心"
WHY = "移交市档案馆，移交书〔2026〕3 号"
EXTRA = {
    "data/附件/说明 （1）.txt": "说明".encode(),
    "data/附件/e\u0301te\u0301 & 'q' #?+.txt": b"names of every kind",
    f"data/附件/{NUMBER}.txt": b"a name that is stored sealed",
    "data/附件/100%.txt": b"a percent sign",
    "data/𠮷〇/深/一层/又一层/a.txt": b"deep",
    "data/附件/large.png": bags.image((1800, 1200), "PNG"),
}


def tree(path: Path) -> dict[str, bytes]:
    """Original path (`data/…`) or submission.json → bytes, of a package in either format, folder or zip."""
    if path.is_dir():
        found = {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    else:
        with zipfile.ZipFile(path) as archive:
            found = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    plain = {name.removeprefix("representations/rep1/"): data for name, data in found.items()}
    plain = {name.removeprefix("metadata/descriptive/"): data for name, data in plain.items()}
    return {name: data for name, data in plain.items() if name.startswith(("data/", "submission.json"))}


def digests(path: Path) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in tree(path).items()}


def export_here(record: Record, path: Path, format: str, actor) -> Path:
    target = outgoing.target_at(path, zip=path.suffix == ".zip")
    outgoing.export([record.pk], target, format=format, purpose=WHY, actor=actor)
    return path


def only(scope, business_no: str) -> Record:
    return Record.objects.visible_to(scope).get(business_no=business_no)


def test_a_round_trip_changes_no_digest(packages, take_in, actor, tmp_path):
    """Four records: both formats, folder and zip, one of an encrypted fonds."""
    scope, out, sent = actor.scope("record.export"), tmp_path / "out", {}
    out.mkdir()
    for number, (format, end) in enumerate([("bag", ""), ("bag", ".zip"), ("mets", ""), ("mets", ".zip")]):
        Fonds.objects.filter(code="D019").update(encrypted=number in (1, 2))
        submission = packages.submission(f"RT{number:03d}")
        path = packages.bag(submission, EXTRA)
        line = take_in(path)
        assert line["state"] == "archived", line["findings"]
        package = export_here(only(scope, f"RT{number:03d}"), out / f"p{number}{end}", format, actor)
        sent[f"RT{number:03d}"] = digests(package)
        assert sent[f"RT{number:03d}"] == digests(Path(path)), "out as it came in"
    with Installation(tmp_path / "other") as other:
        other.run("setup", "--fonds", FONDS)
        taken = {line["business_no"]: line for line in other.run("ingest", out)}
        assert {line["state"] for line in taken.values()} == {"archived"} and set(taken) == set(sent)
        for format in outgoing.FORMATS:
            again = tmp_path / f"again-{format}"
            words = ("--to", again, "--format", format, "--purpose", WHY)
            lines = other.run("export", "--fonds", "D019", *words, *(["--zip"] if format == "mets" else []))
            assert {line["state"] for line in lines} == {"exported"}
            by_code = {line["reference_code"]: Path(line["path"]) for line in lines}
            for business_no, line in taken.items():
                assert digests(by_code[line["reference_code"]]) == sent[business_no], (business_no, format)
        for folder in (tmp_path / "again-bag").iterdir():
            assert bagit.Bag(str(folder)).validate()
        assert {line["state"] for line in other.run("ingest", tmp_path / "again-mets")} == {"duplicate"}
        assert other.run("verify_audit")[-1]["faults"] == 0
        count = "SELECT count(*) FROM archive_{} WHERE action = '{}'"
        assert other.rows(count.format("event", "record.exported")) == [(8,)]
        assert other.rows(count.format("access", "package.exported")) == [(8,)]


def test_a_kill_in_the_middle_leaves_nothing_that_looks_finished(packages, actor, tmp_path):
    """Killed as soon as it writes, again and again; then it is left alone, and what was finished is not made twice."""
    for number in range(3):
        packages.bag(
            packages.submission(f"KL{number:03d}"), {"data/附件/large.bmp": bags.image((1500, 1500), "BMP")}
        )
    with Installation(tmp_path / "other") as other:
        other.run("setup", "--fonds", FONDS)
        other.run("ingest", packages.folder)
        to = tmp_path / "to"
        words = ("export", "--fonds", "D019", "--to", to, "--purpose", WHY, "--zip")
        killed = 0
        for _ in range(2):
            process = other.start(*words)
            while process.poll() is None and not list(to.glob(f"*{PART}")):
                time.sleep(0.001)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
            process.communicate()
            for path in to.glob("*.zip"):
                with zipfile.ZipFile(path) as archive:
                    assert archive.testzip() is None
        assert killed
        states = [line["state"] for line in other.run(*words)]
        assert len(states) == 3 and set(states) <= {"exported", "there"}
        assert len(list(to.glob("*.zip"))) == 3 and not list(to.glob(f"*{PART}"))
        assert [line["state"] for line in other.run(*words)] == ["there"] * 3


def test_the_command_says_what_it_cannot_do(packages, house, take_in, tmp_path):
    from django.core.management import call_command

    code = take_in(packages.bag())["reference_code"]

    def export(*words: str) -> tuple[int, list[dict]]:
        from io import StringIO

        said = StringIO()
        try:
            call_command(
                "export", *words, "--to", str(tmp_path / "to"), "--json", stdout=said, stderr=StringIO()
            )
        except SystemExit as end:
            return end.code, [json.loads(line) for line in said.getvalue().splitlines()]
        return 0, [json.loads(line) for line in said.getvalue().splitlines()]

    assert export(code, "--purpose", "查")[0] == 2
    assert export("--purpose", WHY)[0] == 2
    assert export("--fonds", "D000", "--purpose", WHY)[0] == 2
    status, lines = export("D019-ZY·DJ·2019·D100-999999", code, "--purpose", WHY)
    assert status == 1 and [line["state"] for line in lines] == ["failed", "exported"]
    assert "没有找到" in lines[0]["message"]
    assert export(code, "--purpose", WHY) == (
        0,
        [lines[1] | {"state": "there", "files": None, "bytes": None}],
    )
