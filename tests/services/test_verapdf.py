"""A real veraPDF: what it confirms, what it refutes, and what it cannot read."""

import os
import subprocess
from pathlib import Path

import pytest

from archive.inspection.examine import examine_all
from archive.inspection.fence import Fence
from archive.inspection.verapdf import CONFIRMED, REFUTED, UNKNOWN, VeraPdf
from tests.bags import pdf
from tests.samples_table import SAMPLES

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def verapdf():
    jar = os.environ.get("VERAPDF_JAR")
    if not jar:
        done = subprocess.run([Path(__file__).parent / "verapdf.sh"], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no veraPDF: {done.stderr.strip()}")
        jar = done.stdout.strip()
    return VeraPdf(jar)


def claiming(path, part=2, level="B"):
    """A PDF that claims PDF/A and does not keep it: no output intent, fonts outside."""

    def claim(document):
        with document.open_metadata(set_pikepdf_as_editor=False) as metadata:
            metadata["pdfaid:part"], metadata["pdfaid:conformance"] = str(part), level

    path.write_bytes(pdf("Zhang San", change=claim))
    return path


def test_a_claim_that_is_not_kept_is_refuted_with_the_clause(verapdf, tmp_path):
    path = claiming(tmp_path / "a.pdf")
    outcome = verapdf.validate([path])[str(path)]
    assert (outcome.state, outcome.flavour) == (REFUTED, "2b") and "ISO 19005-2" in outcome.why


def test_files_that_cannot_be_read_do_not_cost_their_neighbours_the_judgement(verapdf, tmp_path):
    good = claiming(tmp_path / "a.pdf")
    (tmp_path / "-f 0.pdf").write_bytes(b"no pdf")
    (tmp_path / "empty.pdf").write_bytes(b"")
    found = verapdf.validate([tmp_path / "-f 0.pdf", good, tmp_path / "empty.pdf", tmp_path / "absent.pdf"])
    states = {Path(path).name: outcome.state for path, outcome in found.items()}
    assert states == {"-f 0.pdf": UNKNOWN, "a.pdf": REFUTED, "empty.pdf": UNKNOWN, "absent.pdf": UNKNOWN}


def test_examine_says_what_was_refuted(verapdf, tmp_path):
    with Fence() as fence:
        (answer,) = examine_all([claiming(tmp_path / "a.pdf")], fence, verapdf=verapdf)
    told = {row["check"]: row["verdict"] for row in answer["findings"]}
    assert told["X-PDFA"] == "warning" and answer["pdfa"] is None


@pytest.mark.samples
@pytest.mark.skipif(not SAMPLES.exists(), reason="no sample files beside the project (../shared/samples)")
def test_the_samples_that_pass_and_fail_one_clause_are_told_apart(verapdf):
    paths = sorted((SAMPLES / "pdfa").glob("*.pdf"))
    found = verapdf.validate(paths)
    for path in paths:
        state = found[str(path)].state
        assert state != (CONFIRMED if "-fail-" in path.name else REFUTED) or "7.2-t23" in path.name, path.name
