"""Records from their manifests, a batch in one transaction; and the stubs of those that are destroyed.

A manifest says all that the catalogue knew of its record when something was last decided about it. What a snapshot has
brought before is brought up to date; a state that a snapshot knows to be further on (销毁执行中) stays.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, transaction
from django.utils.dateparse import parse_datetime

from archive import audit, catalogue, changes, editions, object_keys, privacy
from archive.errors import NotConfigured, StorageFailed
from archive.models import (
    Block,
    Copy,
    Department,
    Determination,
    DigitalObject,
    Event,
    Fonds,
    ObjectKey,
    Record,
    RecordParty,
    Relation,
)
from archive.rebuilding import copies
from archive.rebuilding.loading import insert, unknown_user
from archive.rebuilding.report import Report
from archive.rebuilding.salvage import Found, Holdings

FIXED = ("id", "reference_code", "fonds", "formed_on", "number", "archived_at", "source", "business_no")
"""Columns of a record that never change (archive/triggers.py)."""
STRANGE = (ValueError, TypeError, LookupError, AttributeError, OverflowError, DatabaseError)
"""What a manifest can raise that somebody else has written."""
GOING = ("disposing", "destroyed")
WORDS = "text"
"""Topic of the outbox: the words of these records are to be read from their files again (ingest/texts.py)."""


class Contradiction(ValueError):
    """What a manifest says cannot stand beside what the catalogue says. Its text is a Chinese sentence."""


@dataclass
class Part:
    """A record of a batch, its rows made and not yet written."""

    found: Found
    record: Record
    parties: list[RecordParty]
    blocks: list[Block]
    objects: list[DigitalObject]
    events: list[Event]


class Restorer:
    def __init__(self, holdings: Holdings, report: Report) -> None:
        self.holdings, self.report, self.done = holdings, report, 0
        self._fonds: dict[str, int] = {}
        self._departments: dict[tuple[int, str], int] = {}
        self._decisions: set[tuple] = set()
        self._users: set[str] = set()

    def restore(self, found: Sequence[Found], pool: ThreadPoolExecutor) -> None:
        """Bring these records back. One that cannot be is named, and stops no other."""
        whole = [one for one in found if one.manifest is not None]
        for one in found:
            if one.manifest is None:
                self._without_manifest(one, pool)
        self._attempt(whole, pool)
        self.done += len(found)

    def _attempt(self, found: Sequence[Found], pool: ThreadPoolExecutor | None) -> None:
        if not found:
            return
        try:
            with transaction.atomic():
                self._bring(found, pool)
        except STRANGE as fault:
            self._fonds, self._departments, self._users = (
                {},
                {},
                set(),
            )  # what was made just now is gone again
            self._decisions = set()
            if len(found) == 1:
                one = found[0]
                said = fault if isinstance(fault, Contradiction) else f"{type(fault).__name__} {fault}"
                self.report.problem(f"{one.fonds}/{one.record}", f"没有恢复：{said}")
                return
            for one in found:
                self._attempt([one], pool)

    def _without_manifest(self, one: Found, pool: ThreadPoolExecutor) -> None:
        key = f"{one.fonds}/{one.record}"
        record = Record.objects.filter(pk=one.record).first()
        if record is None:
            self.report.problem(key, "没有可读的元数据清单，目录快照里也没有，这件档案没有恢复")
            return
        self.report.problem(key, "没有可读的元数据清单；著录来自目录快照，证件号码的密文没有恢复")
        objects = list(record.digital_objects.all())
        with transaction.atomic():
            copies.bring(
                [copies.Wanted(one.fonds, one.record, one.versions, objects, {}, True)], pool, self.report
            )

    def _bring(self, found: Sequence[Found], pool: ThreadPoolExecutor | None) -> None:
        before = dict(Record.objects.filter(pk__in=[one.record for one in found]).values_list("pk", "state"))
        gone = {pk for pk, state in before.items() if state == "destroyed"}
        for one in found:
            if one.record in gone and one.object is not None:
                self.report.problem(f"{one.fonds}/{one.record}", "这件档案已销毁，存储里却还有它的对象")
        parts = [self._part(one, before) for one in found if one.record not in gone]
        if not parts:
            return
        new = [part.record for part in parts if part.record.pk not in before]
        Record.objects.bulk_create(new)
        names = [field.name for field in Record._meta.concrete_fields if field.name not in FIXED]
        Record.objects.bulk_update([p.record for p in parts if p.record.pk in before], names, batch_size=50)
        _upsert(RecordParty, [row for part in parts for row in part.parties], ("record", "kind", "position"))
        _upsert(Block, [row for part in parts for row in part.blocks], ("id",))
        objects = [row for part in parts for row in part.objects]
        known = set(
            DigitalObject.objects.filter(pk__in=[row.pk for row in objects]).values_list("pk", flat=True)
        )
        DigitalObject.objects.bulk_create([row for row in objects if row.pk not in known])
        sealed = [row for row in objects if row.pk in known and row.sealed_path]
        DigitalObject.objects.bulk_update(sealed, ["sealed_path"], batch_size=100)
        self._relations(parts)
        self._events(parts)
        self._keys(parts, known)
        wanted = [
            copies.Wanted(
                part.found.fonds,
                part.record.pk,
                part.found.versions,
                part.objects,
                {UUID(item["id"]): item["stores"] for item in part.found.manifest["objects"]},
                changed=part.found.object not in known,
                gone=part.record.state == "destroyed",
            )
            for part in parts
        ]
        copies.bring(wanted, pool, self.report)
        living = [part.record.pk for part in parts if part.record.state not in GOING]
        told = changes.among(WORDS, living)
        changes.announce(WORDS, *(pk for pk in living if pk not in told))
        self.report.counts["archive.record"] += len(new)
        self.report.counts["manifests"] += len(parts)

    def _part(self, one: Found, before: dict[UUID, str]) -> Part:
        manifest = one.manifest
        fonds = self._fonds_of(manifest["fonds"])
        values = dict(manifest["record"])
        department, who = values.pop("department"), values.pop("handed_in_by")
        record = catalogue.row_of(
            Record,
            values
            | {
                "fonds_id": fonds,
                "department_id": self._department(fonds, department) if department else None,
                "handed_in_by_id": self._user(who),
            },
        )
        if one.object is None:  # a stub
            record.state, record.revision = "destroyed", record.revision + 2
            record.destroyed_at = self._destroyed_at(record.pk) or parse_datetime(manifest["made_at"])
        elif before.get(record.pk) == "disposing":
            record.state = "disposing"
        mine = {"record_id": str(record.pk)}
        objects = [catalogue.row_of(DigitalObject, item | mine) for item in manifest["objects"]]
        if one.object is not None:
            objects.append(self._own(one, objects))
        for row in manifest["decisions"]:
            self._decision(row)
        return Part(
            found=one,
            record=record,
            parties=[_party(catalogue.row_of(RecordParty, row | mine)) for row in manifest["parties"]],
            blocks=[catalogue.row_of(Block, row | mine) for row in manifest["blocks"]],
            objects=objects,
            events=[catalogue.row_of(Event, row) for row in manifest["events"]],
        )

    def _own(self, one: Found, objects: list[DigitalObject]) -> DigitalObject:
        """The manifest's own row, which cannot stand in it."""
        wrapped = next(item for item in reversed(objects) if item.role == "eep")
        shell = Record(id=one.record, fonds=Fonds(encrypted=wrapped.encrypted))
        position = max(item.position for item in objects) + 1
        edition = int(one.manifest["edition"])
        return editions.made_object(shell, one.object, "manifest", position, edition, one.content)

    def _fonds_of(self, values: dict) -> int:
        code = values["code"]
        if code not in self._fonds:
            there = Fonds.objects.filter(code=code).first()
            if there is None:
                there = catalogue.row_of(Fonds, values)
                insert(Fonds, [there])
                there = Fonds.objects.get(code=code)
                self.report.counts["archive.fonds"] += 1
            self._fonds[code] = there.pk
        return self._fonds[code]

    def _department(self, fonds: int, name: str) -> int:
        key = (fonds, name)
        if key not in self._departments:
            made, new = Department.objects.get_or_create(fonds_id=fonds, name=name)
            self.report.counts["archive.department"] += new
            self._departments[key] = made.pk
        return self._departments[key]

    def _user(self, who: dict | None) -> UUID | None:
        if who is None:
            return None
        if who["id"] not in self._users:
            unknown_user(UUID(who["id"]), who["username"], who["name"])
            self._users.add(who["id"])
        return UUID(who["id"])

    def _decision(self, values: dict) -> None:
        key = (values["key"], values["kind"], values["decided_at"])
        if key in self._decisions:
            return
        self._decisions.add(key)
        row = catalogue.row_of(Determination, values | {"decided_by_id": self._user(values["decided_by"])})
        there = Determination.objects.filter(key=row.key, kind=row.kind, decided_at=row.decided_at)
        if not there.exists():
            row.save(force_insert=True)
            self.report.counts["archive.determination"] += 1

    def _relations(self, parts: list[Part]) -> None:
        rows = []
        for part in parts:
            for values in part.found.manifest["relates"]:
                row = catalogue.row_of(Relation, values | {"record_id": str(part.record.pk)})
                if row.earlier_id is not None:
                    self.holdings.put_off(str(row.record_id), row.business_no, row.kind, str(row.earlier_id))
                    row.earlier_id = None
                rows.append(row)
        Relation.objects.bulk_create(rows, ignore_conflicts=True)

    def _events(self, parts: list[Part]) -> None:
        """What the ledgers have not brought: their newest events were not sealed yet."""
        events = [row for part in parts for row in part.events]
        known = set(Event.objects.filter(pk__in=[row.pk for row in events]).values_list("pk", flat=True))
        new = [row for row in events if row.pk not in known]
        for row in new:
            if audit.digest_of(row) != row.digest:
                raise ValueError(f"第 {row.sequence} 条变更事件与它的摘要不符")
        Event.objects.bulk_create(new)
        changes.announce("seal-event", *(row.pk for row in new))
        self.report.counts["archive.event"] += len(new)

    def _keys(self, parts: list[Part], known: set[UUID]) -> None:
        for part in parts:
            if part.found.object is None or not any(item.encrypted for item in part.objects):
                continue
            try:
                rows = object_keys.read(part.found.fonds, part.record.pk)
            except StorageFailed as fault:
                self.report.problem(f"{part.found.fonds}/{part.record.pk}", str(fault))
                continue
            ids = {item.pk for item in part.objects}
            mine = [row for row in rows if row.object_id in ids]
            ObjectKey.objects.bulk_create(mine, ignore_conflicts=True)
            locked = {item.pk for item in part.objects if item.encrypted}
            if locked.difference(ObjectKey.objects.filter(object__in=locked).values_list("pk", flat=True)):
                said = "加密的文件在密钥库里没有数据密钥，打不开：请找回密钥库，再运行 manage.py object_keys --check"
                self.report.problem(f"{part.found.fonds}/{part.found.record}", said)
            self.report.counts["archive.objectkey"] += len(mine)

    @staticmethod
    def _destroyed_at(pk: UUID):
        rows = Event.objects.filter(kind="record", subject=str(pk), action="record.destroyed")
        return rows.values_list("at", flat=True).first()

    def stub(self, manifest: dict) -> None:
        """A destroyed record, from what was written down before its bytes were removed."""
        code, pk = manifest["fonds"]["code"], UUID(manifest["record"]["id"])
        if Record.objects.filter(pk=pk, state="destroyed").exists():
            return
        if there := self.holdings.versions_of(pk):
            if any(UUID(item["id"]) not in there for item in manifest["objects"]):
                said = "留证目录里有这一件，存储里只剩它的一部分对象：销毁可能只做了一半，查明之前请不要利用"
                self.report.problem(f"{code}/{pk}", said)
            return
        self._attempt([Found(code, pk, {}, manifest)], None)
        Copy.objects.filter(object__record=pk).update(state="removed", legal_hold=False, fault="")
        self.report.counts["stubs"] += 1


def _party(row: RecordParty) -> RecordParty:
    """Its tokens and its key anew, by the key ring of this installation."""
    try:
        number = privacy.decrypt(row.id_no)
    except (NotConfigured, ValueError):  # without that key the number is lost, the tokens are not
        return row
    if number:
        row.id_shown, row.id_token = privacy.mask_number(number), privacy.number_token(number)
        row.last_four_token = privacy.name_and_last_four_token(row.name, number)
        row.party_key = row.id_token[:210]
    row.name_key = privacy.normal_name(row.name)
    return row


def _upsert(model, rows: list, unique: tuple[str, ...]) -> None:
    names = [field.name for field in model._meta.concrete_fields if field.name not in (*unique, "id")]
    model.objects.bulk_create(rows, update_conflicts=True, unique_fields=unique, update_fields=names)
