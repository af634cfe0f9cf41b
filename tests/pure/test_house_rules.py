"""The habits of the house that a machine can see: one gate, one place for deleting, no broad except, small modules.

An exception stands here by name with its reason. One that is not needed any more must go: that is tested too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

from archive import grants
from tests.source import ROOMS, ROOT, modules

RECORDS_WITHOUT_SCOPE = {
    "archive/records.py": "the gate itself, and the verbs behind it",
    "archive/keeping.py": "locks and writes a record it was given by id; shows nothing",
    "archive/fixity.py": "locks the record of a damaged copy",
    "archive/editions.py": "locks a record about which something was decided; shows nothing",
    "archive/restoration.py": "locks the record of a damaged copy whose repair was ordered",
    "archive/destruction.py": "behind retention's own gate: the row of a register names the record",
    "archive/rebuilding/missing.py": "asks whether a record that the stores know is there; shows nothing",
    "archive/rebuilding/records.py": "makes the rows of a lost database from the stores; shows nothing",
    "archive/rebuilding/rest.py": "the same: chains, relations and numbers of every record",
    "archive/pdfa.py": "locks the record whose file was judged",
    "archive/correction.py": "moves the records filed under a class whose period was raised, by decision",
    "archive/extension.py": "locks the record of an opinion that was given on it",
    "retention/holds.py": "locks the records of a hold whose extent was asked for under the scope",
    "archive/holdings.py": "only asks whether a fonds holds anything",
    "archive/lock_modes.py": "only counts what a fonds holds",
    "ingest/receiving.py": "asks whether a case that is handed in is a record without its submission",
    "ingest/recognition.py": "locks the record whose words were read",
    "ingest/texts.py": "locks the record whose words were read",
    "ingest/outcomes.py": "tells the sender of a package what became of that very package",
    "ingest/models.py": "a subquery of a grant's own Q",
    "search/indexing.py": "the index holds everything; who asks it is scoped inside it",
    "config/backup/taking.py": "counts what a backup holds",
    "config/backup/reconciling.py": "marks what a restored catalogue holds and no store does",
    "config/management/commands/setup.py": "only asks whether anything is filed at all",
    "config/management/commands/verify_audit.py": "names the subjects of faults for whoever runs the server",
}
"""Modules that ask Record without `visible_to`. Everybody else goes through the scope or `records.get_for`."""

DELETERS = {
    "archive/changes.py": "a message of the outbox that was followed up",
    "archive/seals.py": "messages of the outbox that are sealed",
    "archive/keeping.py": "bytes of a manifest whose every copy is stored",
    "archive/rebuilding/order.py": "the mark that a rebuild is under way",
    "archive/destruction.py": "what personal data leaves behind beside the stub of a destroyed record",
    "archive/spreading.py": "in the cache: how far a pass has come",
    "archive/retirement.py": "the same",
    "archive/jobs.py": "a schedule that is not in the table any more",
    "archive/people.py": "an assignment that ended; its event stays",
    "archive/renditions.py": "page images: a cache",
    "ingest/staging.py": "staged bytes of duplicates, and of packages whose every copy is kept",
    "ingest/receiving.py": "staged bytes of which no row speaks",
    "ingest/acceptance.py": "finding rows, replaced by those of the newest examination; reports stay",
}
"""Modules that call `.delete(…)` on rows or files. Records, objects, copies and ledgers are deleted nowhere but in
`retention`, and the database's triggers refuse it besides."""

REMOVERS = (
    "archive/storage/",
    "search/engine/",
    "retention/",
    "archive/object_keys.py",
    "archive/snapshots.py",
)
"""Only these call a store's `remove`; object_keys that of the key store, where nothing else lies; snapshots
that of old files of the catalogue, whose lock has ended."""

LARGEST = 400
"""Lines of a Python file. Migrations are as long as the models make them."""


def listed(table: dict[str, str]) -> set[str]:
    """The modules named in it that are there: each must still need its exception."""
    return set(table) & set(modules())


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def asks_all_records(tree: ast.AST) -> bool:
    """`Record.objects` (or its default manager) is followed by something else than `.visible_to(`."""
    managers = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("objects", "_default_manager", "_base_manager")
        and isinstance(node.value, ast.Name)
        and node.value.id == "Record"
    ]
    scoped = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "visible_to"
    }
    return any(id(manager) not in scoped for manager in managers)


def test_records_are_reached_through_the_one_gate():
    asking = {path for path, tree in modules().items() if asks_all_records(tree)}
    assert asking == listed(RECORDS_WITHOUT_SCOPE)


def test_no_page_is_among_those_that_ask_without_scope():
    webs = ("view", "page", "api.py", "http.py", "urls.py", "navigation.py", "reading.py", "places.py")
    assert not [path for path in RECORDS_WITHOUT_SCOPE if any(word in path for word in webs)]


