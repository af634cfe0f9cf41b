"""Who may import whom: the contracts of pyproject.toml, and which room may open which door to the outside."""

import ast

import pytest
from importlinter.cli import lint_imports

from tests.source import ROOT, modules

DOORS = {
    "django_q": ("archive/jobs.py",),
    "boto3": ("archive/storage/",),
    "botocore": ("archive/storage/",),
    "elasticsearch": ("search/engine/",),
    "sqlite3": ("archive/verification.py", "archive/rebuilding/", "config/backup/"),  # a scratch file beside the database
    "cryptography": (
        "archive/privacy.py",
        "archive/keks.py",
        "archive/segments.py",
        "config/backup/envelope.py",
    ),
    # Foreign bytes are opened in the fenced child only. The demonstration and the printed
    # registers are bytes of our own.
    "pikepdf": ("archive/inspection/probes/", "config/demonstration/", "archive/printing.py"),
    "pypdfium2": ("archive/inspection/probes/", "config/demonstration/"),
    "pygfried": ("archive/inspection/probes/", "config/doctor/"),  # doctor looks at a file of our own
    "lxml": ("archive/inspection/probes/", "archive/eep.py"),
    "PIL": ("archive/inspection/probes/", "config/demonstration/"),
    "tarfile": (
        "archive/inspection/probes/",
        "config/backup/parcel.py",
    ),  # a backup is made of our own bytes, and read back proven
    # Writing a zip of what was handed over as a folder opens no foreign bytes.
    "zipfile": ("archive/inspection/probes/", "config/demonstration/", "ingest/staging.py"),
}
"""Package → the only places of the product that import it."""


def imports_of(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


def test_imports_run_one_way(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    kept = lint_imports(no_cache=True, no_logo=True) == 0
    report = capsys.readouterr().out
    assert kept, report[report.find("Broken contracts") :]


@pytest.mark.parametrize("package", DOORS)
def test_a_foreign_package_is_imported_in_its_own_rooms_only(package):
    places = DOORS[package]
    strangers = [
        path
        for path, tree in modules().items()
        if any(name == package or name.startswith(f"{package}.") for name in imports_of(tree))
        and not path.startswith(places)
    ]
    assert not strangers, f"{package} belongs to {places}"


def test_the_product_imports_no_tests():
    assert not [
        path for path, tree in modules().items() if any(n.split(".")[0] == "tests" for n in imports_of(tree))
    ]
