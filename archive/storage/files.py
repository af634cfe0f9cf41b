"""The durable steps of the local store on a Linux file system: drafts, flushes, folders, flags, error words.

A draft is a file that its writer holds locked (flock). The kernel frees the lock when the writer ends, however it
ends, so a draft that can be locked by somebody else is abandoned.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class Draft:
    """An open, locked, unfinished file."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._file = path, os.fdopen(descriptor, "wb", buffering=0)

    def write(self, block: bytes) -> None:
        view = memoryview(block)
        while view:
            view = view[self._file.write(view) :]

    def settle(self) -> None:
        """Read-only from now on, and on the disk."""
        os.fchmod(self._file.fileno(), 0o440)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


@contextmanager
def draft(path: Path) -> Iterator[Draft]:
    """A new file at `path`, gone again at the end unless it was moved away."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)  # a sweep came between creating and locking; once more
    opened = Draft(path, descriptor)
    try:
        yield opened
    finally:
        path.unlink(missing_ok=True)
        opened.close()


@contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Whether nobody is writing the draft at `path` any more; true only while we hold it ourselves."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _seize(path, descriptor)
    finally:
        os.close(descriptor)


def _seize(path: Path, descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.stat(path), os.fstat(descriptor))  # else it was finished meanwhile
    except (BlockingIOError, FileNotFoundError):
        return False


def place(draft_path: Path, target: Path, *, above: Path) -> None:
    """Give the draft a second name, making the folders between `above` and it. A folder that a removal takes
    away at this very moment is made again."""
    for _ in range(20):
        make_folders(target.parent, above=above)
        try:
            os.link(draft_path, target)
            return
        except FileNotFoundError:
            continue
    os.link(draft_path, target)


def make_folders(folder: Path, *, above: Path) -> None:
    """Every missing folder below `above`, each flushed into its parent so that it outlives a power cut."""
    if folder.is_dir() or folder == above:
        return
    make_folders(folder.parent, above=above)
    try:
        folder.mkdir(mode=0o750)
    except (FileExistsError, FileNotFoundError):
        return  # somebody else's hand; `place` notices
    flush_folder(folder.parent)


def read_small(path: str) -> bytes:
    """A whole small file in as few calls of the system as it takes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = b""
        while block := os.read(descriptor, 65536):
            content += block
        return content
    finally:
        os.close(descriptor)


def drop_empty_folders(folder: Path, *, above: Path) -> None:
    while folder != above:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def flush_folder(folder: Path) -> None:
    """Put the names in a folder on the disk. A folder that is gone needs no flushing."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10  # linux/fs.h: FS_IOC_*, FS_IMMUTABLE_FL


def set_immutable(path: Path, on: bool) -> None:
    """The flag of chattr +i: not even root changes such a file without lifting it first. OSError where the
    file system has none or we may not."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(descriptor, _GET_FLAGS, struct.pack("l", 0)))
        flags = flags | _IMMUTABLE if on else flags & ~_IMMUTABLE
        fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("l", flags))
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Abilities:
    """What the file system of a folder can do for us. `immutable`: allowed, denied (we may not) or unsupported."""

    kind: str
    immutable: str

    @property
    def volatile(self) -> bool:
        return self.kind in ("tmpfs", "ramfs")

    @property
    def remote(self) -> bool:
        return self.kind.startswith(("nfs", "cifs", "smb", "9p", "ceph", "glusterfs", "fuse"))


_CAP_LINUX_IMMUTABLE = 1 << 9


def abilities(folder: Path) -> Abilities:
    """Asked of the kernel without changing anything: a flag set for a trial would outlive a kill."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, _GET_FLAGS, struct.pack("l", 0))
        immutable = "allowed" if _capabilities() & _CAP_LINUX_IMMUTABLE else "denied"
    except OSError:
        immutable = "unsupported"
    finally:
        os.close(descriptor)
    return Abilities(kind=_kind_of(folder), immutable=immutable)


def _capabilities() -> int:
    try:
        status = Path("/proc/self/status").read_text(errors="replace")
    except OSError:
        return 0
    return next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)


def _kind_of(folder: Path) -> str:
    """The type that the kernel names for the mount on which the folder lies."""
    best, kind = "", "未知"
    try:
        lines = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return kind
    for line in lines:
        _, place, name, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        inside = str(folder) == place or str(folder).startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, name
    return kind


_KINDS = {
    errno.ENOENT: ("missing", "文件不见了。"),
    errno.ENOSPC: ("full", "磁盘已满，请清理或扩容。"),
    errno.EDQUOT: ("full", "磁盘配额已用完，请扩容。"),
    errno.EFBIG: ("unsupported", "文件超过了文件系统允许的大小。"),
    errno.ENAMETOOLONG: ("unsupported", "文件名超过了文件系统允许的长度。"),
    errno.EACCES: ("denied", "没有读写权限，请检查存储文件夹的属主和权限。"),
    errno.EPERM: ("denied", "操作系统不允许（文件可能带有不可变标志，或文件系统不支持它）。"),
    errno.ENOTTY: ("unsupported", "这个文件系统不支持不可变标志。"),
    errno.EOPNOTSUPP: ("unsupported", "这个文件系统不支持不可变标志。"),
    errno.EROFS: ("denied", "文件系统是只读的。"),
    errno.ESTALE: ("unreachable", "网络文件系统的连接失效了，请检查挂载。"),
    errno.ETIMEDOUT: ("unreachable", "文件系统没有回答，请检查挂载。"),
    errno.ENOTCONN: ("unreachable", "文件系统没有连接，请检查挂载。"),
    errno.EIO: ("failed", "磁盘读写出错，请检查磁盘。"),
}


def explain(error: OSError) -> tuple[str, str]:
    """The kind of StorageFailed and the sentence for an error of the operating system."""
    other = f"操作系统报错（{errno.errorcode.get(error.errno or 0, '未知')}）。"
    return _KINDS.get(error.errno or 0, ("failed", other))
