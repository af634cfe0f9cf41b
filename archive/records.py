"""The verbs on records, and the one gate to them.

`get_for` is how a page, a command or a job comes by a record; `create` is how one begins to exist. Nothing else
writes a Record. A record is filed with its objects, parties and pending copies in one transaction; `keeping` then
writes the bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from archive import audit, changes, manifests, numbering, periods, permissions, privacy, states, stores, terms
from archive.errors import NotFound, WrongState
from archive.inspection.codes import identity_numbers
from archive.models import (
    Copy,
    Department,
    DigitalObject,
    Fonds,
    ObjectText,
    PdfaClaim,
    Recognition,
    Record,
    RecordParty,
    Relation,
)
from archive.permissions import Actor


@dataclass(frozen=True, kw_only=True)
class NewObject:
    """One file to be filed. `id` is fixed before, so that an interrupted filing resumes under the same key.
    `encrypted`: store it so whatever its fonds says, because its bytes hold personal numbers in clear."""

    id: UUID
    role: str
    path: str
    bytes: int
    sha256: str
    sm3: str
    material: str = ""
    material_code: str = ""
    mime: str = ""
    puid: str = ""
    format: str = ""
    pages: int | None = None
    is_original: bool = True
    is_sealed: bool = False
    is_signed: bool = False
    copies: int = 1
    text: str = ""
    encrypted: bool = False
    recognise: str = ""  # "pdf" or "image": its words are to be read from its pictures
    pdfa: str = ""  # the flavour it claims, "2b"


@dataclass(frozen=True, kw_only=True)
class NewParty:
    kind: str  # person | unit
    name: str
    id_type: str = ""
    id_no: str = ""
    uscc: str = ""
    own_no: str = ""


@dataclass(frozen=True, kw_only=True)
class NewRecord:
    """Everything a record is filed with. Codes, not names, for stage and insurances."""

    id: UUID
    fonds: Fonds
    title: str
    formed_on: date
    retention: str
    retention_key: str
    provisional: bool
    source: str
    item: str
    item_title: str
    business_no: str
    business_revision: int = 1
    category: str = "ZY"
    stage: str = ""
    insurance: str = ""
    insurances: tuple[str, ...] = ()
    department: Department | None = None
    security: int = terms.DEFAULT_SECURITY
    responsible: str = ""
    document_no: str = ""
    handed_in_by: UUID | None = None
    package_sha256: str = ""
    content_digest: str = ""
    description: dict = field(default_factory=dict)  # fields, lines, process, system …
    personal: frozenset[str] = frozenset()  # keys of fields and lines whose values are personal
    relates: tuple[tuple[str, str], ...] = ()  # (business_no, kind)
    objects: tuple[NewObject, ...] = ()
    parties: tuple[NewParty, ...] = ()


@transaction.atomic
def create(new: NewRecord, *, actor: Actor, store_names: Sequence[str]) -> Record:
    """File one record. The reference code is drawn last; then only rows are written until the commit.

    Filing the same id again returns the record as it is. Raises IntegrityError when the case was filed under
    another id: the caller looks before.
    """
    found = Record.objects.select_related("fonds").filter(pk=new.id).first()
    if found:
        return found
    # Everything that costs time (encryption, hashing) comes before the counter's lock.
    description = encrypted(new.description, new.personal)
    parties = [_party(new.id, position, party) for position, party in enumerate(new.parties)]
    everything = Fonds.objects.values_list("encrypted", flat=True).get(
        pk=new.fonds.pk
    )  # as it is decided now
    objects = [_object(new.id, position, item, everything) for position, item in enumerate(new.objects)]
    texts = [text_row(item.id, item.text) for item in new.objects if item.text]
    copies = [
        Copy(
            object_id=item.id,
            store=store,
            key=stores.key_of(new.fonds.code, new.id, item.id),
        )
        for item in new.objects
        for store in store_names
    ]
    now = timezone.now()
    found_under = sorted({*new.insurances, new.insurance} - {""})
    scope = numbering.scope_of(
        fonds=new.fonds.code,
        category=new.category,
        scheme=new.fonds.scheme,
        insurance=new.insurance,
        stage=new.stage,
        year=new.formed_on.year,
        retention=new.retention,
    )
    number = numbering.draw(scope)
    record = Record(
        id=new.id,
        fonds=new.fonds,
        category=new.category,
        reference_code=numbering.code(scope, number),
        number=number,
        title=privacy.mask_text(new.title)[:300],
        year=new.formed_on.year,
        stage=new.stage,
        insurance=new.insurance,
        insurance_codes=f" {' '.join(found_under)} " if found_under else " ",
        formed_on=new.formed_on,
        retention=new.retention,
        retention_key=new.retention_key,
        provisional=new.provisional,
        due_on=periods.due_on(new.formed_on, new.retention),
        department=new.department,
        unit_name=privacy.mask_text(next((party.name for party in new.parties if party.kind == "unit"), ""))[
            :200
        ],
        security=new.security,
        responsible=privacy.mask_text(new.responsible),
        document_no=privacy.mask_text(new.document_no),
        source=new.source,
        item=new.item,
        item_title=new.item_title,
        business_no=new.business_no,
        business_revision=new.business_revision,
        handed_in_by_id=new.handed_in_by,
        description=description,
        package_sha256=new.package_sha256,
        content_digest=new.content_digest,
        page_count=sum(item.pages or 0 for item in new.objects if item.role == "original"),
        archived_at=now,
    )
    record.save(force_insert=True)
    DigitalObject.objects.bulk_create(objects)
    ObjectText.objects.bulk_create(texts)
    Recognition.objects.bulk_create(
        Recognition(object_id=item.id, kind=item.recognise, pages=item.pages)
        for item in new.objects
        if item.recognise
    )
    PdfaClaim.objects.bulk_create(PdfaClaim(object_id=i.id, claim=i.pdfa[:4]) for i in new.objects if i.pdfa)
    Copy.objects.bulk_create(copies)
    RecordParty.objects.bulk_create(parties)
    audit.record(
        actor=actor,
        action="record.filed",
        kind="record",
        subject=record.id,
        name=f"{record.reference_code} {record.title}",
        data={
            "reference_code": record.reference_code,
            "retention": record.retention,
            "retention_key": record.retention_key,
            "formed_on": record.formed_on.isoformat(),
            "case": f"{record.source}/{record.item}",
            "objects": [[str(item.id), item.sha256] for item in new.objects],
        },
    )
    _relate(record, new.relates, actor=actor)
    changes.announce("search", record.id)
    return record


def _object(record_id: UUID, position: int, new: NewObject, encrypted: bool) -> DigitalObject:
    shown = privacy.mask_text(new.path)
    return DigitalObject(
        id=new.id,
        record_id=record_id,
        role=new.role,
        position=position,
        material=privacy.mask_text(new.material)[:120],
        material_code=privacy.mask_text(new.material_code)[:60],
        path=shown[:400],
        sealed_path=privacy.encrypt(new.path) if shown != new.path else "",
        bytes=new.bytes,
        sha256=new.sha256,
        sm3=new.sm3,
        mime=new.mime[:120],
        puid=new.puid[:30],
        format=new.format[:120],
        pages=new.pages,
        is_original=new.is_original,
        is_sealed=new.is_sealed,
        is_signed=new.is_signed,
        copies_declared=new.copies,
        encrypted=encrypted or new.encrypted,
    )


def text_row(object_id: UUID, text: str) -> ObjectText:
    """The words of a file for the index, unsaved: every number in them a keyed token."""
    words, tokens = privacy.tokenise_numbers(text)
    return ObjectText(object_id=object_id, text=words, tokens=" ".join(dict.fromkeys(tokens)))


def _party(record_id: UUID, position: int, new: NewParty) -> RecordParty:
    # A number where none belongs is masked; where it belongs it is cipher text. (A unit's number may be long.)
    name = privacy.mask_text(new.name)[:200]
    name_key = privacy.normal_name(name)
    masks = new.kind == "person" or identity_numbers(new.own_no)
    own_no = privacy.mask_text(new.own_no) if masks else new.own_no
    token = privacy.number_token(new.id_no) if new.id_no else ""
    return RecordParty(
        record_id=record_id,
        kind=new.kind,
        position=position,
        name=name,
        name_key=name_key,
        id_type=privacy.mask_text(new.id_type)[:40],
        id_no=privacy.encrypt(new.id_no),
        id_shown=privacy.mask_number(new.id_no),
        id_token=token,
        last_four_token=privacy.name_and_last_four_token(new.name, new.id_no) if new.id_no else "",
        uscc=new.uscc[:30],
        own_no=own_no[:60],
        party_key=(token or new.uscc or f"name:{name_key}")[:210],
    )


def encrypted(value, personal: frozenset[str], *, inside: bool = False):
    """`value` with every personal part as cipher text: what a pack marks, and anything that looks like an
    identity number or a phone wherever it stands."""
    if isinstance(value, dict):
        return {
            privacy.mask_text(key): encrypted(item, personal, inside=inside or key in personal)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [encrypted(item, personal, inside=inside) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and privacy.mask_text(str(value)) != str(value):
        value = str(value)
    if isinstance(value, str) and value and (inside or privacy.mask_text(value) != value):
        return privacy.encrypt(value)
    return value


def masked(value):
    """A description as it may be shown: cipher text becomes a masked value."""
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, str) and value.startswith(privacy.PREFIX):
        return privacy.mask_number(privacy.decrypt(value))
    return value


def _relate(record: Record, relates: Sequence[tuple[str, str]], *, actor: Actor) -> None:
    """Inside one fonds: nobody marks what another agency keeps."""
    for business_no, kind in dict.fromkeys(relates):
        earlier = (
            Record.objects.filter(fonds=record.fonds, source=record.source, business_no=business_no)
            .exclude(pk=record.pk)
            .exclude(business_no=record.business_no, business_revision__gt=record.business_revision)
            .order_by("-business_revision")
            .first()
        )
        Relation.objects.create(record=record, earlier=earlier, business_no=business_no, kind=kind)
        if earlier:
            _mark_related(earlier, record, kind, actor=actor)
    # What was named before it arrived.
    waiting = Relation.objects.filter(
        business_no=record.business_no, earlier=None, record__source=record.source, record__fonds=record.fonds
    ).exclude(
        record__business_no=record.business_no
    )  # a case that named itself before it had anything to name
    for relation in waiting.select_related("record"):
        relation.earlier = record
        relation.save(update_fields=["earlier"])
        _mark_related(record, relation.record, relation.kind, actor=actor)
        changes.announce(manifests.TOPIC, relation.record_id)


def _mark_related(earlier: Record, by: Record, kind: str, *, actor: Actor) -> None:
    audit.record(
        actor=actor,
        action="record.related",
        kind="record",
        subject=earlier.pk,
        name=f"{earlier.reference_code} {earlier.title}",
        data={"by": by.reference_code, "kind": kind},
    )
    changes.announce("search", earlier.pk)
    changes.announce(manifests.TOPIC, earlier.pk)


def get_for(actor: Actor, pk: UUID | str, action: str) -> Record:
    """The gate: this record, for this actor, for this action. Raises NotFound when it does not exist or lies
    outside his reading scope (he learns no difference), NotAllowed when he may read it but not do that."""
    record = (
        Record.objects.visible_to(actor.scope("record.read"))
        .select_related("fonds", "department")
        .filter(pk=pk)
        .first()
    )
    if record is None:
        raise NotFound(what="这件档案")
    permissions.require(actor, action, record)
    return record


def get_by_code(actor: Actor, reference_code: str, action: str = "record.read") -> Record:
    """As `get_for`, by the whole 档号."""
    rows = Record.objects.visible_to(actor.scope("record.read"))
    pk = rows.filter(reference_code=reference_code.strip()).values_list("pk", flat=True).first()
    if pk is None:
        raise NotFound(what=f"档号 {reference_code}")
    return get_for(actor, pk, action)


def file_for(actor: Actor, pk: UUID | str, action: str) -> tuple[Record, DigitalObject]:
    """The gate to one file: its record, for this actor and action, and the file. Raises as `get_for` does."""
    item = DigitalObject.objects.filter(pk=pk).first()
    if item is None:
        raise NotFound(what="这个文件")
    return get_for(actor, item.record_id, action), item


@transaction.atomic
def move(record_id: UUID, to: str, *, actor: Actor, action: str, data: dict | None = None) -> Record:
    """The only writer of a record's state. `action` is the audit action that says why."""
    record = Record.objects.select_for_update(of=("self",)).select_related("fonds").get(pk=record_id)
    if not states.may_move(states.RECORD_MOVES, record.state, to):
        raise WrongState(
            what=f"档案 {record.reference_code}",
            state=states.RECORD_STATES[record.state],
            verb=f"变为“{states.RECORD_STATES[to]}”",
        )
    record.state = to
    record.revision += 1
    if to == "destroyed":
        record.destroyed_at = timezone.now()
    record.save(update_fields=["state", "revision", "destroyed_at"])
    audit.record(
        actor=actor, action=action, kind="record", subject=record.pk, name=record.reference_code, data=data
    )
    changes.announce("search", record.pk)
    if to == "transferred":  # what is destroyed has no manifest
        changes.announce(manifests.TOPIC, record.pk)
    return record
