"""One gate to a record: no page comes by one but through `get_for` or `visible_to` (design §5.1)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("archive", "ingest", "retention", "search", "config")
GUARDED = {"Record", "DigitalObject", "RecordParty", "ObjectText"}
"""What tells about a record. From a record that came through the gate one reaches these by its own relations."""
EXEMPT = {"archive/records.py", "archive/http.py"}


def is_page_code(path: Path) -> bool:
    """Whatever handles a request: views, pages, the interface, and what builds their contexts."""
    text = path.read_text()
    return path.name in ("views.py", "pages.py", "api.py", "record_page.py") or "HttpRequest" in text


PAGES = sorted(
    path
    for app in APPS
    for path in (ROOT / app).rglob("*.py")
    if "migrations" not in path.parts and str(path.relative_to(ROOT)) not in EXEMPT and is_page_code(path)
)


def ungated(source: str) -> list[str]:
    """Every use of the managers of GUARDED models other than `Record.objects.visible_to(…)`."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(tree):
        manager = isinstance(node, ast.Attribute) and node.attr in (
            "objects",
            "_default_manager",
            "_base_manager",
        )
        if not manager or not isinstance(node.value, ast.Name) or node.value.id not in GUARDED:
            continue
        used = parents.get(node)
        if node.value.id == "Record" and isinstance(used, ast.Attribute) and used.attr == "visible_to":
            continue
        found.append(f"line {node.lineno}: {ast.unparse(used or node)}")
    return found


def test_the_pages_of_the_house_are_looked_at():
    names = {str(path.relative_to(ROOT)) for path in PAGES}
    assert {"config/pages.py", "config/record_page.py", "search/views.py", "search/viewing.py"} <= names


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_comes_by_records_through_the_gate_only(path):
    assert ungated(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    ["Record.objects.get(pk=1)", "Record.objects.filter(a=1).visible_to(s)", "rows = Record.objects",
     "RecordParty.objects.filter(id_token=t)", "Record._base_manager.all()"],
)  # fmt: skip
def test_a_way_round_the_gate_is_seen(source):
    assert ungated(source)


def test_the_gate_itself_is_allowed():
    assert ungated("Record.objects.visible_to(scope).filter(a=1)") == []
