"""The embedded index as a file of its own: it outlives connections and processes, and its absence is named."""

import sqlite3

import pytest
from django.db import connections

from archive.errors import NotConfigured
from archive.scopes import EVERYTHING
from search.engine import DatabaseEngine
from search.query import parse
from tests import generated

ALIAS = "search_of_this_test"


@pytest.fixture
def engine(tmp_path, django_db_blocker):
    file = tmp_path / "search.sqlite3"
    connections.databases[ALIAS] = connections.databases["default"] | {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
    with generated.key_ring(tmp_path), django_db_blocker.unblock():
        yield DatabaseEngine(ALIAS)
        connections[ALIAS].close()
    del connections[ALIAS], connections.databases[ALIAS]


def test_a_missing_index_is_named_with_what_to_do(engine):
    for ask in (lambda: engine.search(parse("张三"), EVERYTHING), engine.count, engine.ids):
        with pytest.raises(NotConfigured, match="setup"):
            ask()


def test_the_index_outlives_its_connection_and_is_sound_after_changes(engine, tmp_path):
    documents = [document for document, _, _ in generated.records(120)]
    engine.ensure()
    engine.put(documents)
    engine.remove([document.record_id for document in documents[:20]])
    engine.put([generated.changed(document, title="改过") for document in documents[20:40]])
    found = engine.search(parse("社会保险", limit=200), EVERYTHING).hits
    connections[ALIAS].close()
    assert engine.search(parse("社会保险", limit=200), EVERYTHING).hits == found and len(found) == 100
    connections[ALIAS].close()
    with sqlite3.connect(tmp_path / "search.sqlite3") as file:
        file.execute("INSERT INTO search_words (search_words) VALUES ('integrity-check')")


def test_no_byte_of_the_file_tells_a_personal_number(engine, tmp_path):
    made = list(generated.records(60))
    engine.ensure()
    engine.put(document for document, _, _ in made)
    content = b"".join(path.read_bytes() for path in tmp_path.glob("search.sqlite3*"))
    assert "社会保险".encode() in content
    for _, _, numbers in made:
        assert not any(number.encode() in content or number.lower().encode() in content for number in numbers)
