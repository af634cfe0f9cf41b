"""Virus scanning with a real clamd that knows one signature: the EICAR test string."""

import io
import shutil
import socket
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pikepdf
import pytest

from archive.inspection.clamd import Clamd, NotScanned
from archive.inspection.examine import examine
from tests.bags import bag_files, pdf, zipped
from tests.services.ports import free_port

pytestmark = pytest.mark.services
SCRIPT = str(Path(__file__).parent / "clamd.sh")
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture(scope="module")
def server():
    """(unix url, tcp url) of a private clamd."""
    if not shutil.which("clamd"):
        pytest.skip("no virus scanner: clamd not installed (apt-get install clamav-daemon)")
    folder = tempfile.mkdtemp(prefix="clamd-")
    port = free_port()
    started = subprocess.run([SCRIPT, "start", folder, str(port)], capture_output=True, text=True)
    assert started.returncode == 0, started.stderr
    try:
        yield started.stdout.strip(), f"tcp://127.0.0.1:{port}"
    finally:
        subprocess.run([SCRIPT, "stop", folder], check=True)
        shutil.rmtree(folder)


def attached(data: bytes, *, compressed: bool = True) -> bytes:
    def change(document):
        document.attachments["note.txt"] = pikepdf.AttachedFileSpec(document, data)

    return pdf(change=change, save={"compress_streams": compressed})


def in_zip(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/inner.bin", data)
    return stream.getvalue()


def scanned(path, fence, clamd):
    result = examine(path, fence, clamd=clamd, all_findings=True)
    return [f for f in result["findings"] if f["check"] == "GD-4-2"]


@pytest.mark.parametrize(
    ("name", "data", "verdict"),
    [
        ("plain.txt", EICAR, "failed"),
        ("inside.zip", in_zip(EICAR), "failed"),
        ("attached.pdf", attached(EICAR), "failed"),
        ("attached-plainly.pdf", attached(EICAR, compressed=False), "failed"),
        ("clean.txt", b"clean", "passed"),
        ("clean.pdf", attached(b"clean"), "passed"),
    ],
)
def test_a_virus_is_found_wherever_it_rides(server, fence, tmp_path, name, data, verdict):
    (tmp_path / name).write_bytes(data)
    for url in server:
        found = scanned(tmp_path / name, fence, Clamd(url))
        assert {f["verdict"] for f in found} == {verdict}
        assert all("Eicar-Test" in f["value"] for f in found if verdict == "failed")


def test_every_file_of_a_package_is_scanned(server, fence, tmp_path):
    files = bag_files({"a.txt": b"clean", "b.pdf": attached(EICAR), "c.txt": EICAR})
    found = scanned(zipped(files, tmp_path / "p.zip"), fence, Clamd(server[0]))
    assert {f["file"] for f in found if f["verdict"] == "failed"} == {"data/b.pdf", "data/c.txt"}


def test_a_file_too_large_for_the_scanner_is_not_run_and_not_clean(server, fence, tmp_path):
    with (tmp_path / "large.txt").open("wb") as file:
        for _ in range(25):
            file.write(b"a" * (1 << 20))
    found = scanned(tmp_path / "large.txt", fence, Clamd(server[0]))
    assert {f["verdict"] for f in found} == {"not-run"}


def test_a_scanner_that_is_not_there_is_not_run(fence, tmp_path):
    (tmp_path / "a.txt").write_bytes(EICAR)
    for url in (f"unix://{tmp_path}/no.sock", "tcp://127.0.0.1:1"):
        assert [f["verdict"] for f in scanned(tmp_path / "a.txt", fence, Clamd(url, seconds=2))] == [
            "not-run"
        ]


def test_a_scanner_that_stops_in_between_is_not_run(fence, tmp_path):
    if not shutil.which("clamd"):
        pytest.skip("no virus scanner: clamd not installed (apt-get install clamav-daemon)")
    folder = tempfile.mkdtemp(prefix="clamd-")
    clamd = Clamd(subprocess.run([SCRIPT, "start", folder], capture_output=True, text=True).stdout.strip())
    (tmp_path / "a.txt").write_bytes(EICAR)
    try:
        assert [f["verdict"] for f in scanned(tmp_path / "a.txt", fence, clamd)] == ["failed"]
    finally:
        subprocess.run([SCRIPT, "stop", folder], check=True)
    assert [f["verdict"] for f in scanned(tmp_path / "a.txt", fence, clamd)] == ["not-run"]
    shutil.rmtree(folder)


def test_the_scanner_says_what_it_is(server):
    assert Clamd(server[0]).version()["engine"].startswith("ClamAV")


@pytest.mark.parametrize("url", ["", "http://x", "unix://", "tcp://", "/run/clamd.sock"])
def test_an_address_of_another_form_is_refused_at_once(url):
    with pytest.raises(ValueError):
        Clamd(url)


def test_an_answer_that_is_no_verdict_is_not_scanned(tmp_path):
    import threading

    (tmp_path / "a.txt").write_bytes(b"x")
    with socket.create_server(("127.0.0.1", 0)) as imposter:

        def answer():
            connection, _ = imposter.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"stream: maybe\0")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotScanned):
            Clamd(f"tcp://127.0.0.1:{imposter.getsockname()[1]}", seconds=2).scan(str(tmp_path / "a.txt"))
        thread.join()
