"""Try the promises of a store out, instead of believing its settings (design: probe, do not trust).

Works through the `Store` interface, and through `Attempts`: what is asked of the engine past our own guards. Leaves two
locked objects per store under fixed keys; a later probe reads them back and tries the refusals on them again, and makes
a new one only when a lock is about to end. What it tries without a lock it takes away again. Never raises: whatever
fails is a result, and a store that breaks one promise fails that one alone, because what rests on a broken promise is
not tried. One that stops answering on the way has broken none: the last result is then `connection`. A promise not
kept is a failure; a far date not kept is a warning with the last honest year, because locks are renewed long before it.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

from archive.errors import StorageFailed
from archive.storage.base import GOVERNANCE, ProbeResult, StoredObject

PREFIX = "_probe"
LOCK_KEY, FAR_KEY = f"{PREFIX}/lock", f"{PREFIX}/far-date"
FREE_KEY, DAMAGED_KEY = f"{PREFIX}/free", f"{PREFIX}/damaged"
ASKED = "asked-lock"
NOTHING = "nothing"
"""Metadata of a probe object: the date that was asked for, to compare later readings with, or NOTHING."""

FAR_YEARS = (2119, 2105, 2099, 2069, 2049, 2037)
"""Tried from the far end: a hundred years, then below where 32-bit clocks (2106, 2038) wrap."""

SPARE = timedelta(days=30)
SKEW_WARNING, SKEW_FAILURE = timedelta(minutes=5), timedelta(hours=1)
"""S3 refuses requests that are 15 minutes off. An hour is enough for a lock to end on the wrong day."""
UNREACHED = ("unreachable", "denied", "full", "failed")
"""Kinds of failure that tell nothing about promises when they meet the first question."""
PASSING = ("unreachable", "full")
"""Kinds that tell nothing about promises at any time."""
_TRY_OTHER = "这个存储不能用来长期保存；请换用支持 Object Lock 的存储，或升级它。"
_SHORTER = f"{_TRY_OTHER}只是年限设得太远的，请把 ARCHIVE_LOCK_HORIZON_YEARS 设短些。"
_LATER = "稍后再试；仍不行请检查权限。"
_SURPRISES = (StorageFailed, KeyError, TypeError, ValueError, OSError)


class Attempts(Protocol):
    """What an engine is asked to do although it must refuse: straight, without our own guard in front. Each raises
    StorageFailed as the engine refuses; `unsupported` where the engine knows no such thing."""

    def attempt_shorten(self, key: str, version: str, until: datetime) -> None:
        """An earlier lock date, with our credentials."""

    def attempt_bypass(self, key: str, version: str) -> None:
        """Delete a locked version, asking to bypass GOVERNANCE."""

    def attempt_plain_delete(self, key: str) -> None:
        """Delete without naming a version: must only hide the object behind a delete marker."""

    def attempt_damaged(self, key: str, header: str) -> None:
        """Put bytes whose `header` ("Content-MD5" or "x-amz-checksum-sha256") is that of others: `changed`."""

    def clock_there(self) -> datetime:
        """What time it is for the store."""


def probe(store, horizon_days: int) -> list[ProbeResult]:
    found: list[ProbeResult] = []
    try:
        for result in _probe(store, datetime.now(UTC).replace(microsecond=0), timedelta(days=horizon_days)):
            found.append(result)
    except StorageFailed as error:
        found.append(_not_written(error))
    return found


def _pass_on(error: BaseException) -> None:
    """Raise what tells nothing about promises."""
    if isinstance(error, StorageFailed) and error.kind in PASSING:
        raise error


def _probe(store, now: datetime, horizon: timedelta) -> Iterator[ProbeResult]:
    try:
        _clear(store, FREE_KEY)
        older, newer = (_put(store, FREE_KEY, content, None) for content in (b"older", b"newer"))
    except StorageFailed as error:
        yield _not_written(error)
        return
    yield _tried("clock", lambda: _clock(store))
    written = _tried("write", lambda: _written(store, newer))
    yield written
    if written.state != "ok":
        return
    yield (versions := _tried("versions", lambda: _versions_kept(store, older, newer)))
    free = [newer] if versions.state == "failed" else [older, newer]
    yield _tried("delete-marker", lambda: _marker_only_hides(store, free))
    yield _tried("remove", lambda: _removed(store))
    yield _tried("checksum", lambda: _checksums(store))
    yield from _locks(store, now, horizon)


def _tried(name: str, look: Callable[[], ProbeResult]) -> ProbeResult:
    """What cannot even be tried has failed, whatever comes out of the engine."""
    try:
        return look()
    except _SURPRISES as error:
        _pass_on(error)
        return _failed(name, f"没有试成：{error}", _LATER)


def _not_written(error: StorageFailed) -> ProbeResult:
    if error.kind in UNREACHED:
        return _failed("connection", str(error), "请检查地址、密钥、桶名、权限和空间。")
    return _failed("write", f"写入测试对象没有成功：{error}", "请检查桶的版本控制和对象锁定（Object Lock）。")


# Without a lock


def _clock(store) -> ProbeResult:
    before = datetime.now(UTC)
    there = store.clock_there()
    after = datetime.now(UTC)
    skew = max(before - there, there - after, timedelta())
    words = f"存储的时钟{'慢' if there < before else '快'} {skew.total_seconds():.0f} 秒。"
    if skew > SKEW_FAILURE:
        return _failed("clock", f"{words}锁定会在错误的日子到期。", "在两边启用时间同步（NTP）。")
    if skew > SKEW_WARNING:
        return _warning("clock", words, "在两边启用时间同步（NTP）；相差 15 分钟时存储会拒绝请求。")
    return _ok("clock", f"与存储的时钟相差 {skew.total_seconds():.0f} 秒。")


def _written(store, held: StoredObject) -> ProbeResult:
    if _content(store, held) == b"newer":
        return _ok("write", "写入后读回一致。")
    return _failed("write", "存储说写入成功，读回却没有，或内容不同。", _TRY_OTHER)


def _content(store, held: StoredObject) -> bytes | None:
    try:
        with store.open(held.key, held.version) as stream:
            return stream.read()
    except StorageFailed as error:
        if error.kind in ("missing", "changed"):
            return None
        raise


def _versions_kept(store, older: StoredObject, newer: StoredObject) -> ProbeResult:
    listed = {found.version for found in store.versions(FREE_KEY)}
    if older.version == newer.version or not {older.version, newer.version} <= listed:
        return _failed(
            "versions", "同名再写一次，先前的版本不见了：存储没有保留版本。", "请为桶开启版本控制。"
        )
    if _content(store, older) != b"older":
        return _failed("versions", "同名再写一次，先前版本的内容变了。", "请为桶开启版本控制。")
    return _ok("versions", "同名再写，各个版本都在。")


def _marker_only_hides(store, held: list[StoredObject]) -> ProbeResult:
    try:
        store.attempt_plain_delete(FREE_KEY)
    except StorageFailed as error:
        if error.kind == "unsupported":
            return _ok("delete-marker", "不带版本号的删除，这个存储没有。")
        if error.kind in ("denied", "locked"):
            return _ok("delete-marker", "不带版本号的删除被拒绝。")
        raise
    if any(_content(store, one) is None for one in held):
        return _failed("delete-marker", "不带版本号的删除毁掉了内容，而不是只加删除标记。", _TRY_OTHER)
    return _ok("delete-marker", "不带版本号的删除只加删除标记，内容仍在。")


def _clear(store, key: str) -> None:
    """What an earlier probe left; what does not go is left to `_removed`."""
    for found in store.versions(key):
        _drop(store, key, found.version)


def _drop(store, key: str, version: str) -> None:
    try:
        store.remove(key, version)
    except StorageFailed as error:
        if error.kind not in ("denied", "locked"):
            raise


def _removed(store) -> ProbeResult:
    try:
        for found in store.versions(FREE_KEY):
            store.remove(FREE_KEY, found.version)
    except StorageFailed as error:
        if error.kind not in ("denied", "locked"):
            raise
        remedy = "给密钥 DeleteObjectVersion 权限，并去掉桶的默认锁定期。"
        return _warning("remove", f"没有锁定的测试对象删不掉，到期档案也就销毁不了：{error}", remedy)
    if store.versions(FREE_KEY):
        return _failed("remove", "存储说删除成功，对象却还在：销毁会是假的。", _TRY_OTHER)
    return _ok("remove", "没有锁定的对象能彻底删除。")


def _checksums(store) -> ProbeResult:
    ours, theirs = (_refuses_damaged(store, name) for name in ("Content-MD5", "x-amz-checksum-sha256"))
    also = "也核对" if theirs else "不核对"
    if ours:
        return _ok("checksum", f"内容与 Content-MD5 不符的会被拒收；x-amz-checksum {also}。")
    message = f"存储不核对 Content-MD5，传输中损坏的内容也会收下；x-amz-checksum {also}。"
    return _warning("checksum", message, "系统写入后会读回核对，不致漏过；仍建议换用会核对的存储。")


def _refuses_damaged(store, header: str) -> bool:
    try:
        store.attempt_damaged(DAMAGED_KEY, header)
    except StorageFailed as error:
        if error.kind in ("changed", "unsupported"):
            return True
        raise
    _clear(store, DAMAGED_KEY)
    return False


# With a lock


def _locks(store, now: datetime, horizon: timedelta) -> Iterator[ProbeResult]:
    try:
        held = _probe_object(store, LOCK_KEY, now + horizon, now)
    except _SURPRISES as error:
        _pass_on(error)
        yield _failed("lock", f"锁定没有生效：{error}", _SHORTER)
        return
    yield (kept := _lock_kept(held))
    if kept.state != "ok":
        return
    yield _tried("covered", lambda: _lock_covered(store, held))
    yield _tried("shorten", lambda: _shorten_refused(store, held, now))
    yield (delete := _tried("delete", lambda: _delete_refused(store, held)))
    if delete.state == "ok":
        yield _tried("bypass", lambda: _bypass_refused(store, held))
    yield _far_date(store, now)


def _probe_object(store, key: str, until: datetime, now: datetime) -> StoredObject:
    """The newest probe object under `key`; a fresh one where there is none, or its lock was asked for less than the
    horizon of today, or is about to end."""
    for found in store.versions(key):
        if found.marker:
            continue
        asked = _asked(held := store.head(key, found.version))
        if asked > now + SPARE and asked - held.written_at > until - now - SPARE:
            return held
        if held.metadata.get(ASKED) == NOTHING:  # a killed probe left it above
            _drop(store, key, found.version)
    return _put(store, key, "存储测试：不要删除。\n".encode(), until)


def _put(store, key: str, content: bytes, until: datetime | None) -> StoredObject:
    return store.put(
        key,
        io.BytesIO(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content_type="text/plain; charset=utf-8",
        lock_until=until,
        mode=GOVERNANCE,
        metadata={ASKED: until.isoformat() if until else NOTHING},
    )


def _asked(held: StoredObject) -> datetime:
    try:
        return datetime.fromisoformat(held.metadata[ASKED])
    except (KeyError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def _lock_kept(held: StoredObject) -> ProbeResult:
    asked = _asked(held)
    if held.lock_until is None or held.lock_until < asked:
        kept = f"{held.lock_until:%Y-%m-%d}" if held.lock_until else "没有锁定"
        return _failed("lock", f"要求锁定到 {asked:%Y-%m-%d}，读回是{kept}。", _SHORTER)
    return _ok("lock", f"锁定到 {held.lock_until:%Y-%m-%d}，读回一致。")


def _lock_covered(store, held: StoredObject) -> ProbeResult:
    """Measured: a gateway that reads back no lock of a version over which another one was put."""
    newer = _put(store, held.key, b"newer", None)
    kept = store.head(held.key, held.version).lock_until
    _drop(store, newer.key, newer.version)
    if kept != held.lock_until:
        return _failed("covered", "同名再写一次，先前版本的锁就读不回来了。", _TRY_OTHER)
    return _ok("covered", "同名再写，先前版本的锁还在。")


def _gone(store, held: StoredObject) -> bool:
    return held.version not in {found.version for found in store.versions(held.key)}


def _delete_refused(store, held: StoredObject) -> ProbeResult:
    try:
        store.remove(held.key, held.version)
    except StorageFailed as error:
        if error.kind in ("locked", "denied"):
            return _ok("delete", "已锁定的对象不能删除。")
        _pass_on(error)
        return _failed("delete", f"不能确认已锁定的对象不可删除：{error}", _LATER)
    if _gone(store, held):
        return _failed("delete", "已锁定的测试对象被删除了，存储没有阻止。", _TRY_OTHER)
    return _ok("delete", "已锁定的对象不能删除（存储没有报错，但对象还在）。")


def _shorten_refused(store, held: StoredObject, now: datetime) -> ProbeResult:
    try:
        store.attempt_shorten(held.key, held.version, now + timedelta(days=1))
        kept = store.head(held.key, held.version)
    except StorageFailed as error:
        if error.kind in ("locked", "denied"):
            return _ok("shorten", "锁定日期不能改早。")
        _pass_on(error)
        return _failed("shorten", f"不能确认锁定日期不可改早：{error}", _LATER)
    if kept.lock_until == held.lock_until:
        return _ok("shorten", "锁定日期不能改早（存储没有报错，但日期未变）。")
    return _failed("shorten", "锁定日期被改早了，存储没有阻止。", _TRY_OTHER)


def _bypass_refused(store, held: StoredObject) -> ProbeResult:
    """Last: where it works, the probe object is gone, and the next probe makes another one."""
    try:
        store.attempt_bypass(held.key, held.version)
    except StorageFailed as error:
        if error.kind in ("locked", "denied", "unsupported"):
            return _ok("bypass", "我们的密钥不能绕过 GOVERNANCE 锁定。")
        _pass_on(error)
        return _failed("bypass", f"不能确认锁定不可绕过：{error}", _LATER)
    if not _gone(store, held):
        return _ok("bypass", "我们的密钥不能绕过 GOVERNANCE 锁定（存储没有报错，但对象还在）。")
    message = "我们的密钥能绕过 GOVERNANCE 锁定：拿到它的人能删掉任何档案。"
    return _failed("bypass", message, "换用没有 s3:BypassGovernanceRetention 权限的密钥，见 docs/stores.md。")


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
            return _far_result(_put(store, FAR_KEY, b"far", far).lock_until, far)
        except StorageFailed as error:
            version = error.fields.get("version") if error.kind == "lock" else None
            if version is None and error.kind != "unsupported":
                raise
        return _next_best(store, version, years[1:], far, now)
    except _SURPRISES as error:
        return _warning("far-date", f"没有测出最远的锁定日期：{error}", "稍后再试。")


def _next_best(store, version: str | None, years: list[int], far: datetime, now: datetime) -> ProbeResult:
    for year in years:
        try:
            if version and (kept := store.head(FAR_KEY, version).lock_until) and kept > now + SPARE:
                return _far_result(kept, far)  # cut off at this date, not wrapped
            if version is None:
                return _far_result(_put(store, FAR_KEY, b"far", _last_day(year)).lock_until, far)
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
