"""A record as an E-ARK-like package: METS.xml over one representation, as the Common Specification for Information
Packages (CSIP 2) and its DIP profile describe them.

METS.xml; metadata/descriptive/… (submission.json and its signature as handed in, the manifest, EEP);
metadata/preservation/premis.xml; metadata/other/… (the report, SM3); representations/rep1/data/… under the exact names.
Every file stands in METS.xml with size, type, SHA-256 and time; `inspection/probes/mets.py` reads it again. Schemas
are not enclosed: they belong to others.
"""

from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from archive.packages import premis
from archive.packages.content import Content, Part, made, sm3_list
from archive.packages.xml import Builder, instant, written

METS = "http://www.loc.gov/METS/"
XLINK = "http://www.w3.org/1999/xlink"
CSIP = "https://DILCIS.eu/XML/METS/CSIPExtensionMETS"
PROFILE = "https://earkdip.dilcis.eu/profile/E-ARK-DIP.xml"
REPRESENTATION = "representations/rep1"
DESCRIPTIVE, PRESERVATION, OTHER = "metadata/descriptive", "metadata/preservation", "metadata/other"
SOFTWARE, VERSION = "电子业务档案管理系统", "1"
KINDS = {
    "manifest.json": "archive-manifest",
    "eep.xml": "DA/T 48 EEP",
    "submission.json": "archive-submission",
}


def parts(content: Content, *, at: datetime) -> list[Part]:
    """Every file of the package, METS.xml first."""
    described = [replace(part, path=f"{DESCRIPTIVE}/{part.path}") for part in content.declaration]
    others = []
    for part in content.beside:
        if part.role == "report":
            others.append(replace(part, path=f"{OTHER}/{part.path}"))
        else:
            described.append(replace(part, path=f"{DESCRIPTIVE}/{part.path}"))
    files = [replace(part, path=f"{REPRESENTATION}/{part.path}") for part in content.originals]
    others.append(made(f"{OTHER}/sm3.txt", sm3_list([*files, *described, *others]), "text/plain"))
    history = made(f"{PRESERVATION}/premis.xml", premis.build(content), "application/xml")
    head = made("METS.xml", _mets(content, described, history, others, files, at), "application/xml")
    return [head, *described, history, *others, *files]


def _mets(content: Content, described, history: Part, others, files, at: datetime) -> bytes:
    b = Builder(METS, {"mets": METS, "xlink": XLINK, "csip": CSIP})
    root = b.root(
        "mets", OBJID=f"urn:uuid:{content.record.pk}", LABEL=content.record.reference_code, TYPE="Mixed",
        PROFILE=PROFILE, csip__CONTENTINFORMATIONTYPE="OTHER", csip__OTHERCONTENTINFORMATIONTYPE="archive-submission/1",
    )  # fmt: skip
    _header(b, root, content, at)
    metadata = [
        _metadata(b, b.under(root, "dmdSec", ID=f"dmd-{number}", CREATED=_at(part, at), STATUS="CURRENT"), part, at)
        for number, part in enumerate(described, 1)
    ]  # fmt: skip
    administrative = b.under(root, "amdSec")
    for number, part in enumerate([history, *others], 1):
        section = b.under(administrative, "digiprovMD", ID=f"amd-{number}", CREATED=_at(part, at), STATUS="CURRENT")  # fmt: skip
        metadata.append(_metadata(b, section, part, at))
    group = b.under(
        b.under(root, "fileSec", ID="file-section"), "fileGrp", ID="rep1-files", USE="Representations/rep1",
        csip__CONTENTINFORMATIONTYPE="OTHER", csip__OTHERCONTENTINFORMATIONTYPE="archive-submission/1",
    )  # fmt: skip
    for part in files:
        file = b.under(group, "file", ID=f"file-{part.id}", **_measured(part, at))
        b.under(file, "FLocat", LOCTYPE="URL", xlink__type="simple", xlink__href=quote(part.path))
    _structure(b, root, content, metadata)
    return written(root)


def _header(b: Builder, root, content: Content, at: datetime) -> None:
    head = b.under(root, "metsHdr", CREATEDATE=instant(at), RECORDSTATUS="NEW", csip__OAISPACKAGETYPE="DIP")
    agent = b.under(head, "agent", ROLE="CREATOR", TYPE="OTHER", OTHERTYPE="SOFTWARE")
    b.under(agent, "name", SOFTWARE)
    b.under(agent, "note", VERSION, csip__NOTETYPE="SOFTWARE VERSION")
    keeper = b.under(head, "agent", ROLE="ARCHIVIST", TYPE="ORGANIZATION")
    b.under(keeper, "name", content.record.fonds.name)
    b.under(keeper, "note", content.record.fonds.code, csip__NOTETYPE="IDENTIFICATIONCODE")


def _metadata(b: Builder, section, part: Part, at: datetime) -> str:
    kind = {"MDTYPE": "PREMIS"}
    if not part.path.endswith("/premis.xml"):
        kind = {"MDTYPE": "OTHER", "OTHERMDTYPE": KINDS.get(part.path.rpartition("/")[2], "archive")}
    b.under(
        section, "mdRef", LOCTYPE="URL", xlink__type="simple", xlink__href=quote(part.path), **kind,
        **_measured(part, at),
    )  # fmt: skip
    return section.get("ID")


def _measured(part: Part, at: datetime) -> dict[str, str]:
    return {
        "MIMETYPE": part.mime.partition(";")[0],
        "SIZE": str(part.bytes),
        "CREATED": _at(part, at),
        "CHECKSUM": part.sha256,
        "CHECKSUMTYPE": "SHA-256",
    }


def _at(part: Part, at: datetime) -> str:
    return instant(part.created or at)


def _structure(b: Builder, root, content: Content, metadata: list[str]) -> None:
    listing = b.under(root, "structMap", ID="structure", TYPE="PHYSICAL", LABEL="CSIP")
    whole = b.under(listing, "div", ID="package", LABEL=f"urn:uuid:{content.record.pk}")
    told = {
        name: " ".join(one for one in metadata if one.startswith(kind))
        for name, kind in (("DMDID", "dmd-"), ("ADMID", "amd-"))
    }
    b.under(whole, "div", ID="package-metadata", LABEL="Metadata", **told)
    files = b.under(whole, "div", ID="package-rep1", LABEL="Representations/rep1")
    b.under(files, "fptr", FILEID="rep1-files")
