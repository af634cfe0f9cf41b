"""A record as a BagIt 1.0 bag (RFC 8493) that is a submission package again: what went out can be taken in.

bagit.txt, bag-info.txt, manifest-sha256.txt, tagmanifest-sha256.txt; submission.json and its signature as handed in;
data/… under the exact names; metadata/… what the archive knows of it, as tag files.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from archive.packages import premis
from archive.packages.content import Content, Part, made, sm3_list

TEXT = "text/plain; charset=utf-8"
AGENT = "电子业务档案管理系统"


def parts(content: Content, *, on: date) -> list[Part]:
    """Every file of the bag, the short ones that say what it is first."""
    beside = [replace(part, path=f"metadata/{part.path}") for part in content.beside]
    told = [*content.originals, *content.declaration, *beside]
    tags = [
        made("bagit.txt", _declaration(content.originals), TEXT),
        made("bag-info.txt", _info(content, on), TEXT),
        made("manifest-sha256.txt", _manifest(content.originals), TEXT),
        *content.declaration,
        *beside,
        made("metadata/premis.xml", premis.build(content), "application/xml"),
        made("metadata/sm3.txt", sm3_list(told), TEXT),
    ]
    return [*tags, made("tagmanifest-sha256.txt", _manifest(tags), TEXT), *content.originals]


def _declaration(payload: Iterable[Part]) -> bytes:
    """RFC 8493 writes a percent sign in a path as %25; drafts before it, and bagit-python to this day, as itself. A
    bag with such a name is declared by the draft, so that every tool reads it alike."""
    version = "0.97" if any("%" in part.path for part in payload) else "1.0"
    return f"BagIt-Version: {version}\nTag-File-Character-Encoding: UTF-8\n".encode()


def _info(content: Content, on: date) -> bytes:
    record = content.record
    size = sum(part.bytes for part in content.originals)
    lines = {
        "Source-Organization": record.fonds.name,
        "External-Identifier": record.business_no,
        "External-Description": record.title,
        "Internal-Sender-Identifier": record.reference_code,
        "Internal-Sender-Description": f"全宗 {record.fonds.code}，保管期限 {record.retention}",
        "Bagging-Date": on.isoformat(),
        "Payload-Oxum": f"{size}.{len(content.originals)}",
        "Bag-Software-Agent": AGENT,
    }
    return "".join(f"{label}: {' '.join(value.split())}\n" for label, value in lines.items()).encode()


def _manifest(files: Iterable[Part]) -> bytes:
    """Names hold no line ends: receiving refuses them."""
    return "".join(f"{part.sha256}  {part.path}\n" for part in files).encode()
