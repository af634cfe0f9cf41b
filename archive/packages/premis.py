"""What happened to a record and what its files are, in the words of PREMIS 3: objects with their digests, the events
of its ledger, and who acted. Sentences and names come from the ledger, where no number stands in clear.
"""

from archive import audit
from archive.models import Event
from archive.packages.content import Content, Part
from archive.packages.xml import Builder, instant, written

PREMIS = "http://www.loc.gov/premis/v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SYSTEM = "系统"


def build(content: Content) -> bytes:
    b = Builder(PREMIS, {"premis": PREMIS, "xsi": XSI})
    root = b.root("premis", version="3.0")
    case = b.under(root, "object", xsi__type="premis:intellectualEntity")
    _named(b, case, "objectIdentifier", "UUID", str(content.record.pk))
    _named(b, case, "objectIdentifier", "档号", content.record.reference_code)
    for part in (*content.originals, *content.declaration, *content.beside):
        _object(b, root, part)
    events = list(Event.objects.filter(kind="record", subject=str(content.record.pk)).order_by("sequence"))
    for event in events:
        _event(b, root, event, content)
    for name in sorted({event.actor_name or SYSTEM for event in events}):
        agent = b.under(root, "agent")
        _named(b, agent, "agentIdentifier", "name", name)
        b.under(agent, "agentName", name)
    return written(root)


def _object(b: Builder, root, part: Part) -> None:
    thing = b.under(root, "object", xsi__type="premis:file")
    _named(b, thing, "objectIdentifier", "UUID", str(part.id))
    said = b.under(thing, "objectCharacteristics")
    for algorithm, digest in (("SHA-256", part.sha256), ("SM3", part.sm3)):
        fixity = b.under(said, "fixity")
        b.under(fixity, "messageDigestAlgorithm", algorithm)
        b.under(fixity, "messageDigest", digest)
    b.under(said, "size", str(part.bytes))
    form = b.under(said, "format")
    b.under(b.under(form, "formatDesignation"), "formatName", part.format or part.mime)
    if "fmt/" in part.puid:
        registry = b.under(form, "formatRegistry")
        b.under(registry, "formatRegistryName", "PRONOM")
        b.under(registry, "formatRegistryKey", part.puid)
    b.under(thing, "originalName", part.path)


def _event(b: Builder, root, event: Event, content: Content) -> None:
    what = b.under(root, "event")
    _named(b, what, "eventIdentifier", "UUID", str(event.pk))
    b.under(what, "eventType", event.action)
    b.under(what, "eventDateTime", instant(event.at))
    b.under(b.under(what, "eventDetailInformation"), "eventDetail", audit.sentence(event))
    _named(b, what, "linkingAgentIdentifier", "name", event.actor_name or SYSTEM)
    _named(b, what, "linkingObjectIdentifier", "UUID", str(content.record.pk))


def _named(b: Builder, parent, tag: str, kind: str, value: str) -> None:
    name = b.under(parent, tag)
    b.under(name, f"{tag}Type", kind)
    b.under(name, f"{tag}Value", value)
