"""The data keys of encrypted objects: one for each, wrapped (`keks`), in two places at once.

    table ObjectKey                               one row an object; what is read
    key store  <fonds>/<record>/keys.json         the rows of one record as canonical JSON, without an Object Lock

Contract:
- `ready`: the key is in both places before a byte is encrypted by it. A kill in between leaves a row whose file is
  written the next time; nobody has used it.
- The rows are the truth; the file is made from them, and only its newest version stays.
- `rewrap` wraps by the current key-encryption key again; nothing is encrypted anew. It may be killed anywhere; the
  daily job that does it for all, and looks after both places, is `key_care`.
- `destroy`: every version of the file is removed and listed absent, then the rows are blanked. From then on no copy of
  the bytes can be read, wherever it lies. Only this module removes from the key store.
"""

import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from archive import audit, keks, storage
from archive.errors import KeyFailed, StorageFailed
from archive.models import Backup, Copy, DigitalObject, ObjectKey, Record
from archive.permissions import Actor, system_actor
from archive.segments import KEY_BYTES

FORMAT = "archive-object-keys/1"
TRIES = 5


def key_id(item: DigitalObject) -> str:
    """How a manifest names the key of an object: by the object itself, because a wrapped key may be wrapped again.
    "" where the object is not encrypted."""
    return str(item.pk) if item.encrypted else ""


def place(fonds_code: str, record_id: UUID) -> str:
    """Where in the key store the keys of a record lie."""
    return f"{fonds_code}/{record_id}/keys.json"


@cache
def key_store() -> storage.Store:
    config = storage.key_store(os.environ, settings.ARCHIVE_DATA)
    return storage.open_stores([config], _is_new)[config.name]


def _is_new(_: str) -> bool:
    """Before anything encrypted was stored; from then on a folder that is not there is a disk that is not mounted."""
    return not Copy.objects.filter(object__encrypted=True, written_at__isnull=False).exists()


def forget() -> None:
    """After the environment changed (tests), or after a fork."""
    key_store.cache_clear()
    keks.forget()


def _context(object_id: UUID) -> bytes:
    return f"{FORMAT} {object_id}".encode()


# --- making and using ---------------------------------------------------------------------------------------------


def ready(record: Record, items: Iterable[DigitalObject]) -> dict[UUID, bytes]:
    """The data keys of those of the record's objects that are encrypted, made where there are none yet, and certainly
    in both places. Wants `fonds` selected along. Raises StorageFailed (KeyFailed among it); asks no transaction."""
    wanted = [item.pk for item in items if item.encrypted]
    if not wanted:
        return {}
    rows = _rows(wanted)
    fresh: dict[UUID, bytes] = {}
    new = []
    for pk in wanted:
        if pk not in rows:
            fresh[pk] = secrets.token_bytes(KEY_BYTES)
            kek, wrapped = keks.wrap(fresh[pk], _context(pk))
            new.append(ObjectKey(object_id=pk, kek=kek, wrapped=wrapped, made_at=timezone.now()))
    if new:
        ObjectKey.objects.bulk_create(new, ignore_conflicts=True)
        mine = {row.object_id: row.wrapped for row in new}
        rows = _rows(wanted)
        fresh = {
            pk: key for pk, key in fresh.items() if rows[pk].wrapped == mine[pk]
        }  # else another was quicker
    publish(record)
    return {pk: fresh.get(pk) or unwrapped(rows[pk]) for pk in wanted}


def data_key(item: DigitalObject) -> bytes:
    """The key of one encrypted object: of the row that was selected along (`data_key`), else asked for. Where the table
    has none, the key store is asked. Raises KeyFailed."""
    if DigitalObject.data_key.is_cached(item):
        row = getattr(item, "data_key", None)
    else:
        row = ObjectKey.objects.filter(object=item.pk).first()
    if row:
        return unwrapped(row)
    record = item.record
    for entry in read(record.fonds.code, record.pk):
        if entry.object_id == item.pk:
            return unwrapped(entry)
    raise KeyFailed(reason=f"没有文件“{item.path}”的数据密钥，数据库和密钥库里都没有。")


def _rows(ids: Sequence[UUID]) -> dict[UUID, ObjectKey]:
    return {row.object_id: row for row in ObjectKey.objects.filter(object__in=ids)}


