"""The application's role on a real PostgreSQL: it does its work, and cannot touch the ledgers or their guards."""

import json
import os
import subprocess
import sys

import psycopg
import pytest

from config.demonstration.catalogue import FONDS
from tests.services.test_migrate_postgres import manage, owner_url  # noqa: F401  (a fixture)
from tests.source import ROOT

pytestmark = pytest.mark.services

ATTEMPT = """
import json
from django.db import Error, connection
def attempt(sql):
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
        return "done"
    except Error as fault:
        return str(fault).splitlines()[0]
print(json.dumps({sql: attempt(sql) for sql in %r}))
"""
REFUSED = [
    "ALTER TABLE archive_event DISABLE TRIGGER ALL",
    "DROP TRIGGER refuse_delete_archive_event ON archive_event",
    "DROP TABLE archive_event",
    "TRUNCATE archive_event",
    "DELETE FROM archive_event",
    "UPDATE archive_event SET actor_name = 'x'",
    "UPDATE archive_seal SET root = 'x'",
    "DELETE FROM archive_record",
    "DELETE FROM archive_user",
    "DELETE FROM django_migrations",
    "CREATE TABLE mine (id int)",
    "CREATE OR REPLACE FUNCTION archive_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    "SET session_replication_role = replica",
]
ALLOWED = [
    "SELECT count(*) FROM archive_event",
    "DELETE FROM archive_change WHERE topic = 'nobody'",
    "DELETE FROM archive_madecontent",
    "DELETE FROM django_session",
    "DELETE FROM ingest_findingrow",
    "DELETE FROM archive_assignment",
    "DELETE FROM django_q_ormq",
    "DELETE FROM search_text",
    "UPDATE archive_user SET is_active = true",
    "SELECT * FROM django_migrations",
]


def shell(url, data, code):
    done = manage(url, data, "shell", "-c", code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_application_works_with_its_own_role_and_cannot_touch_the_ledgers(owner_url, tmp_path):  # noqa: F811
    application = owner_url.replace("archive_owner:", "archive_app:")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ARCHIVE_", "DJANGO_"))
    }
    environment |= {
        "DATABASE_URL": owner_url, "ARCHIVE_DATA": str(tmp_path), "DATABASE_APPLICATION_ROLE": "archive_app",
    }  # fmt: skip
    for _ in range(2):
        setup = [sys.executable, "manage.py", "setup", "--fonds", "D019=东莞市社会保险基金管理中心"]
        done = subprocess.run(setup, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    answers = shell(application, tmp_path, ATTEMPT % (REFUSED,))
    assert {sql: answer for sql, answer in answers.items() if answer == "done"} == {}
    assert all("permission denied" in answer or "must be owner" in answer for answer in answers.values()), (
        answers
    )
    answers = shell(application, tmp_path, ATTEMPT % (ALLOWED,))
    assert {sql: answer for sql, answer in answers.items() if answer != "done"} == {}

    for command in (["verify_audit", "--json"], ["fixity", "--all", "--json"], ["work", "--once"]):
        done = manage(application, tmp_path, *command)
        assert done.returncode == 0, (command, done.stderr)

    sealed = shell(
        application, tmp_path,
        "from config import schedule; import json; print(json.dumps([schedule.seal_ledgers(), schedule.clear_sign_ins()]))",
    )  # fmt: skip
    assert sealed == ["封存到第 1 号", "已清理"]
    parts = [
        json.loads(line) for line in manage(application, tmp_path, "doctor", "--json").stdout.splitlines()
    ]
    assert [part["state"] for part in parts if part["part"] in ("roles", "triggers", "database")] == [
        "ok",
        "ok",
        "ok",
    ]
    owned = [json.loads(line) for line in manage(owner_url, tmp_path, "doctor", "--json").stdout.splitlines()]
    assert next(part["state"] for part in owned if part["part"] == "roles") == "warning"
    assert manage(application, tmp_path, "verify_audit").returncode == 0


LIFE = """
import json, sys
from django.utils.module_loading import import_string
from archive.models import Copy, Record
from archive.verification import verify_audit
from config import demo, schedule
demo.fill(lambda words: print(words, file=sys.stderr))
for job in schedule.JOBS:
    import_string(job.function)()
print(json.dumps([
    sorted(set(Record.objects.values_list("state", flat=True))),
    sorted(set(Copy.objects.values_list("state", flat=True))),
    len(verify_audit().faults),
]))
"""


@pytest.fixture
def own_database(owner_url):  # noqa: F811
    """An empty database of its own: another test's ledger has its seals in another folder."""
    with psycopg.connect(owner_url, autocommit=True) as server:
        server.execute("CREATE DATABASE life")
    return f"{owner_url.rpartition('/')[0]}/life"


def test_a_whole_life_is_led_under_the_role_that_owns_nothing(own_database, tmp_path):
    """Taken in, kept, appraised, destroyed, and every job of the schedule: no verb needs a right that it has not."""
    for code, (name, scheme) in FONDS.items():
        done = manage(own_database, tmp_path, "setup", "--fonds", f"{code}={name}:{scheme}")
        assert done.returncode == 0, done.stderr
    shell(
        own_database, tmp_path,
        "from django.db import connection; from archive import grants; "
        "print(len(grants.grant_application_role(connection, 'archive_app')))",
    )  # fmt: skip
    application = own_database.replace("archive_owner:", "archive_app:")
    assert shell(application, tmp_path, LIFE) == [["archived", "destroyed"], ["removed", "stored"], 0]


@pytest.mark.parametrize(
    ("role", "told"),
    [("nobody_here", "没有角色"), ("archive_owner", "所有者"), ('x"; DROP TABLE y', "不是合法的角色名")],
)
def test_a_wrong_role_is_refused_with_a_sentence(owner_url, tmp_path, role, told):  # noqa: F811
    answer = shell(
        owner_url, tmp_path,
        "import json\nfrom django.db import connection\nfrom archive import grants\nfrom archive.errors import WrongInput\n"
        f"try:\n    grants.grant_application_role(connection, {role!r})\n"
        "except WrongInput as fault:\n    print(json.dumps(str(fault)))",
    )  # fmt: skip
    assert told in answer
