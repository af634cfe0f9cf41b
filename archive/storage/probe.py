"""Try the promises of a store out, instead of believing its settings (design: probe, do not trust).

Works through the `Store` interface plus `attempt_shorten`, which asks the engine without our own guard in front.
Leaves two objects per store under fixed keys, locked to the horizon; a later probe reads them back and tries
the refusals on them again, and makes a new one only when a lock is about to end. Never raises: whatever fails
is a result. A promise not kept at the horizon is a failure; a far date not kept is a warning with the last
honest year, because locks are renewed long before it.
"""

import hashlib
import io
from datetime import UTC, datetime, timedelta

from archive.errors import StorageFailed
from archive.storage.base import GOVERNANCE, ProbeResult, StoredObject

PREFIX = "_probe"
LOCK_KEY, FAR_KEY = f"{PREFIX}/lock", f"{PREFIX}/far-date"
ASKED = "asked-lock"
"""Metadata of a probe object: the date that was asked for, to compare later readings with."""

FAR_YEARS = (2119, 2105, 2099, 2069, 2049, 2037)
"""Tried from the far end: a hundred years, then below where 32-bit clocks (2106, 2038) wrap."""

SPARE = timedelta(days=30)
_TRY_OTHER = "这个存储不能用来长期保存；请换用支持 Object Lock 的存储，或升级它。"


def probe(store, horizon_days: int) -> list[ProbeResult]:
    now = datetime.now(UTC).replace(microsecond=0)
    horizon = now + timedelta(days=horizon_days)
    try:
        held = _probe_object(store, LOCK_KEY, horizon, now)
    except StorageFailed as error:
        if error.kind != "lock":
            return [_failed("lock", f"写入测试对象没有成功：{error}", "请检查地址、密钥、桶名和权限。")]
        return [_failed("lock", f"锁定没有生效：{error}", _TRY_OTHER)]
    results = [_lock_kept(held, now)]
    if results[0].state == "ok":
        results += [_shorten_refused(store, held, now), _delete_refused(store, held)]
    return [*results, _far_date(store, now)]


def _probe_object(store, key: str, until: datetime, now: datetime) -> StoredObject:
    """The newest probe object under `key`; a fresh one where there is none or its lock is about to end."""
    for found in store.versions(key):
        if not found.marker and _asked(held := store.head(key, found.version)) > now + SPARE:
            return held
    return _write(store, key, until)


def _write(store, key: str, until: datetime) -> StoredObject:
    content = "存储测试：不要删除。\n".encode()
    return store.put(
        key,
        io.BytesIO(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content_type="text/plain; charset=utf-8",
        lock_until=until,
        mode=GOVERNANCE,
        metadata={ASKED: until.isoformat()},
    )


def _asked(held: StoredObject) -> datetime:
    try:
        return datetime.fromisoformat(held.metadata[ASKED])
    except (KeyError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def _lock_kept(held: StoredObject, now: datetime) -> ProbeResult:
    asked = _asked(held)
    if held.lock_until is None or held.lock_until < asked:
        kept = f"{held.lock_until:%Y-%m-%d}" if held.lock_until else "没有锁定"
        return _failed("lock", f"要求锁定到 {asked:%Y-%m-%d}，读回是{kept}。", _TRY_OTHER)
    return _ok("lock", f"锁定到 {held.lock_until:%Y-%m-%d}，读回一致。")


def _delete_refused(store, held: StoredObject) -> ProbeResult:
    try:
        store.remove(held.key, held.version)
        if held.version not in {found.version for found in store.versions(held.key)}:
            return _failed("delete", "已锁定的测试对象被删除了，存储没有阻止。", _TRY_OTHER)
    except StorageFailed as error:
        if error.kind in ("locked", "denied"):
            return _ok("delete", "已锁定的对象不能删除。")
        return _failed("delete", f"不能确认已锁定的对象不可删除：{error}", "稍后再试；仍不行请检查权限。")
    return _failed("delete", "存储说删除成功，对象却还在，它的回答不可信。", _TRY_OTHER)


def _shorten_refused(store, held: StoredObject, now: datetime) -> ProbeResult:
    try:
        store.attempt_shorten(held.key, held.version, now + timedelta(days=1))
        kept = store.head(held.key, held.version)
    except StorageFailed as error:
        if error.kind in ("locked", "denied"):
            return _ok("shorten", "锁定日期不能改早。")
        return _failed("shorten", f"不能确认锁定日期不可改早：{error}", "稍后再试；仍不行请检查权限。")
    if kept.lock_until == held.lock_until:
        return _ok("shorten", "锁定日期不能改早（存储没有报错，但日期未变）。")
    return _failed("shorten", "锁定日期被改早了，存储没有阻止。", _TRY_OTHER)


def _far_date(store, now: datetime) -> ProbeResult:
    """A far lock, or the last honest year. A store that wraps the date lets the object free, so the next year
    down can be tried on the same object; the first one kept stays on it."""
    years = [year for year in FAR_YEARS if year > now.year + 1]
    far = _last_day(years[0])
    try:
        for found in store.versions(FAR_KEY):
            if not found.marker and (held := store.head(FAR_KEY, found.version)).lock_until:
                if held.lock_until > now + SPARE:
                    return _far_result(held.lock_until, far)
        try:
            return _far_result(_write(store, FAR_KEY, far).lock_until, far)
        except StorageFailed as error:
            version = error.fields.get("version") if error.kind == "lock" else None
            if version is None and error.kind != "unsupported":
                raise
        return _next_best(store, version, years[1:], far, now)
    except StorageFailed as error:
        return _warning("far-date", f"没有测出最远的锁定日期：{error}", "稍后再试。")


def _next_best(store, version: str | None, years: list[int], far: datetime, now: datetime) -> ProbeResult:
    for year in years:
        try:
            if version and (kept := store.head(FAR_KEY, version).lock_until) and kept > now + SPARE:
                return _far_result(kept, far)  # cut off at this date, not wrapped
            if version is None:
                return _far_result(_write(store, FAR_KEY, _last_day(year)).lock_until, far)
            return _far_result(store.extend_lock(FAR_KEY, version, _last_day(year)).lock_until, far)
        except StorageFailed as error:
            if error.kind not in ("lock", "unsupported", "locked"):
                raise
            version = version or error.fields.get("version")
    return _warning(
        "far-date", "2037 年以后的锁定日期都不可靠。", "锁定期限（ARCHIVE_LOCK_HORIZON_YEARS）请设短些。"
    )


def _far_result(kept: datetime | None, far: datetime) -> ProbeResult:
    if kept and kept >= far:
        return _ok("far-date", f"锁定到 {kept:%Y-%m-%d}，读回一致。")
    message = f"锁定到 {far:%Y} 年读回不对，最晚可靠到 {kept:%Y} 年。" if kept else "远期锁定没有生效。"
    return _warning("far-date", message, "不必处理：系统只锁到不远的日期并按时续锁。")


def _last_day(year: int) -> datetime:
    return datetime(year, 12, 31, tzinfo=UTC)


def _ok(name: str, message: str) -> ProbeResult:
    return ProbeResult(name=name, state="ok", message=message)


def _warning(name: str, message: str, remedy: str) -> ProbeResult:
    return ProbeResult(name=name, state="warning", message=message, remedy=remedy)


def _failed(name: str, message: str, remedy: str) -> ProbeResult:
    return ProbeResult(name=name, state="failed", message=message, remedy=remedy)
