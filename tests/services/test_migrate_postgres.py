"""From an empty PostgreSQL to a working archive, twice, by the command that a site runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.conftest import HERE
from tests.services.ports import free_port
from tests.source import ROOT

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def owner_url(tmp_path_factory):
    """A fresh cluster with an empty database; the address of the role that owns it."""
    if not shutil.which("initdb") and not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("postgres")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o711)  # the account that PostgreSQL runs as must pass
    script = str(HERE / "postgres.sh")
    try:
        said = subprocess.run(
            [script, "start", str(folder / "cluster"), str(free_port())],
            check=True,
            stdout=subprocess.PIPE,  # what goes wrong is said on the other one, and stands in the report
            text=True,
        ).stdout
        yield next(line.partition("=")[2] for line in said.splitlines() if line.startswith("OWNER_URL="))
    finally:
        subprocess.run([script, "stop", str(folder / "cluster")], check=False)


def manage(url: str, data: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ARCHIVE_", "DJANGO_"))
    }
    environment |= {"DATABASE_URL": url, "ARCHIVE_DATA": str(data)}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def test_setup_makes_everything_from_nothing_and_again_changes_nothing(owner_url, tmp_path):
    for _ in range(2):
        done = manage(owner_url, tmp_path, "setup", "--fonds", "D019=东莞市社会保险基金管理中心")
        assert done.returncode == 0, done.stderr
    unapplied = manage(owner_url, tmp_path, "migrate", "--check")
    assert unapplied.returncode == 0, unapplied.stdout
    asked = manage(
        owner_url, tmp_path, "shell", "-c",
        "import json; from django.db import connection; from archive import triggers;"
        "from archive.models import Event, Fonds; from config.assembly import TRIGGER_RULES;"
        "print(json.dumps([connection.vendor, triggers.missing(connection, TRIGGER_RULES), Fonds.objects.count(),"
        "Event.objects.filter(action='fonds.made').count()]))",
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout.splitlines()[-1]) == ["postgresql", [], 1, 1]


def test_every_refusal_of_the_database_speaks_up_on_postgresql(owner_url, tmp_path):
    asked = manage(
        owner_url, tmp_path, "shell", "-c",
        "from django.db import IntegrityError\n"
        "from archive.models import Event\n"
        "try:\n    Event.objects.update(action='x')\nexcept IntegrityError as fault:\n    print('refused:', fault)",
    )  # fmt: skip
    assert "refused: archive_event is append-only" in asked.stdout, asked.stderr
