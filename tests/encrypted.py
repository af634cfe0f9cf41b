"""Records whose files are encrypted, and what their key store holds, for tests (fixtures: `key_store`, `key_file`).

record = a_secret_record(stores, actor)     filed and kept; its one file is CONTENT
text_of(record)                             what its first file says, decrypted
"""

import io
import json

from archive import contents, keeping, object_keys, records
from archive.models import DigitalObject, Record
from tests import filed

CONTENT = b'{"id_no": "441900199001011231"}' * 40


def a_secret_record(stores, actor, contents=(CONTENT,), keep=True) -> Record:
    files = {filed.an_object(one, f"data/{n}.pdf", encrypted=True): one for n, one in enumerate(contents)}
    new = filed.a_new_record(objects=tuple(files))
    record = records.create(new, actor=actor, store_names=list(stores))
    if keep:
        by_id = {item.id: one for item, one in files.items()}
        assert keeping.keep(record.id, lambda item: io.BytesIO(by_id[item.id]), actor=actor)
    return record


def first(record) -> DigitalObject:
    return record.digital_objects.get(position=0)


def text_of(record) -> bytes:
    with contents.open_object(first(record)) as stream:
        return stream.read()


def in_key_store(key_store, record) -> list[dict]:
    (one,) = key_store.versions(object_keys.place(record.fonds.code, record.pk))
    return json.loads(key_store.open(one.key, one.version).read())["keys"]