def unwrapped(row: ObjectKey) -> bytes:
    """The key itself. Raises KeyFailed: destroyed, its key-encryption key missing, changed."""
    if not row.wrapped:
        raise KeyFailed(reason="数据密钥已随档案销毁，这份文件再也不能解密。")
    key = keks.unwrap(row.kek, row.wrapped, _context(row.object_id))
    if len(key) != KEY_BYTES:
        raise KeyFailed(reason="解开的数据密钥长度不对。")
    return key


# --- the file of a record in the key store ------------------------------------------------------------------------


def read(fonds_code: str, record_id: UUID) -> list[ObjectKey]:
    """The keys of a record as the key store has them, unsaved: for a catalogue made anew. [] where there are none.
    The newest version that can be read speaks: a killed writer may have left half of one. Raises StorageFailed."""
    store, key = key_store(), place(fonds_code, record_id)
    trouble: StorageFailed | None = None
    for one in store.versions(key):
        if one.marker:
            continue
        try:
            return _parsed(record_id, key, _content(key, one.version))
        except StorageFailed as fault:
            trouble = trouble or fault
    if trouble:
        raise trouble
    return []


def _parsed(record_id: UUID, key: str, content: bytes) -> list[ObjectKey]:
    try:
        data = json.loads(content)
        if data["format"] != FORMAT or data["record"] != str(record_id):
            raise ValueError(data["format"])
        return [
            ObjectKey(
                object_id=UUID(str(one["object"])),
                kek=str(one["kek"]),
                wrapped=str(one["wrapped"]),
                made_at=datetime.fromisoformat(one["made_at"]),
            )
            for one in data["keys"]
        ]
    except (ValueError, KeyError, TypeError) as fault:
        raise KeyFailed(kind="changed", reason=f"密钥库里的“{key}”不能读取：{fault}") from None


def _content(key: str, version: str) -> bytes:
    with key_store().open(key, version) as stream:
        return stream.read()


def _file(record_id: UUID, rows: Iterable[ObjectKey]) -> bytes:
    """The same rows always give the same bytes; b"" without a single key."""
    keys = [
        {
            "object": str(row.object_id),
            "kek": row.kek,
            "wrapped": row.wrapped,
            "made_at": row.made_at.isoformat(),
        }
        for row in sorted(rows, key=lambda row: row.object_id)
        if row.wrapped
    ]
    if not keys:
        return b""
    data = {"format": FORMAT, "record": str(record_id), "keys": keys}
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def take_back(record: Record) -> int:
    """Rows that the table lacks and the key store has, for objects that are there: after the table was lost. Returns
    how many. Wants `fonds` selected along. Raises StorageFailed."""
    known = set(DigitalObject.objects.filter(record=record, data_key=None).values_list("pk", flat=True))
    lost = [row for row in read(record.fonds.code, record.pk) if row.object_id in known]
    ObjectKey.objects.bulk_create(lost, ignore_conflicts=True)
    return len(lost)


def of_record(record_id: UUID) -> list[ObjectKey]:
    return list(ObjectKey.objects.filter(object__record=record_id))


def publish(record: Record) -> None:
    """Make the key store hold exactly the rows of the record, and no older version. When somebody changes them
    meanwhile, again."""
    store, key = key_store(), place(record.fonds.code, record.pk)
    for _ in range(TRIES):
        wanted = _file(record.pk, of_record(record.pk))
        _put(store, key, wanted)
        if _file(record.pk, of_record(record.pk)) == wanted:
            return
    raise KeyFailed(kind="unreachable", reason="数据密钥正被别的进程改动，请稍后再试。")


def _put(store: storage.Store, key: str, wanted: bytes) -> None:
    """The newest version is `wanted`, read back; the others are gone. b"" = all are gone."""
    there = store.versions(key)
    keep = ""
    if wanted and there and _holds(there[0], wanted):
        keep = there[0].version
    elif wanted:
        keep = _written(store, key, wanted)
    for one in there:
        if one.version != keep:
            store.remove(key, one.version)


def _holds(newest: storage.StoredVersion, wanted: bytes) -> bool:
    if newest.marker or newest.bytes != len(wanted):
        return False
    try:
        return _content(newest.key, newest.version) == wanted
    except StorageFailed as fault:
        if fault.kind == "unreachable":
            raise
        return False


