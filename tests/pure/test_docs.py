"""Documents that cannot rot: what they name is there, and what is there they name."""

import ast
import importlib
import re
from collections.abc import Iterator

import pytest
from django.core.exceptions import FieldDoesNotExist

from archive.inspection import structure
from archive.inspection.checks import CHECKS
from archive.storage import config as storage_config
from ingest.outcomes import STATES as OUTCOMES
from ingest.states import SUBMISSION_STATES
from tests import reference
from tests.source import ROOT, modules

DOCS = ROOT / "docs"


# docs/reference.md


def test_the_reference_is_what_the_code_says():
    assert reference.PATH.read_text() == reference.text(), "run: python -m tests.reference"


def test_every_id_that_a_finding_can_have_is_in_the_reference():
    assert reference.check_ids_in_the_code() == {*CHECKS, *reference.FINDINGS_WITHOUT_CHECK}
    assert not {*CHECKS} & {*reference.FINDINGS_WITHOUT_CHECK}


# docs/settings.md


def variables_in_the_code() -> Iterator[str]:
    """Every environment variable that is read by name, anywhere in the product."""
    for path, tree in modules().items():
        if path in ("archive/inspection/fence.py", "archive/inspection/confined.py"):
            continue  # what it hands on to its child is no setting
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                reader = ast.unparse(node.func)
                if re.fullmatch(r"env\.(text|flag|number|words|get)|os\.environ\.get|os\.getenv", reader):
                    yield node.args[0].value
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                yield ast.literal_eval(node.slice)


def store_variables_in_the_code() -> set[str]:
    """`_S3_BUCKET` …: what stands behind the name of a store."""
    source = modules()["archive/storage/config.py"]
    return {
        f"_{node.args[0].value}"
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "value"
    }


def variables_in_the_document() -> tuple[set[str], set[str]]:
    rows = [line for line in (DOCS / "settings.md").read_text().splitlines() if line.startswith("| `")]
    cells = " ".join(row.split("|")[1] for row in rows)
    names = [name.removeprefix("<名>") for name in re.findall(r"`([^`]+)`", cells)]
    return {name for name in names if name[0] != "_"}, {name for name in names if name[0] == "_"}


def test_every_environment_variable_is_documented_and_every_documented_one_is_read():
    own, of_stores = variables_in_the_document()
    assert own == set(variables_in_the_code()) - {"DJANGO_SETTINGS_MODULE"}
    assert of_stores == store_variables_in_the_code()
    assert storage_config.DEFAULT_NAME in (DOCS / "settings.md").read_text()


def test_documented_numbers_are_the_defaults():
    table = {row[1]: row[2] for row in rows_of("settings.md")}
    for path in ("config/settings.py",):
        for node in ast.walk(modules()[path]):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "env.number":
                name, default = (part.value for part in node.args)
                assert table[f"`{name}`"] == f"`{default}`", name


def rows_of(document: str) -> list[list[str]]:
    """The cells of every row of every table: index 1 is the first column."""
    lines = (DOCS / document).read_text().splitlines()
    return [[cell.strip() for cell in line.split("|")] for line in lines if re.match(r"\| (?!---)", line)]


# docs/submission.md


def test_the_format_is_described_key_by_key_as_it_is_judged():
    wanted = {key: kind for key, kind in structure.TOP.items()}
    for place, keys in (
        ("unit", structure.UNIT), ("persons", structure.PERSON), ("materials", structure.MATERIAL),
        ("files", structure.FILE), ("process", structure.STEP), ("relates", structure.RELATION),
        ("system", structure.SYSTEM),
    ):  # fmt: skip
        wanted |= {f"{place}.{key}": kind for key, kind in keys.items()}
    told = {
        row[1].strip("`"): row[2]
        for row in rows_of("submission.md")
        if len(row) == 5 and row[2] not in ("必填", "")
    }
    told = {key: said for key, said in told.items() if re.fullmatch(r"[a-z_0-9.]+", key)}
    assert set(told) == set(wanted)
    for key, kind in wanted.items():
        assert (told[key] == "是") == (not kind.endswith("?")), f"{key}: {kind}"


def test_the_outcomes_of_the_document_are_those_that_are_told():
    told = set(re.findall(r"^\| `([a-z]+)` \|", (DOCS / "submission.md").read_text(), re.M)) - set(
        structure.TOP
    )
    known = {OUTCOMES.get(state, state) for state in SUBMISSION_STATES} | {"duplicate"}
    assert told == known


# docs/glossary.md


def resolve(name: str) -> object:
    """`archive.models.Record.title`: module, then attributes; the field of a model counts as one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if hasattr(found, "_meta"):
                try:
                    found = found._meta.get_field(part)
                    continue
                except FieldDoesNotExist:
                    pass
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


GLOSSARY = [row for row in rows_of("glossary.md") if row[2].startswith("`")]


@pytest.mark.parametrize("row", GLOSSARY, ids=lambda row: row[2])
def test_every_word_names_something_that_is_there(row):
    assert resolve(row[2].strip("`")) is not None and row[3]


def test_no_word_and_no_identifier_stands_twice():
    words, names = [row[1] for row in GLOSSARY], [row[2] for row in GLOSSARY]
    assert len(GLOSSARY) > 30
    assert len(set(words)) == len(words) and len(set(names)) == len(names)


# All of them


@pytest.mark.parametrize(
    "document", sorted([*DOCS.rglob("*.md"), ROOT / "README.md"]), ids=lambda path: path.name
)
def test_every_link_and_every_command_leads_somewhere(document):
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target and (not target.endswith(".png") or (DOCS / "pictures").is_dir()):
            assert (document.parent / target).exists(), target
    for command in re.findall(r"manage\.py ([a-z_]+)", text):
        own = ROOT / "config" / "management" / "commands" / f"{command}.py"
        assert own.exists() or command in (
            "migrate",
            "check",
            "qcluster",
            "shell",
            "dbshell",
            "collectstatic",
            "axes_reset_username",
        ), command
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text(), target
    for module in re.findall(r"python -m (tests(?:\.\w+)+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists() or (
            ROOT / module.replace(".", "/")
        ).is_dir(), module
