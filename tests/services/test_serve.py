"""`manage.py serve` as it is found in the morning: what was killed at night stands again, and nothing is lost.

The product's own processes on a scratch archive. What they did is read from the database file, from outside.
"""

import http.client
import json
import os
import signal
import threading
from pathlib import Path

import pytest

from tests import factories
from tests.living import FAMILY, Client, Living, wait_for

pytestmark = pytest.mark.services

UPLOADERS, EACH, KILLS = 3, 4, 2
"""`serve` gives up when too many of its processes end within a minute; these tests stay below that."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    with Living(folder, fonds="D019=东莞市社会保险基金管理中心:stage") as archive:
        archive.person("zhou", "周归档", "archivist")
        yield archive


def states(archive: Living) -> dict[str, list[str]]:
    """Business number → the states of what was received under it."""
    found: dict[str, list[str]] = {}
    for number, state in archive.rows("select business_no, state from ingest_submission"):
        found.setdefault(number, []).append(state)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_process_of_the_family_is_started_again(archive):
    before = archive.family()
    assert set(before) == set(FAMILY)
    os.killpg(before["work"], signal.SIGKILL)
    after = wait_for(
        lambda: (family := archive.family()).get("work", before["work"]) != before["work"] and family,
        seconds=600,
        what="the worker is not there again",
    )
    assert after | {"work": 0} == before | {"work": 0}, "who was not killed goes on"


def test_web_and_worker_killed_during_uploads_lose_nothing_that_was_acknowledged(archive, tmp_path):
    packages = factories.some_packages(tmp_path, UPLOADERS * EACH)
    acknowledged: list[Path] = []
    open_ended: list[Path] = []
    three = threading.Semaphore(0)

    def hand_in(mine: list[Path]) -> None:
        for package in mine:
            three.release()
            try:
                client = Client(archive.base).sign_in("zhou")
                answer = json.loads(client.send("/intake/upload/", {}, {"files": package}))
            except (OSError, http.client.HTTPException, AttributeError):
                open_ended.append(package)  # the line broke, before or after it was received: nobody can know
                wait_for(archive.answers, seconds=600)
            else:
                assert answer["state"] == "received", answer
                acknowledged.append(package)

    uploaders = [threading.Thread(target=hand_in, args=(packages[at::UPLOADERS],)) for at in range(UPLOADERS)]
    for uploader in uploaders:
        uploader.start()
    for _ in range(KILLS):  # each time when as many as there are uploaders have begun another one
        for _ in range(UPLOADERS):
            three.acquire()
        family = wait_for(lambda: {"web", "work"} <= set(f := archive.family()) and f, seconds=600)
        os.killpg(family["web"], signal.SIGKILL)
        os.killpg(family["work"], signal.SIGKILL)
    for uploader in uploaders:
        uploader.join()
    assert open_ended, "no upload was hit: the test proves nothing"

    client = Client(archive.base).sign_in("zhou")
    for package in open_ended:
        answer = json.loads(client.send("/intake/upload/", {}, {"files": package}))
        assert answer["state"] in ("received", "duplicate"), answer
    numbers = {package.stem for package in packages}
    wait_for(
        lambda: all(states(archive).get(number) == ["archived"] for number in numbers),
        seconds=600, what=lambda: f"not all archived once: {states(archive)}",
    )  # fmt: skip
    [(codes, records)] = archive.rows("select count(distinct reference_code), count(*) from archive_record")
    assert codes == records == len(packages)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name
)
def test_told_to_stop_the_whole_family_stops(archive, number):
    if archive.serving is None:
        archive.serve()
    family = archive.family()
    assert archive.stop(number) == 0
    assert not [name for name, pid in family.items() if alive(pid)]
    assert "Traceback" not in archive.log.read_text()


def test_when_the_head_is_killed_nobody_stays_behind_on_its_port(archive):
    if archive.serving is None:
        archive.serve()
    family = wait_for(lambda: len(found := archive.family()) == len(FAMILY) and found, seconds=600)
    archive.stop(signal.SIGKILL)
    wait_for(
        lambda: not [name for name, pid in family.items() if alive(pid)],
        seconds=600,
        what=f"still there: {family}",
    )
