"""In production each development default is refused; a correct configuration passes."""

import os
from dataclasses import replace
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.core.files.storage import storages
from django.core.management import call_command
from django.test.utils import override_settings

from archive.errors import NotConfigured
from archive.storage import ProbeResult, from_environment
from config import checks, promises

pytestmark = pytest.mark.django_db
SOUND = {
    "ARCHIVE_ENV": "production",
    "PRODUCTION": True,
    "SECRET_KEY": "0123456789abcdef" * 4,
    "ALLOWED_HOSTS": ["archive.example"],
    "ARCHIVE_KEYS": "/etc/archive/keys.json",
    "CLAMD_URL": "unix:///run/clamav/clamd.sock",
    "REQUIRE_SCAN": True,
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_SSL_REDIRECT": True,
    "EMBEDDED": False,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("ALLOWED_HOSTS", "archive.example")
    monkeypatch.setenv("ARCHIVE_STORES", "main")
    monkeypatch.setenv("MAIN_S3_BUCKET", "archive")
    monkeypatch.setenv("MAIN_S3_ENDPOINT_URL", "https://s3.example")
    monkeypatch.setattr(promises, "NAME", f"promises-{uuid4()}.json")  # nobody else's findings
    tried()


def tried(*failed: str, **changed) -> None:
    """The store of the environment was probed: these promises were broken."""
    results = [ProbeResult(name="lock", state="ok", message="读回一致。")]
    results += [ProbeResult(name=name, state="failed", message=f"没有守住 {name}。") for name in failed]
    (config,) = from_environment(os.environ)
    promises.remember(replace(config, **changed), results)


def ids(**changed) -> list[str]:
    with override_settings(**(SOUND | changed)):
        found = [m for check in CHECKS for m in check(None)]
        assert all(message.msg and message.hint for message in found)
        return [message.id.removeprefix("archive.") for message in found]


CHECKS = [
    checks.environment, checks.production_defaults, checks.stores, checks.file_storages, checks.jobs, checks.databases,
]  # fmt: skip


def test_a_correct_configuration_passes():
    assert ids() == []


def test_development_needs_nothing(monkeypatch):
    monkeypatch.delenv("ALLOWED_HOSTS")
    monkeypatch.delenv("ARCHIVE_STORES")
    assert ids(ARCHIVE_ENV="development", PRODUCTION=False, SECRET_KEY="x", CLAMD_URL="", EMBEDDED=True) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ARCHIVE_ENV": "prod", "PRODUCTION": False}, "E001"),
        ({"SECRET_KEY": "development-only-" + "x" * 40}, "E002"),
        ({"SECRET_KEY": "short"}, "E002"),
        ({"SECRET_KEY": "x" * 60}, "E002"),
        ({"ALLOWED_HOSTS": ["*"]}, "E003"),
        ({"DEBUG": True}, "E004"),
        ({"CLAMD_URL": ""}, "E006"),
        ({"REQUIRE_SCAN": False}, "W001"),
        ({"SESSION_COOKIE_SECURE": False}, "E007"),
        ({"CSRF_COOKIE_SECURE": False}, "E007"),
        ({"SECURE_SSL_REDIRECT": False}, "W002"),
        ({"EMBEDDED": True}, "W003"),
        ({"Q_CLUSTER": {"timeout": 60, "retry": 60}}, "E013"),
        ({"Q_CLUSTER": {"retry": 60}}, "E013"),
        ({"DEFAULT_FILE_STORAGE": "storages.backends.s3.S3Storage"}, "E009"),
        ({"STORAGES": {}}, "E010"),
    ],
)
def test_each_unsafe_value_is_named_alone(changed, told):
    assert set(ids(**changed)) == {told}


def test_default_hosts_are_refused_in_production(monkeypatch):
    monkeypatch.delenv("ALLOWED_HOSTS")
    assert ids() == ["E003"]


