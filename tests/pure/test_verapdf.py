"""What is made of the validator's answers, also of none: a small program stands in for Java and says anything."""

import json
import stat

import pytest

from archive.inspection.verapdf import CONFIRMED, REFUTED, UNKNOWN, VeraPdf


@pytest.fixture
def program(tmp_path):
    """A VeraPdf whose Java is a shell script with this body; `$files` are the paths that it was asked about."""

    def made(body):
        script, jar = tmp_path / "java", tmp_path / "v.jar"
        script.write_text(f'#!/bin/bash\nwhile [[ $1 != 0 ]]; do shift; done; shift\nfiles=("$@")\n{body}\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        jar.write_bytes(b"")
        return VeraPdf(str(jar), java=str(script))

    return made


def answering(*jobs):
    return f"cat <<'JSON'\n{json.dumps({'report': {'jobs': jobs}})}\nJSON"


def job(name, **result):
    return {"itemDetails": {"name": name}, "validationResult": [{"jobEndStatus": "normal"} | result]}


PROFILE = "PDF/A-2B validation profile"


def test_confirmed_and_refuted_are_read_with_flavour_and_clause(program):
    rules = [{"specification": "ISO 19005-2:2011", "clause": "6.3.2"}, {}]
    verapdf = program(
        answering(
            job("/a.pdf", profileName=PROFILE, compliant=True),
            job("/b.pdf", profileName=PROFILE, compliant=False, details={"ruleSummaries": rules}),
        )
    )
    found = verapdf.validate(["/a.pdf", "/b.pdf"])
    assert (found["/a.pdf"].state, found["/a.pdf"].flavour) == (CONFIRMED, "2b")
    assert found["/b.pdf"].state == REFUTED and "第 6.3.2 条等 2 处" in found["/b.pdf"].why


@pytest.mark.parametrize(
    "body",
    [
        "echo no json",
        "exit 3",
        "kill -9 $$",
        "echo '{}'",
        'echo \'{"report": {"jobs": 3}}\'',
        answering(job("/other.pdf", profileName=PROFILE, compliant=True)),
        answering({"itemDetails": {"name": "/a.pdf"}, "taskException": {"exceptionMessage": "encrypted"}}),
        answering(job("/a.pdf", profileName="WCAG", compliant=True)),
        answering(job("/a.pdf", jobEndStatus="timeout", profileName=PROFILE, compliant=True)),
    ],
)
def test_whatever_is_not_a_plain_answer_confirms_nothing(program, body):
    outcome = program(body).validate(["/a.pdf"])["/a.pdf"]
    assert outcome.state == UNKNOWN and outcome.why


def test_a_file_that_kills_the_program_leaves_its_neighbours_their_judgement(program):
    body = '[[ " ${files[*]} " == *bad* ]] && kill -9 $$\n' + answering(
        job("/a.pdf", profileName=PROFILE, compliant=True), job("/c.pdf", profileName=PROFILE, compliant=True)
    )
    found = program(body).validate(["/a.pdf", "/bad.pdf", "/c.pdf"])
    assert [found[f"/{n}.pdf"].state for n in ("a", "bad", "c")] == [CONFIRMED, UNKNOWN, CONFIRMED]


def test_without_its_file_nothing_is_validated():
    assert VeraPdf("/absent.jar").validate(["/a.pdf"])["/a.pdf"].state == UNKNOWN
