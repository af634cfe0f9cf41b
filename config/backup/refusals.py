"""The one refusal of this package: what was not done, why, and what to do."""

import errno

from archive.errors import ArchiveError


class BackupRefused(ArchiveError):
    """`what`: 备份 or 恢复. Nothing half-made is left where somebody could take it for whole."""

    code, status, sentence = "backup-refused", 409, "{what}没有完成：{reason}"


def of_system(what: str, fault: OSError) -> BackupRefused:
    """What the file system refused, in words."""
    place = f" {fault.filename}" if fault.filename else ""
    known = {
        errno.ENOSPC: f"磁盘{place}满了。请腾出空间或换一个目录，再做一次。",
        errno.EDQUOT: f"磁盘配额{place}用完了。请扩大配额或换一个目录，再做一次。",
        errno.EACCES: f"没有权限读写{place}。请检查目录和文件的属主与权限。",
        errno.EPERM: f"系统不许改动{place}。请检查属主、权限和不可变标志。",
        errno.EROFS: f"{place} 在只读的磁盘上。",
        errno.ENOENT: f"没有{place}。请检查路径，目录要先建好、挂载好。",
    }
    return BackupRefused(
        what=what, reason=known.get(fault.errno, f"读写{place}时系统报告：{fault.strerror}。")
    )