def _written(store: storage.Store, key: str, content: bytes) -> str:
    stored = store.put(
        key,
        io.BytesIO(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content_type="application/json",
        lock_until=None,
    )
    if _content(key, stored.version) != content:
        raise KeyFailed(kind="changed", reason=f"密钥库写入“{key}”后回读，内容与写入的不同。")
    return stored.version


def rewrap(record: Record) -> int:
    """Wrap every key of the record by the current key-encryption key: the key store first, then the rows, so that a
    kill leaves rows that still say what is to be done. Returns how many. Raises StorageFailed."""
    rows = of_record(record.pk)
    before = {row.pk: row.wrapped for row in rows}
    current = keks.current()
    for row in rows:
        if row.wrapped and row.kek != current:
            row.kek, row.wrapped = keks.wrap(unwrapped(row), _context(row.object_id))
    _put(key_store(), place(record.fonds.code, record.pk), _file(record.pk, rows))
    done = 0
    with transaction.atomic():
        for row in rows:
            if row.wrapped != before[row.pk]:
                as_read = ObjectKey.objects.filter(pk=row.pk, wrapped=before[row.pk])
                done += as_read.update(kek=row.kek, wrapped=row.wrapped)
    publish(record)  # whatever was made or destroyed meanwhile
    return done


def probe() -> None:
    """Write, read and remove a version in the key store. Raises StorageFailed when it does not do what it must."""
    store, key = key_store(), "_probe/keys.json"
    _put(store, key, secrets.token_hex(16).encode())
    _put(store, key, b"")
    if store.versions(key):
        raise StorageFailed(store=store.name, kind="failed", reason="删除后仍然列出，密钥不能销毁。")


# --- destroying ---------------------------------------------------------------------------------------------------


def destroy(record: Record, *, actor: Actor) -> None:
    """The point after which nobody reads the record's encrypted bytes. Wants `fonds` selected along. Raises
    StorageFailed; again after a kill or fault it goes on."""
    remove_file(record)
    rows = ObjectKey.objects.filter(object__record=record).exclude(wrapped="")
    now = timezone.now()
    with transaction.atomic():
        made_at = rows.aggregate(at=Min("made_at"))["at"]
        if count := rows.update(wrapped="", destroyed_at=now):
            until = held_until(made_at, now)
            data = {"count": count, "backups": in_backups(until)}
            audit.record(
                actor=actor,
                action="record.keys_destroyed",
                kind="record",
                subject=record.pk,
                name=record.reference_code,
                data=data,
            )


def remove_file(record: Record) -> None:
    """Everything that the key store holds of the record; listed absent. Only for a record that is being destroyed."""
    store, key = key_store(), place(record.fonds.code, record.pk)
    for _ in range(TRIES):
        there = store.versions(key)
        if not there:
            return
        for one in there:
            store.remove(key, one.version)
    raise StorageFailed(store=store.name, kind="failed", reason=f"删除后仍列出“{key}”。")


def held_until(made_at: datetime, destroyed_at: datetime) -> date | None:
    """Until when the last backup lives that was taken while a key existed. None: no such backup is there."""
    taken = Backup.objects.filter(gone_at=None, taken_at__gte=made_at, taken_at__lte=destroyed_at)
    return taken.aggregate(last=Max("expires_on"))["last"]


@dataclass(frozen=True)
class Fate:
    """What became of the keys of records: how many were destroyed, the last of them when, and until when a backup may
    still hold one (None: none does, as far as backups are registered)."""

    count: int
    destroyed_at: datetime | None
    backups_until: date | None

    def __str__(self) -> str:
        """For the stub and the 销毁执行记录; "" where nothing was encrypted."""
        if not self.count:
            return ""
        when = f"{timezone.localtime(self.destroyed_at):%Y-%m-%d %H:%M:%S}"
        return f"{self.count} 把，{when} 销毁；{in_backups(self.backups_until)}"


def in_backups(until: date | None) -> str:
    return f"登记的备份中还含有它的，最晚保存到 {until}" if until else "登记的备份中都没有它"


def fate(record_ids: Sequence[UUID]) -> Fate:
    rows = ObjectKey.objects.filter(object__record__in=record_ids).exclude(destroyed_at=None)
    said = rows.aggregate(made=Min("made_at"), gone=Max("destroyed_at"))
    until = held_until(said["made"], said["gone"]) if said["made"] else None
    return Fate(rows.count(), said["gone"], until)


class Traces:
    """See archive/traces.py: disposal destroys the keys of a record after it has marked it."""

    name = "数据密钥"

    @staticmethod
    def remove(record: Record) -> None:
        destroy(record, actor=system_actor("销毁执行"))

    @staticmethod
    def prove_absent(record: Record) -> list[str]:
        left = [str(row.object_id) for row in of_record(record.pk) if row.wrapped]
        key = place(record.fonds.code, record.pk)
        return left + [f"{key} {one.version}" for one in key_store().versions(key)]