def test_models_are_not_reached_by_their_back_doors():
    """`apps.get_model` and a generic view's `model =` would go round the gate."""
    generic = [
        path
        for path, tree in modules().items()
        if any(
            isinstance(call.func, ast.Attribute) and call.func.attr in ("get_model", "get_object_or_404")
            or isinstance(call.func, ast.Name) and call.func.id in ("get_object_or_404", "get_list_or_404")
            for call in calls(tree)
        )
        or any(isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django.views.generic")
               for node in ast.walk(tree))
    ]  # fmt: skip
    assert not generic


def test_nothing_is_deleted_outside_the_rooms_that_may():
    deleting = {
        path
        for path, tree in modules().items()
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ("delete", "_raw_delete")
        and not path.startswith(("archive/storage/", "retention/", "search/engine/"))
    }
    assert deleting == listed(DELETERS)


def test_the_application_s_role_may_delete_the_rows_that_the_house_deletes():
    """`Model.objects.filter(…).delete()`: on PostgreSQL the role has the right table by table (`grants`)."""
    tables = {model.__name__: model._meta.db_table for model in apps.get_models()}
    deleted = {
        tables[name.id]
        for tree in modules().values()
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "delete"
        for name in ast.walk(call.func)
        if isinstance(name, ast.Name) and name.id in tables
    }
    assert len(deleted) > 3 and deleted <= {*grants.DELETABLE}


def test_only_disposal_removes_from_a_store():
    """A store's `remove` takes (key, version); a list's takes one argument."""
    removing = [
        path
        for path, tree in modules().items()
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "remove"
        and len(call.args) + len(call.keywords) > 1
        and not path.startswith(REMOVERS)
    ]
    assert not removing


def test_no_broad_except_outside_the_fenced_child():
    """What catches everything must raise again: it only tidies up, or translates what it knows."""
    broad = []
    for path, tree in modules().items():
        if path.startswith(("archive/inspection/probes/", "archive/inspection/child.py")):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            named = ast.unparse(node.type) if node.type else ""
            catches_all = node.type is None or any(
                word in ("Exception", "BaseException") for word in named.strip("()").split(", ")
            )
            if catches_all and not isinstance(node.body[-1], ast.Raise):
                broad.append(f"{path}:{node.lineno}")
    assert not broad


def test_no_file_is_longer_than_may_be():
    places = [ROOT / place for place in (*ROOMS, "tests", ".ci")]
    files = [*ROOT.glob("*.py"), *(file for place in places for file in place.rglob("*.py"))]
    sizes = {file: len(file.read_text().splitlines()) for file in files if "migrations" not in file.parts}
    assert not {file.relative_to(ROOT).as_posix() for file, size in sizes.items() if size > LARGEST}


def test_every_module_begins_with_its_contract():
    plain = ("__init__.py", "apps.py")
    silent = [
        path
        for path, tree in modules().items()
        if tree.body and not ast.get_docstring(tree) and Path(path).name not in plain
    ]
    assert not silent


def test_there_is_no_utils():
    names = {"utils", "util", "helpers", "misc", "common", "tools"}
    assert not [path for path in modules() if names & {*Path(path).with_suffix("").parts}]


def lets_not_found_pass(node: ast.Try) -> bool:
    first = node.handlers[0] if node.handlers else None
    return (
        first is not None
        and first.type is not None
        and ast.unparse(first.type) == "NotFound"
        and isinstance(first.body[-1], ast.Raise)
    )


def test_views_do_not_catch_refusals():
    """Errors are raised and become pages in one middleware. Only a loop over several things may catch (one that is
    refused stops no other), and what says a refusal beside a filled-in form, NotFound excepted."""
    catching = []
    for path, tree in modules().items():
        if "/views" not in path:
            continue
        allowed = {
            id(node)
            for loop in ast.walk(tree)
            if isinstance(loop, ast.For) or (isinstance(loop, ast.Try) and lets_not_found_pass(loop))
            for node in ast.walk(loop)
            if isinstance(node, ast.ExceptHandler)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and id(node) not in allowed and node.type:
                if "ArchiveError" in ast.unparse(node.type):
                    catching.append(f"{path}:{node.lineno}")
    assert not catching


def test_no_print_and_no_assertion_in_the_product():
    """`python -O` drops assertions; commands speak through `config.commands`."""
    found = []
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert):
                found.append(f"{path}:{node.lineno} assert")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                found.append(f"{path}:{node.lineno} print")
    assert not found


@pytest.mark.parametrize(
    "source", ["Record.objects.all()", "Record.objects.filter(pk=1)", "Record._base_manager.get(pk=1)"]
)
def test_the_gate_rule_sees_a_way_round(source):
    assert asks_all_records(ast.parse(source))


@pytest.mark.parametrize("source", ["Record.objects.visible_to(scope).get(pk=1)", "Other.objects.all()"])
def test_the_gate_rule_lets_the_scope_pass(source):
    assert not asks_all_records(ast.parse(source))
