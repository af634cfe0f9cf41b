"""A record that is worth exporting, for tests of what leaves: FILES with names of every kind, and its declaration."""

import io
import json

from archive import keeping, records
from archive.models import Record
from tests import filed
from tests.pages import NUMBER

WHY = "移交市档案馆，移交书〔2026〕3 号"
FILES = {
    "data/增减表.pdf": b"%PDF-1.7 form",
    "data/附件/身份证 正面.jpg": b"\xff\xd8 scan",
    "data/附件/空.txt": b"",
    f"data/附件/{NUMBER} 背面.jpg": b"a name that is stored sealed",
    "data/e\u0301te\u0301 & <b>'q'.txt": b"names of every kind",
    "data/𠮷〇—（1）#?+.txt": "生僻字".encode(),
}
SUBMISSION = json.dumps({"persons": [{"id_no": NUMBER}]}).encode()


def a_record(stores, files: dict[str, bytes] = FILES, **changed) -> Record:
    """A kept record with these originals and its declaration, which is stored encrypted where the fonds is."""
    contents = {filed.an_object(data, path): data for path, data in files.items()}
    declared = filed.an_object(
        SUBMISSION, "submission.json", role="submission", material="", mime="application/json"
    )
    contents[declared] = SUBMISSION
    by_id = {item.id: data for item, data in contents.items()}
    new = filed.a_new_record(objects=tuple(contents), **changed)
    actor = filed.an_actor("archivist", fonds=new.fonds)
    record = records.create(new, actor=actor, store_names=list(stores))
    assert keeping.keep(record.id, lambda item: io.BytesIO(by_id[item.id]), actor=actor)
    return record