def test_keys_beside_the_data_are_refused(settings):
    assert ids(ARCHIVE_KEYS=str(settings.ARCHIVE_DATA / "keys" / "keys.json")) == ["E005"]
    assert ids(ARCHIVE_KEYS=str(settings.ARCHIVE_DATA / ".." / "elsewhere" / "keys.json")) == []


def test_a_store_that_cannot_be_understood_is_an_error_in_development_too(monkeypatch):
    monkeypatch.delenv("MAIN_S3_BUCKET")
    assert ids() == ["E008"]
    assert ids(ARCHIVE_ENV="development", PRODUCTION=False) == ["E008"]


def test_only_local_stores_and_plain_http_are_warnings_in_production(monkeypatch):
    monkeypatch.setenv("MAIN_S3_ENDPOINT_URL", "http://s3.example")
    tried()
    assert ids() == ["W005"]
    monkeypatch.setenv("MAIN_S3_ENDPOINT_URL", "http://127.0.0.1:7480")
    tried()
    assert ids() == []
    monkeypatch.delenv("ARCHIVE_STORES")
    tried()
    assert ids() == ["W004"]


def test_a_storage_that_does_not_open_is_told(settings):
    broken = dict(settings.STORAGES) | {"staging": {"BACKEND": "no.such.Storage"}}
    assert ids(STORAGES=broken) == ["E011"]


def test_a_storage_that_is_not_what_was_asked_for_is_told(settings, monkeypatch):
    other = storages.create_storage({"BACKEND": "django.core.files.storage.InMemoryStorage"})
    with override_settings(**SOUND):
        monkeypatch.setitem(storages._storages, "staging", other)
        assert [message.id for message in checks.file_storages(None)] == ["archive.E012"]


def test_sqlite_without_immediate_transactions_is_an_error(monkeypatch):
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": "x", "OPTIONS": {}}
    monkeypatch.setattr(checks, "settings", SimpleNamespace(DATABASES={"default": database}))
    assert [message.id for message in checks.databases(None)] == ["archive.E014"]


def test_commands_and_server_refuse_to_work_on_unsafe_settings(capsys):
    with override_settings(**(SOUND | {"SECRET_KEY": "short"})):
        with pytest.raises(NotConfigured, match="SECRET_KEY"):
            checks.require_sound()
        with pytest.raises(SystemExit) as ended:
            call_command("due", json=True)
    assert ended.value.code == 3
    assert "SECRET_KEY" in capsys.readouterr().err
    checks.require_sound()  # development


def test_production_does_not_start_on_a_store_that_was_never_tried(monkeypatch):
    monkeypatch.setattr(promises, "NAME", "never.json")
    assert ids() == ["E015"]
    assert ids(ARCHIVE_ENV="development", PRODUCTION=False) == []


@pytest.mark.parametrize("name", ["S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_ENDPOINT_URL"])
def test_another_bucket_or_another_key_is_tried_anew(monkeypatch, name):
    monkeypatch.setenv("MAIN_S3_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("MAIN_S3_ACCESS_KEY_ID", "one")
    tried()
    assert ids() == []
    monkeypatch.setenv(f"MAIN_{name}", "https://other.example")
    assert ids() == ["E015"]


def test_production_does_not_start_on_a_store_that_breaks_a_promise():
    tried("bypass", "shorten")
    assert ids() == ["E016", "E016"]
    with override_settings(**SOUND), pytest.raises(NotConfigured, match="没有守住 bypass"):
        checks.require_sound()
    tried()
    assert ids() == []


def test_a_probe_that_did_not_reach_its_store_changes_nothing(monkeypatch):
    tried("connection")
    assert ids() == []
    tried("shorten")
    tried("connection")
    assert ids() == ["E016"]


def test_a_file_of_promises_that_is_no_json_counts_as_never_tried(settings):
    promises._file().write_text("half a fi")
    assert ids() == ["E015"]
    promises._file().write_text('{"main": 3}')
    assert ids() == ["E015"]
