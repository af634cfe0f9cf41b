"""Who may import whom: the contracts of pyproject.toml, and which room may open which door to the outside."""

import ast

import pytest
from importlinter.cli import lint_imports

from tests.source import ROOT, modules

PROBES = "archive/inspection/probes/"
"""Foreign bytes are opened in the fenced child only."""
OCR = "archive/inspection/ocr.py"
"""A child of its own behind the same fence."""

DOORS = {
    "django_q": ("archive/jobs.py",),
    "boto3": ("archive/storage/",),
    "botocore": ("archive/storage/",),
    "urllib3": ("archive/storage/",),  # the errors that boto3 lets through
    "elasticsearch": ("search/engine/",),
    # A scratch file beside the database; config/backup reads SQLite's own copy of it.
    "sqlite3": ("archive/verification.py", "archive/rebuilding/", "config/backup/"),
    # Four sorts of keys, each with the one who keeps it: fields, key encryption, objects at rest, backups.
    # And who signed a list of revoked certificates, which may have a hundred thousand rows.
    "cryptography": (
        "archive/privacy.py",
        "archive/keks.py",
        "archive/segments.py",
        "config/backup/envelope.py",
        "archive/inspection/probes/revocations.py",
    ),
    "pyhanko": (PROBES,),
    "pyhanko_certvalidator": (PROBES,),
    "asn1crypto": (PROBES,),
    "gmssl": (PROBES,),
    "olefile": (PROBES,),
    "tinytag": (PROBES,),
    # The demonstration's forms and the printed papers are bytes of our own.
    "pikepdf": (PROBES, "config/demonstration/", "archive/printing.py"),
    "pypdfium2": (PROBES, OCR, "config/demonstration/"),
    "PIL": (PROBES, OCR, "config/demonstration/"),
    "rapidocr": (OCR,),
    "numpy": (OCR,),
    "pygfried": (PROBES, "config/doctor/"),  # doctor looks at a file of our own
    "lxml": (PROBES, "archive/eep.py", "archive/packages/xml.py"),  # both write XML; neither reads any
    "openpyxl": ("retention/register_papers.py",),  # writes lists of our own
    "typst": ("archive/printing.py", "config/demonstration/", "config/doctor/"),  # prints our own papers
    "tarfile": (PROBES, "config/backup/parcel.py"),  # a backup is made of our own bytes, and read back proven
    # Writing a zip opens no foreign bytes: of a folder that was handed over, and of a package for others.
    "zipfile": (PROBES, "config/demonstration/", "ingest/staging.py", "archive/packages/writing.py"),
    # Other programs: the fenced and the confined ones; the database's own; the servers of `serve`; doctor's questions.
    "subprocess": (
        "archive/inspection/fence.py",
        "archive/inspection/confined.py",
        "config/backup/database.py",
        "config/doctor/",
        "config/management/commands/serve.py",
    ),
    "socket": ("archive/inspection/clamd.py",),
    "ctypes": ("archive/inspection/walls.py", "config/management/commands/serve.py"),  # calls to the kernel
    "pickle": (),  # what it reads it runs
    "marshal": (),
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
