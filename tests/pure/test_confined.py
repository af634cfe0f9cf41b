"""A foreign program on foreign bytes: it ends in time, dies with whoever started it, and knows nothing of ours."""

import os
import subprocess
import sys
import time

import pytest

from archive.inspection import confined


def script(text):
    return [sys.executable, "-c", text]


def run(text, *, seconds=300.0):
    return confined.run(script(text), seconds=seconds, cpu_seconds=60)


def test_what_the_program_prints_comes_back():
    assert run("print('x' * 5)") == b"xxxxx\n"


@pytest.mark.parametrize(
    ("text", "seconds", "why"),
    [
        ("import time; time.sleep(600)", 1, "超过 1 秒"),
        ("pass", 300, "没有答复"),
        ("import os; os.kill(os.getpid(), 9)", 300, "没有答复"),
    ],
)
def test_a_program_that_hangs_says_nothing_or_dies_is_told(text, seconds, why):
    began = time.monotonic()
    with pytest.raises(confined.Failed, match=why):
        run(text, seconds=seconds)
    assert time.monotonic() - began < 300


def test_a_program_that_computes_for_ever_is_ended_by_its_share_of_the_processor():
    with pytest.raises(confined.Failed, match="没有答复"):
        confined.run(script("while True: pass"), seconds=300, cpu_seconds=1)


def test_a_program_that_is_not_there_is_told():
    with pytest.raises(confined.Failed):
        confined.run(["/no/such/program"], seconds=5, cpu_seconds=1)


def test_the_program_knows_no_secret_and_writes_no_large_file(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_KEY", "hush")
    assert b"SECRET_KEY" not in run("import os; print(sorted(os.environ))")
    text = f"open({str(tmp_path / 'x')!r}, 'wb').write(bytes({confined.LARGEST_ANSWER + 10}))"
    with pytest.raises(confined.Failed):
        run(text)
    assert (tmp_path / "x").stat().st_size <= confined.LARGEST_ANSWER


def test_the_program_holds_no_privilege():
    status = run("print(open('/proc/self/status').read())").decode()
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(lines["CapEff"], 16) in (0, 4) and lines["NoNewPrivs"].strip() == "1"


def test_the_program_dies_when_whoever_started_it_is_killed(tmp_path):
    place = tmp_path / "pid"
    inner = f"import os, time; open({str(place)!r} + '~', 'w').write(str(os.getpid())); os.rename({str(place)!r} + '~', {str(place)!r}); time.sleep(600)"  # fmt: skip
    outer = f"import sys; from archive.inspection import confined; confined.run([sys.executable, '-c', {inner!r}], seconds=600, cpu_seconds=9)"
    parent = subprocess.Popen([sys.executable, "-c", outer], env={**os.environ, "PYTHONPATH": "."})
    while not place.exists():
        time.sleep(0.02)
    program = int(place.read_text())
    parent.kill()
    parent.wait()
    for _ in range(3000):
        if gone(program):
            break
        time.sleep(0.02)
    assert gone(program)


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
