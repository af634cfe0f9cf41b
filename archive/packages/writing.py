"""Where packages are written to: one zip file or one folder, in constant memory, finished or not there at all.

Everything is written beside the place it is meant for (`<name>.part`). `finish` proves it by reading every file back,
puts it on the disk and only then gives it its name: whoever is killed in between leaves nothing that looks finished, and
whoever begins again begins anew. Raises StorageFailed where the bytes are not those that were filed, WrongInput where
the place does not take them.
"""

import hashlib
import os
import shutil
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from archive.errors import StorageFailed, WrongInput
from archive.packages.content import Part

CHUNK = 1024 * 1024
PART = ".part"


@dataclass(frozen=True)
class Written:
    """A finished package as it lies there. `sha256` of a zip; "" of a folder."""

    path: Path
    files: int
    bytes: int
    sha256: str = ""


class Target:
    """Context manager: leaving it without `finish` removes what was begun."""

    def __init__(self, path: Path, step: Callable[[int], None] = lambda _: None) -> None:
        self.path, self.draft = path, path.with_name(path.name + PART)
        self.written: dict[str, tuple[int, str]] = {}
        self.step = step  # told the size of every piece written; 0 while reading back

    def __enter__(self) -> "Target":
        with _told(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _clear(self.draft)  # what a killed run left
            self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # a full disk takes no end either, and what is not finished needs none
            self._end()
        if self.draft.exists():
            _clear(self.draft)

    def add(self, part: Part, top: str = "") -> None:
        """Write one file, in a zip below the folder `top`. Raises StorageFailed(kind="changed") when its bytes are
        not those that it says."""
        name = self._name(part.path, top)
        digest, count = hashlib.sha256(), 0
        with _told(self.path), part.open() as source, self._file(name, part.bytes) as sink:
            while block := source.read(CHUNK):
                digest.update(block)
                count += len(block)
                sink.write(block)
                self.step(len(block))
        if (count, digest.hexdigest()) != (part.bytes, part.sha256):
            raise StorageFailed(
                store="导出",
                kind="changed",
                reason=f"{name} 的内容与归档时的摘要不符，没有导出。请先核验、修复这件档案。",
            )
        self.written[name] = count, part.sha256

    def finish(self, before: Callable[[], None] = lambda: None) -> Written:
        """Prove, settle, call `before` (the ledger must know before anybody can have it), give the name."""
        with _told(self.path):
            self._end()
            self._prove()
            sha256 = self._settle()
            before()
            os.replace(self.draft, self.path)
            _sync(self.path.parent)
        return Written(self.path, len(self.written), sum(size for size, _ in self.written.values()), sha256)

    def _prove(self) -> None:
        for name, (size, sha256) in self.written.items():
            digest, count = hashlib.sha256(), 0
            with self._again(name) as stream:
                while block := stream.read(CHUNK):
                    digest.update(block)
                    count += len(block)
                    self.step(0)
            if (count, digest.hexdigest()) != (size, sha256):
                raise StorageFailed(
                    store="导出", kind="changed", reason=f"{name} 写出后回读不符，请换一处再导出。"
                )

    # What a kind of target knows how to do.

    def _name(self, path: str, top: str) -> str:
        return f"{top}/{path}" if top else path

    def _begin(self) -> None: ...
    def _end(self) -> None: ...
    def _file(self, name: str, size: int): ...
    def _again(self, name: str) -> BinaryIO: ...
    def _settle(self) -> str: ...


class ZipTarget(Target):
    """Files are stored, not compressed: they are PDFs and images, and a stored file can be read back by anybody."""

    def _begin(self) -> None:
        handle = os.open(self.draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self.file = os.fdopen(handle, "w+b")
        self.zip = zipfile.ZipFile(self.file, "w", zipfile.ZIP_STORED)

    def _end(self) -> None:
        if not self.file.closed:
            with self.file:
                self.zip.close()
                self.file.flush()
                os.fsync(self.file.fileno())

    def _file(self, name: str, size: int):
        entry = zipfile.ZipInfo(name, time.localtime()[:6])
        entry.external_attr = (stat.S_IFREG | 0o644) << 16
        entry.file_size = size
        return self.zip.open(entry, "w")

    def _prove(self) -> None:
        with zipfile.ZipFile(self.draft) as self.zip:
            super()._prove()

    def _again(self, name: str) -> BinaryIO:
        return self.zip.open(name)

    def _settle(self) -> str:
        digest = hashlib.sha256()
        with self.draft.open("rb") as stream:
            while block := stream.read(CHUNK):
                digest.update(block)
                self.step(0)
        return digest.hexdigest()


class FolderTarget(Target):
    """One package: the folder is the package."""

    def _name(self, path: str, top: str) -> str:
        return path

    def _begin(self) -> None:
        self.draft.mkdir(mode=0o700)

    @contextmanager
    def _file(self, name: str, size: int) -> Iterator[BinaryIO]:
        path = self.draft / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())

    def _again(self, name: str) -> BinaryIO:
        return (self.draft / name).open("rb")

    def _settle(self) -> str:
        for folder in [self.draft, *(path for path in self.draft.rglob("*") if path.is_dir())]:
            _sync(folder)
        return ""


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What a disk says, as a refusal."""
    try:
        yield
    except OSError as fault:
        reason = f"不能写出（{fault.strerror or fault}）。请检查磁盘空间和目录权限后再导出。"
        raise WrongInput(field=str(path), reason=reason) from None


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
