"""The fence: whatever foreign bytes do to the child, the caller gets an answer and the next call works."""

import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from archive.inspection import walls
from archive.inspection.fence import Fence, Limits

MEGABYTE = 1024 * 1024
SMALL = Limits(seconds=60, memory_bytes=256 * MEGABYTE, rest_bytes=150 * MEGABYTE, file_bytes=4 * MEGABYTE)


@pytest.fixture
def fence():
    with Fence(SMALL, functions="tests.hostile") as fence:
        yield fence


def still_works(fence):
    return fence.call("echo", a=1) == {"arguments": {"a": 1}}


def test_one_child_answers_many_calls(fence):
    first = fence.describe()["pid"]
    assert all(still_works(fence) for _ in range(20))
    assert fence.describe()["pid"] == first


def test_a_call_that_takes_too_long_is_stopped_and_says_so(fence):
    answer = fence.call("spin", seconds=0.3)
    assert "超过 0.3 秒" in answer["crashed"]
    assert still_works(fence)


def test_a_child_that_dies_in_the_middle_is_a_finding_and_replaced(fence):
    before = fence.describe()["pid"]
    assert "信号 9" in fence.call("die")["crashed"]
    assert still_works(fence)
    assert fence.describe()["pid"] != before


def test_a_child_that_leaves_is_a_finding(fence):
    assert "异常退出" in fence.call("leave")["crashed"]
    assert still_works(fence)


def test_a_child_killed_from_outside_in_the_middle_of_a_call_is_a_finding(fence):
    pid = fence.describe()["pid"]
    killer = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
    killer.start()
    assert "crashed" in fence.call("spin")
    killer.join()
    assert still_works(fence)


def test_an_exception_in_the_child_is_a_finding_and_the_child_lives_on(fence):
    before = fence.describe()["pid"]
    assert "RuntimeError" in fence.call("fail")["crashed"]
    assert fence.describe()["pid"] == before


def test_an_unknown_probe_is_a_finding(fence):
    assert "crashed" in fence.call("no-such-probe")


def test_memory_is_limited(fence):
    assert fence.call("eat", megabytes=20) == {"bytes": 20 * MEGABYTE}
    assert "内存" in fence.call("eat", megabytes=600)["crashed"]
    assert still_works(fence)


def test_a_child_that_grows_is_replaced_after_the_call(fence):
    before = fence.describe()["pid"]
    assert fence.call("keep", megabytes=200) == {}
    assert fence.describe()["pid"] != before


def test_a_child_is_replaced_after_its_number_of_calls():
    with Fence(Limits(calls=2), functions="tests.hostile") as fence:
        before = fence.describe()["pid"]
        assert still_works(fence) and still_works(fence)
        assert fence.describe()["pid"] != before


def test_no_file_larger_than_the_limit_is_written(fence, tmp_path):
    assert fence.call("write", path=str(tmp_path / "small"), megabytes=2) == {}
    assert "crashed" in fence.call("write", path=str(tmp_path / "large"), megabytes=10)
    assert (tmp_path / "large").stat().st_size <= 4 * MEGABYTE


def test_the_child_reaches_no_network_where_the_kernel_lets_us_close_it(fence):
    if fence.describe()["network"] != "closed":
        pytest.skip("this kernel does not permit a network namespace")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert "crashed" in fence.call("connect", port=server.getsockname()[1])


@pytest.mark.skipif(platform.machine() not in walls.FORBIDDEN, reason="no filter of calls for this machine")
@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("sockets", {}, "PermissionError"),
        ("connect", {"port": 9}, "PermissionError"),
        ("run", {"program": "/bin/true"}, "FileNotFoundError"),
    ],
)
def test_the_child_makes_no_socket_and_starts_no_program_whatever_the_kernel_says_of_networks(
    name, arguments, fault, fence
):
    assert fault in fence.call(name, **arguments)["crashed"]
    assert fence.describe()["network"] == "closed"
    assert still_works(fence)


def test_the_child_holds_no_privilege_but_that_of_reading(fence):
    with open(f"/proc/{fence.describe()['pid']}/status") as status:
        lines = dict(line.split(":\t", 1) for line in status)
    assert int(lines["CapEff"], 16) | int(lines["CapPrm"], 16) in (0, walls.READ_ANY_FILE)
    assert lines["NoNewPrivs"].strip() == "1"


def test_addresses_are_limited_also_those_that_are_no_memory_of_its_own(fence):
    assert fence.call("reserve", megabytes=500) == {"bytes": 500 * MEGABYTE}
    assert "crashed" in fence.call("reserve", megabytes=5000)
    assert still_works(fence)


@pytest.mark.parametrize(
    "data",
    ["ffffffff", "00000003", "00000003787878", "000000025b5d", "00000004" + "80818283", "000000013900"],
    ids=["too long", "then nothing of it", "no JSON", "no object", "no text", "a number, and more"],
)
def test_an_answer_that_is_none_is_a_finding_and_the_child_is_replaced(data, fence):
    before = fence.describe()["pid"]
    assert "crashed" in fence.call("answer_with", data=data, seconds=1)
    assert still_works(fence) and fence.describe()["pid"] != before


def test_an_answer_that_is_too_large_is_a_finding(fence):
    assert "crashed" in fence.call("too_much", megabytes=65)
    assert still_works(fence)


def test_noise_and_half_characters_do_not_disturb_the_answers(fence):
    assert fence.call("babble") == {"text": "ab?c", "items": [1, [2]]}
    assert still_works(fence)


def test_the_child_knows_no_secret_and_no_django(fence, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hush")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h/d")
    around = fence.call("surroundings")
    assert not {"SECRET_KEY", "DATABASE_URL"} & set(around["environment"])
    assert around["django"] is False


def test_closing_ends_the_child_and_the_next_call_starts_another(fence):
    before = fence.describe()["pid"]
    fence.close()
    assert gone(before)
    assert still_works(fence)


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_the_child_dies_when_its_parent_is_killed(busy, tmp_path):
    script = (
        "import sys; from archive.inspection.fence import Fence\n"
        "fence = Fence(functions='tests.hostile'); print(fence.describe()['pid'], flush=True)\n"
        + (f"fence.call('spin', started={str(tmp_path / 'started')!r})" if busy else "sys.stdin.read()")
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "."},
    )
    child = int(parent.stdout.readline())
    while busy and not (tmp_path / "started").exists():
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    for _ in range(1200):
        if gone(child):
            break
        time.sleep(0.05)
    assert gone(child)


def test_several_threads_may_share_one_fence(fence):
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(fence.call("echo", n=n))) for n in range(8)]
    still_works(fence)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["arguments"]["n"] for answer in answers) == list(range(8))


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
