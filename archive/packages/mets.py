"""A record as an E-ARK-like package: METS.xml over one representation, as the Common Specification for Information
Packages (CSIP 2) and its DIP profile describe them.

METS.xml; metadata/descriptive/… (submission.json and its signature as handed in, the manifest, EEP);
metadata/preservation/premis.xml; metadata/other/… (the report, SM3); representations/rep1/data/… under the exact names;
documentation/ for whoever opens it in fifty years; schemas/ names the schemas, which belong to others and are not
enclosed. Every file stands in METS.xml with size, type, SHA-256 and time; `inspection/probes/mets.py` reads it again.
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
DOCUMENTATION = """这是一件社会保险业务档案的信息包（E-ARK 通用规范，METS）。

METS.xml                                  包内每个文件的位置、大小、类型、SHA-256 摘要和时间
representations/rep1/data/                业务系统形成的原文件，一个字节也没有改动
metadata/descriptive/submission.json      移交时的说明：哪件业务、当事人、表单各项、材料清单、办理过程
metadata/descriptive/manifest.json        档案系统的元数据清单；其中的密文只有原系统的密钥能解开
metadata/descriptive/eep.xml              DA/T 48 的封装元数据（有的包没有）
metadata/preservation/premis.xml          文件的摘要（SHA-256、SM3）和档案的历次事件
metadata/other/examination-report.json.gz 归档时的四性检测报告
metadata/other/sm3.txt                    国密 SM3 摘要，可用 sm3sum 核对

核对：逐个文件计算 SHA-256，与 METS.xml 中的 CHECKSUM 比较。
"""
SCHEMAS = """METS     http://www.loc.gov/METS/                          http://www.loc.gov/standards/mets/mets.xsd
CSIP     https://DILCIS.eu/XML/METS/CSIPExtensionMETS      https://earkcsip.dilcis.eu/schema/DILCISExtensionMETS.xsd
XLink    http://www.w3.org/1999/xlink                      http://www.loc.gov/standards/xlink/xlink.xsd
PREMIS 3 http://www.loc.gov/premis/v3                      https://www.loc.gov/standards/premis/premis.xsd
"""
SOFTWARE, VERSION = "电子业务档案管理系统", "1"
TYPED = {
    "csip__CONTENTINFORMATIONTYPE": "OTHER",
    "csip__OTHERCONTENTINFORMATIONTYPE": "archive-submission/1",
}
Groups = dict[str, list[Part]]
"""What a group of files is (USE) → its files."""
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
    groups = {
        "Documentation": [made("documentation/说明.txt", DOCUMENTATION.encode(), "text/plain")],
        "Schemas": [made("schemas/schemas.txt", SCHEMAS.encode(), "text/plain")],
        "Representations/rep1": files,
    }
    root = _mets(content, described, [history, *others], groups, at)
    head = made("METS.xml", root, "application/xml")
    return [head, *described, history, *others, *(part for group in groups.values() for part in group)]


def _mets(content: Content, described: list[Part], others: list[Part], groups: Groups, at: datetime) -> bytes:
    b = Builder(METS, {"mets": METS, "xlink": XLINK, "csip": CSIP})
    root = b.root(
        "mets", OBJID=f"urn:uuid:{content.record.pk}", LABEL=content.record.reference_code, TYPE="Mixed",
        PROFILE=PROFILE, **TYPED,
    )  # fmt: skip
    _header(b, root, content, at)
    metadata = [
        _metadata(b, b.under(root, "dmdSec", ID=f"dmd-{number}", CREATED=_at(part, at), STATUS="CURRENT"), part, at)
        for number, part in enumerate(described, 1)
    ]  # fmt: skip
    administrative = b.under(root, "amdSec")
    for number, part in enumerate(others, 1):
        section = b.under(administrative, "digiprovMD", ID=f"amd-{number}", CREATED=_at(part, at), STATUS="CURRENT")  # fmt: skip
        metadata.append(_metadata(b, section, part, at))
    section = b.under(root, "fileSec", ID="file-section")
    for use, files in groups.items():
        _group(b, section, use, files, at)
    _structure(b, root, content, metadata, groups)
    return written(root)


def _group(b: Builder, section, use: str, files: list[Part], at: datetime) -> None:
    group = b.under(section, "fileGrp", ID=_id_of(use), USE=use, **TYPED)
    for number, part in enumerate(files, 1):
        name = f"file-{part.id}" if part.id else f"{_id_of(use)}-{number}"
        file = b.under(group, "file", ID=name, **_measured(part, at))
        b.under(file, "FLocat", LOCTYPE="URL", xlink__type="simple", xlink__href=quote(part.path))


def _id_of(use: str) -> str:
    return use.lower().replace("/", "-")


def _header(b: Builder, root, content: Content, at: datetime) -> None:
    head = b.under(
        root,
        "metsHdr",
        CREATEDATE=instant(at),
        LASTMODDATE=instant(at),
        RECORDSTATUS="NEW",
        csip__OAISPACKAGETYPE="DIP",
    )
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


def _structure(b: Builder, root, content: Content, metadata: list[str], groups: Groups) -> None:
    listing = b.under(root, "structMap", ID="structure", TYPE="PHYSICAL", LABEL="CSIP")
    whole = b.under(listing, "div", ID="package", LABEL=f"urn:uuid:{content.record.pk}")
    told = {
        name: " ".join(one for one in metadata if one.startswith(kind))
        for name, kind in (("DMDID", "dmd-"), ("ADMID", "amd-"))
    }
    b.under(whole, "div", ID="package-metadata", LABEL="Metadata", **told)
    for use in groups:
        label = use.partition("/")[0]
        division = b.under(whole, "div", ID=f"package-{label.lower()}", LABEL=label)
        b.under(division, "fptr", FILEID=_id_of(use))
