"""Where bytes wait before they are kept: one blob a submission, its reports, and a work folder to unpack into.

A zip is staged as it came; a folder is packed into one (symbolic links as links, so that the examination still
sees them). The work folder is disposable: it is made again from the blob whenever it is gone.
"""

import gzip
import hashlib
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages

from archive.errors import StorageFailed, WrongInput

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Blob:
    """One staged package as measured while it was written."""

    name: str
    bytes: int
    sha256: str
    sm3: str


class _Measured:
    """A stream that is digested while the storage reads it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.bytes = stream, 0
        self.sha256, self.sm3 = hashlib.sha256(), hashlib.new("sm3")

    def read(self, amount: int = -1) -> bytes:
        block = self.stream.read(amount if amount and amount > 0 else CHUNK)
        self.bytes += len(block)
        if self.bytes > settings.MAX_PACKAGE_BYTES:
            limit = settings.MAX_PACKAGE_BYTES // 1024**2
            raise WrongInput(field="信息包", reason=f"超过单包上限 {limit} MB，没有接收。请拆分后再交。")
        self.sha256.update(block)
        self.sm3.update(block)
        return block


def _storage():
    return storages["staging"]


def stage_stream(submission_id: UUID, stream: BinaryIO) -> Blob:
    """Write the package as it comes. Raises WrongInput when it is larger than the site allows."""
    measured = _Measured(stream)
    file = File(measured, name="package")
    file.chunks = lambda chunk_size=CHUNK: iter(lambda: measured.read(chunk_size), b"")
    name = f"submissions/{submission_id}.zip"
    try:
        name = _storage().save(name, file)
    except BaseException:
        _storage().delete(name)
        raise
    _settle(name)
    return Blob(name, measured.bytes, measured.sha256.hexdigest(), measured.sm3.hexdigest())


def stage_path(submission_id: UUID, path: Path) -> Blob:
    """Stage a zip file or a bag folder. Raises WrongInput when it cannot be read."""
    try:
        if path.is_dir():
            with _packed(submission_id, path) as stream:
                return stage_stream(submission_id, stream)
        with path.open("rb") as stream:
            return stage_stream(submission_id, stream)
    except OSError as fault:
        raise WrongInput(field=str(path), reason=f"不能读取（{fault.strerror or fault}）。") from None


@contextmanager
def _packed(submission_id: UUID, folder: Path) -> Iterator[BinaryIO]:
    """The folder as one zip file, in the order of its paths. Only plain files and links are taken: reading a
    device or a pipe could never end; the examination then misses them and says so."""
    target = work_folder(submission_id).with_suffix(".packing")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for path in sorted(_files(folder)):
                inside = f"{folder.name or 'package'}/{path.relative_to(folder).as_posix()}"
                entry = zipfile.ZipInfo(inside.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
                entry.compress_type = zipfile.ZIP_DEFLATED
                mode = path.lstat().st_mode
                entry.external_attr = (stat.S_IFMT(mode) | 0o600) << 16
                if stat.S_ISLNK(mode):
                    archive.writestr(entry, os.readlink(path))
                elif stat.S_ISREG(mode):
                    with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as sink:
                        shutil.copyfileobj(source, sink, CHUNK)
        with target.open("rb") as stream:
            yield stream
    finally:
        target.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, followlinks=False):
        here = Path(root)
        for name in folders:
            if (here / name).is_symlink():
                yield here / name
        for name in files:
            yield here / name


def _settle(name: str) -> None:
    """Bytes first, then the row: the blob must be on the disk before a row speaks of it."""
    try:
        path = Path(_storage().path(name))
    except NotImplementedError:
        return  # an object store has it once it answered
    for target in (path, path.parent):
        handle = os.open(target, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def drop(name: str) -> None:
    """Forget a staged blob: a duplicate's, or one whose every copy is kept."""
    if name:
        _storage().delete(name)


@contextmanager
def local_copy(submission_id: UUID, name: str) -> Iterator[Path]:
    """The staged blob as a file on this machine."""
    try:
        yield Path(_storage().path(name))
        return
    except NotImplementedError:
        pass
    target = work_folder(submission_id).with_suffix(".zip")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _storage().open(name) as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink, CHUNK)
        yield target
    finally:
        target.unlink(missing_ok=True)


def open_blob(name: str) -> BinaryIO:
    """Raises StorageFailed(kind="missing") when it is not there."""
    try:
        return _storage().open(name)
    except FileNotFoundError:
        raise StorageFailed(
            store="暂存", kind="missing", reason="暂存的信息包不见了，请管理员检查暂存目录。"
        ) from None


def save_report(submission_id: UUID, number: int, report: dict, *, kind: str = "") -> str:
    """The full report of one examination, compressed; earlier ones stay. Returns its name."""
    data = json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode()
    name = f"reports/{submission_id}/{kind}{number:04d}.json.gz"
    _storage().delete(name)
    from django.core.files.base import ContentFile

    saved = _storage().save(name, ContentFile(gzip.compress(data, compresslevel=6, mtime=0)))
    _settle(saved)
    return saved


def read_report(name: str) -> dict:
    with open_blob(name) as stream:
        return json.loads(gzip.decompress(stream.read()))


def work_folder(submission_id: UUID) -> Path:
    return settings.ARCHIVE_DATA / "work" / str(submission_id)


def fresh_work_folder(submission_id: UUID) -> Path:
    """An empty folder to unpack into."""
    folder = work_folder(submission_id)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def pages_folder(submission_id: UUID) -> Path:
    """Where pictures of failing pages lie until the package is examined again, filed, or forgotten by the sweep."""
    return work_folder(submission_id).with_suffix(".pages")


def drop_work_folder(submission_id: UUID) -> None:
    shutil.rmtree(pages_folder(submission_id), ignore_errors=True)
    shutil.rmtree(work_folder(submission_id), ignore_errors=True)


def work_folders(*, older_than: float) -> Iterator[Path]:
    """Everything below the work folder that was last touched before that moment (seconds since 1970) and is named by
    a submission: folders, and the files being packed or copied."""
    below = settings.ARCHIVE_DATA / "work"
    for path in sorted(below.iterdir()) if below.is_dir() else ():
        try:
            UUID(path.stem)
            if path.lstat().st_mtime < older_than:
                yield path
        except (ValueError, FileNotFoundError):
            continue


def forget(path: Path) -> None:
    """Remove what `work_folders` named."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
