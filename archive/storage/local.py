"""The local store: files that keep the promises of an S3 bucket with Object Lock, as far as a file system can.

    ROOT/objects/<folders of the key>/<last part>@<version>         the bytes, read-only
    ROOT/objects/<folders of the key>/<last part>@<version>.json    what they are, their lock and hold
    ROOT/incoming/                                                  what is being written

A folder named by a UUID lies two levels deeper (`+0193ab/+cd/0193abcd-…`), so that no folder grows without end.
An object exists once its description does. Both are written in `incoming`, flushed to disk, and then take their
places, the description last; whoever is killed on the way leaves only a draft whose file lock the kernel has
freed, and the next opening sweeps it away together with bytes that had already taken their place. Destroying
goes the other way round: bytes first, so that no bytes are ever left without a name.

What it cannot do: keep the system administrator (root) or a broken disk from deleting. `describe` says so.
"""

import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from archive.errors import StorageFailed
from archive.storage import base, files
from archive.storage.base import CHUNK, GOVERNANCE, ProbeResult, StoredObject, StoredVersion, failed
from archive.storage.local_attempts import LocalAttempts
from archive.storage.probe import probe

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_VERSION = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}")


class LocalStore(LocalAttempts):
    """See `base.Store`. Opening never fails: what is wrong with one folder keeps nobody from the other stores. `is_new`:
    whether nothing was ever stored here; else a folder without `objects` is a disk that is not mounted, which neither
    proves absence nor takes anything. `clock` lets a test live after a lock has ended."""

    def __init__(
        self,
        config,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        is_new: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name, self.config, self.clock, self.is_new = config.name, config, clock, is_new
        self.root = Path(config.path).absolute()
        self.objects, self.incoming = self.root / "objects", self.root / "incoming"
        self._objects = f"{self.objects}/"
        with suppress(StorageFailed):
            self.sweep()

    # Writing

    def put(
        self,
        key: str,
        stream: BinaryIO,
        *,
        size: int,
        sha256: str,
        content_type: str,
        lock_until: datetime | None,
        mode: str = GOVERNANCE,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        base.check_key(self.name, key)
        base.encode_metadata(self.name, metadata or {})  # only for its limits: no engine may take more
        until = base.check_lock(self.name, lock_until, mode, now=self.clock())
        version = f"{time.time_ns():016x}-{secrets.token_hex(4)}"
        content, description = self._paths(key, version)
        reader = base.CheckedReader(self.name, stream, size, sha256)
        self._begin()
        with self._translated(), files.draft(self.incoming / version) as draft:
            while block := reader.read(CHUNK):
                draft.write(block)
            reader.finish()
            draft.settle()
            state = {
                "key": key,
                "version": version,
                "bytes": size,
                "sha256": reader.sha256,
                "content_type": content_type,
                "metadata": dict(metadata or {}),
                "written_at": datetime.now(UTC).isoformat(),
                "lock_until": until and until.isoformat(),
                "lock_mode": mode if until else None,
                "legal_hold": False,
            }
            with files.draft(self.incoming / f"{version}.json") as plan:
                plan.write(_as_json(state))
                plan.settle()
                try:
                    files.place(draft.path, content, above=self.objects)
                    os.rename(plan.path, description)  # from here on the object exists
                except BaseException:
                    content.unlink(missing_ok=True)
                    raise
            files.flush_folder(content.parent)
        with self._translated():
            self._flag(True, content, description)
        written = self.head(key, version)
        if (written.bytes, written.lock_until) != (size, until):
            raise failed(self.name, "lock", "写入后读回的长度或锁定日期与要求不符。", version=version)
        return written

    def extend_lock(self, key: str, version: str, until: datetime, mode: str | None = None) -> StoredObject:
        until = base.check_lock(self.name, until, mode, now=self.clock())

        def longer(held: StoredObject) -> dict:
            base.refuse_weaker(held, until, mode)
            return {"lock_until": until.isoformat(), "lock_mode": mode or held.lock_mode or GOVERNANCE}

        return self._change(key, version, longer)

    def set_legal_hold(self, key: str, version: str, on: bool) -> StoredObject:
        return self._change(key, version, lambda held: {"legal_hold": bool(on)})

    def remove(self, key: str, version: str) -> None:
        content, description = self._paths(key, version)
        with self._translated(), self._held(content):
            if description.exists() and (held := self._described(key, version)).protected(self.clock()):
                reason = "已被冻结（legal hold）" if held.legal_hold else f"锁定到 {held.lock_until:%Y-%m-%d}"
                raise failed(self.name, "locked", f"“{key}”{reason}，不能删除。")
            self._flag(False, content, description)
            if content.exists():
                content.unlink()
                files.flush_folder(content.parent)
            description.unlink(missing_ok=True)
            if content.parent.exists():
                files.flush_folder(content.parent)
                files.drop_empty_folders(content.parent, above=self.objects)

    # Reading

    def head(self, key: str, version: str) -> StoredObject:
        described = self._described(key, version)
        try:
            size = os.stat(self._name(key, version)).st_size
        except OSError as error:
            raise self._as_failure(error, f"“{key}”的内容不见了。") from error
        return _replace_bytes(described, size)

    def open(self, key: str, version: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        content = self._name(key, version)
        try:
            os.stat(content + ".json")
            source = open(content, "rb", buffering=0)
        except OSError as error:
            raise self._as_failure(error, f"没有“{key}”的这个版本。") from error
        if start:
            source.seek(start)
        return base.buffered(base.GuardedReader(source, self._as_failure, length))

    def look(self, key: str, version: str) -> tuple[StoredObject, BinaryIO]:
        return self.head(key, version), self.open(key, version)

    def versions(self, key: str) -> list[StoredVersion]:
        folder, stem = self._place(base.check_key(self.name, key))
        return self._listed(
            folder, key, [name for name in self._names(folder) if name.startswith(stem + "@")]
        )

    def iterate(self, prefix: str = "") -> Iterator[StoredVersion]:
        """Folder by folder; the order of keys is not promised."""
        parent, _, _ = prefix.rpartition("/")
        start = self._folder(base.check_key(self.name, parent)) if parent else self.objects
        pending = [(start, parent)]
        while pending:
            folder, path = pending.pop()
            stems: dict[str, list[str]] = {}
            for name in self._names(folder):
                if "@" in name:
                    stems.setdefault(name.partition("@")[0], []).append(name)
                else:
                    inner = path if name.startswith("+") else f"{path}/{name}".lstrip("/")
                    if f"{inner}/".startswith(prefix) or prefix.startswith(f"{inner}/") or inner == path:
                        pending.append((folder / name, inner))
            for stem, names in stems.items():
                key = f"{path}/{stem}".lstrip("/")
                if key.startswith(prefix):
                    yield from self._listed(folder, key, names)

    def probe(self) -> list[ProbeResult]:
        return [*probe(self, self.config.horizon_days), self.medium()]

    # Inside

    def _begin(self) -> None:
        """The folders, before something is written for the first time."""
        if not (self.objects.is_dir() and self.incoming.is_dir()):
            self._require_mounted()
            with self._translated():
                for folder in (self.objects, self.incoming):
                    folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    def _require_mounted(self) -> None:
        if not self.objects.is_dir() and not self.is_new():
            reason = f"文件夹 {self.objects} 不在：可能没有挂载，请挂载；确实换了空盘的，先建好这个文件夹。"
            raise failed(self.name, "unreachable", reason)

    def sweep(self) -> int:
        """Remove what killed writers left behind; those of living ones are locked and stay. Count of drafts."""
        swept = 0
        with self._translated():
            drafts = list(self.incoming.iterdir()) if self.incoming.is_dir() else []
            for path in sorted(drafts, reverse=True):  # `x.json` before `x`: see below
                with files.abandoned(path) as ours:
                    if ours and path.suffix == ".json":
                        self._drop_unborn(path)
                    if ours:
                        path.unlink(missing_ok=True)
                        swept += 1
        return swept

    def _drop_unborn(self, plan: Path) -> None:
        """Bytes that took their place while their description did not: the plan knows where."""
        try:
            state = json.loads(plan.read_bytes())
            content, description = self._paths(state["key"], state["version"])
        except (ValueError, KeyError, TypeError, StorageFailed):
            return  # half a plan: its writer never came as far as placing bytes
        if not description.exists():
            content.unlink(missing_ok=True)

    def _folder(self, path: str) -> Path:
        return self.objects.joinpath(*_folders(path))

    def _place(self, key: str) -> tuple[Path, str]:
        parent, _, stem = key.rpartition("/")
        return (self._folder(parent) if parent else self.objects), stem

    def _name(self, key: str, version: str) -> str:
        """Where the bytes lie; what describes them lies beside them, `.json`. Text, not a Path: whoever reads
        millions of small objects would spend more on paths than on bytes."""
        if not _VERSION.fullmatch(version or ""):
            base.check_key(self.name, key)
            raise failed(self.name, "missing", f"没有“{key}”的版本“{version}”。")
        return f"{self._objects}{_inside(self.name, key)}@{version}"

    def _paths(self, key: str, version: str) -> tuple[Path, Path]:
        name = self._name(key, version)
        return Path(name), Path(name + ".json")

    def _described(self, key: str, version: str) -> StoredObject:
        try:
            text = files.read_small(self._name(key, version) + ".json")
        except OSError as error:
            raise self._as_failure(error, f"没有“{key}”的这个版本。") from error
        try:
            state = json.loads(text)
            until = state["lock_until"]
            found = StoredObject(
                store=self.name,
                key=state["key"],
                version=state["version"],
                bytes=state["bytes"],
                sha256=state["sha256"],
                lock_until=datetime.fromisoformat(until) if until else None,
                lock_mode=state["lock_mode"],
                legal_hold=state["legal_hold"],
                written_at=datetime.fromisoformat(state["written_at"]),
                content_type=state["content_type"],
                metadata=state["metadata"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise failed(self.name, "changed", f"“{key}”的说明文件已损坏。") from error
        if (found.key, found.version) != (key, version):
            raise failed(self.name, "changed", f"“{key}”的说明文件属于另一个对象。")
        return found

    def _change(self, key: str, version: str, changes: Callable[[StoredObject], dict]) -> StoredObject:
        """Rewrite a description under the file lock of its bytes: read, decide, replace, read back."""
        content, description = self._paths(key, version)
        with self._translated(f"没有“{key}”的这个版本。"), self._held(content):
            asked = changes(self._described(key, version))
            state = json.loads(description.read_bytes()) | asked
            with files.draft(self.incoming / f"{version}-{secrets.token_hex(4)}.change") as plan:
                plan.write(_as_json(state))
                plan.settle()
                self._flag(False, description)
                os.rename(plan.path, description)
                self._flag(True, description)
            files.flush_folder(description.parent)
            kept = json.loads(description.read_bytes())
        if any(kept.get(name) != value for name, value in asked.items()):
            raise failed(self.name, "lock", f"“{key}”的锁定读回与要求不符。", version=version)
        return self.head(key, version)

    def _flag(self, on: bool, *paths: Path) -> None:
        """Where the settings ask for it: not even root changes or deletes what carries the immutable flag."""
        for path in paths:
            if self.config.immutable and path.exists():
                files.set_immutable(path, on)

    @contextmanager
    def _held(self, content: Path) -> Iterator[None]:
        """Alone with one object. Where its bytes are gone there is nothing to change, only to clear away."""
        try:
            descriptor = os.open(content, os.O_RDONLY)
        except FileNotFoundError:
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _listed(self, folder: Path, key: str, names: list[str]) -> list[StoredVersion]:
        """Also bytes whose description is gone: they hold what they held, and destruction must find them."""
        found: list[StoredVersion] = []
        for name in sorted({name.removesuffix(".json") for name in names}, reverse=True):
            version, content = name.partition("@")[2], folder / name
            if not _VERSION.fullmatch(version):
                continue
            found.append(
                StoredVersion(
                    store=self.name,
                    key=key,
                    version=version,
                    bytes=self._size(content),
                    written_at=datetime.fromtimestamp(int(version[:16], 16) / 1e9, UTC),
                    latest=not found,
                )
            )
        return found

    def _names(self, folder: Path) -> list[str]:
        with self._translated():
            try:
                return sorted(os.listdir(folder))
            except (FileNotFoundError, NotADirectoryError):  # never there, or just cleared away by a removal
                self._require_mounted()
                return []

    def _size(self, content: Path) -> int:
        with self._translated():
            try:
                return content.stat().st_size
            except FileNotFoundError:
                return 0

    @contextmanager
    def _translated(self, missing: str = "文件不见了。") -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise (self._as_failure(error, missing)) from error

    def _as_failure(self, error: Exception, missing: str = "文件不见了。") -> StorageFailed | None:
        if not isinstance(error, OSError):
            return None
        kind, reason = files.explain(error)
        if kind == "missing":
            self._require_mounted()
        return failed(self.name, kind, missing if kind == "missing" else reason)


@lru_cache(maxsize=256)
def _inside(store: str, key: str) -> str:
    """The path of a key below `objects`. Checking a key costs more than opening a file, and whoever asks for the
    description asks for the bytes next."""
    base.check_key(store, key)
    parent, _, stem = key.rpartition("/")
    return "/".join([*_folders(parent), stem]) if parent else stem


def _folders(path: str) -> list[str]:
    parts: list[str] = []
    for part in path.split("/"):
        parts += [f"+{part[:6]}", f"+{part[6:8]}", part] if _UUID.fullmatch(part) else [part]
    return parts


def _as_json(state: dict) -> bytes:
    return json.dumps(state, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _replace_bytes(found: StoredObject, size: int) -> StoredObject:
    return found if found.bytes == size else StoredObject(**{**vars(found), "bytes": size})
