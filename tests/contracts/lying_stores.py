"""Stores that lie: a local store each of which breaks exactly one promise. `BREAKS` names the line of the probe that
must find it out, and how bad it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from archive.errors import StorageFailed
from archive.storage import base
from archive.storage.base import StoredObject
from archive.storage.local import LocalStore


class NeverWrites(LocalStore):
    """Says yes to every put, describes what it was given, and keeps nothing."""

    def put(self, key, stream, *, size, sha256, content_type, lock_until, mode="GOVERNANCE", metadata=None):
        version = f"{datetime.now().timestamp():016.0f}-00000000"
        return StoredObject(
            store=self.name, key=key, version=version, bytes=size, sha256=sha256, lock_until=lock_until,
            lock_mode=mode, legal_hold=False, written_at=datetime.now(UTC), content_type=content_type,
            metadata=metadata or {},
        )  # fmt: skip


class ForgetsLocks(LocalStore):
    """Takes the date, answers as if it had kept it, and keeps nothing."""

    def put(self, key, stream, *, lock_until, **rest):
        return super().put(key, stream, lock_until=None, **rest)


class DropsVersions(LocalStore):
    """Keeps the newest version of a name alone, as a bucket without versioning does."""

    def put(self, key, stream, **rest):
        held = super().put(key, stream, **rest)
        for found in super().versions(key):
            if found.version != held.version and not self.head(key, found.version).protected(self.clock()):
                super().remove(key, found.version)
        return held


class MarkerDestroys(LocalStore):
    """A delete without a version takes the bytes away."""

    def attempt_plain_delete(self, key):
        for found in self.versions(key):
            super().remove(key, found.version)


class NeverRemoves(LocalStore):
    """Answers every removal with success and keeps the object: a destruction would be a pretence."""

    def remove(self, key, version):
        return None


class TakesDamaged(LocalStore):
    """Looks at no checksum that comes with a put."""

    def attempt_damaged(self, key, header):
        return None


class DeletesLocked(LocalStore):
    def remove(self, key, version):
        honest, self.clock = self.clock, lambda: datetime.max.replace(tzinfo=UTC)
        super().remove(key, version)
        self.clock = honest


class UncoversLocks(LocalStore):
    """Reads back the lock of the newest version alone."""

    def _described(self, key, version):
        held = super()._described(key, version)
        newest = next((found.version for found in self.versions(key)), version)
        return held if newest == version else replace(held, lock_until=None, lock_mode=None)


class Shortens(LocalStore):
    def attempt_shorten(self, key, version, until):
        self._change(key, version, lambda held: {"lock_until": until.isoformat()})


class MayBypass(LocalStore):
    """Our credentials have the privilege to go round GOVERNANCE."""

    def attempt_bypass(self, key, version):
        honest, self.clock = self.clock, lambda: datetime.max.replace(tzinfo=UTC)
        super().remove(key, version)
        self.clock = honest


class WrapsAt2106(LocalStore):
    """Keeps dates in 32 bits of seconds, as Ceph 16 does."""

    span = timedelta(seconds=2**32)

    def _described(self, key, version):
        held = super()._described(key, version)
        until = held.lock_until
        return replace(held, lock_until=until - self.span) if until and until.year >= 2106 else held

    def put(self, key, stream, *, lock_until, **rest):
        held = super().put(key, stream, lock_until=None, **rest)
        return self.extend_lock(key, held.version, lock_until) if lock_until else held

    def extend_lock(self, key, version, until, mode=None):
        def longer(held):
            base.refuse_weaker(held, until, mode)
            return {"lock_until": until.isoformat(), "lock_mode": "GOVERNANCE"}

        self._change(key, version, longer)
        held = self.head(key, version)
        if held.lock_until != until:
            raise StorageFailed(store=self.name, kind="lock", reason="wrapped", version=version)
        return held


class CutsOff(WrapsAt2106):
    """Shortens every lock to its greatest one in silence."""

    greatest = datetime(2080, 6, 1, tzinfo=UTC)

    def _described(self, key, version):
        held = LocalStore._described(self, key, version)
        return replace(held, lock_until=held.lock_until and min(held.lock_until, self.greatest))


class LivesYesterday(LocalStore):
    skew = timedelta(hours=-3)

    def clock_there(self):
        return super().clock_there() + self.skew


class RunsAhead(LivesYesterday):
    skew = timedelta(minutes=9)


class IsDown(LocalStore):
    def versions(self, key):
        raise StorageFailed(store=self.name, kind="unreachable", reason="down")


class TalksNonsense(LocalStore):
    """Not even its failures are what they should be."""

    def attempt_plain_delete(self, key):
        raise KeyError("VersionId")


BREAKS = {
    NeverWrites: ("write", "failed"),
    DropsVersions: ("versions", "failed"),
    MarkerDestroys: ("delete-marker", "failed"),
    NeverRemoves: ("remove", "failed"),
    TakesDamaged: ("checksum", "warning"),
    ForgetsLocks: ("lock", "failed"),
    UncoversLocks: ("covered", "failed"),
    Shortens: ("shorten", "failed"),
    DeletesLocked: ("delete", "failed"),
    MayBypass: ("bypass", "failed"),
    WrapsAt2106: ("far-date", "warning"),
    CutsOff: ("far-date", "warning"),
    LivesYesterday: ("clock", "failed"),
    RunsAhead: ("clock", "warning"),
    IsDown: ("connection", "failed"),
    TalksNonsense: ("delete-marker", "failed"),
}
