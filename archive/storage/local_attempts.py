"""What the probe asks of the local store past the guards, and what the file system below it can and cannot promise.

Mixed into `LocalStore`. Here the engine itself is the guard: there is no server behind it to be asked differently.
"""

import hashlib
import io
import os
import secrets
from datetime import UTC, datetime

from archive.storage import files
from archive.storage.base import ProbeResult, failed


class LocalAttempts:
    """Wants `root`, `incoming`, `config`, `name`, `_begin` and the verbs of the store. See `probe.Attempts`."""

    def attempt_shorten(self, key: str, version: str, until: datetime) -> None:
        self.extend_lock(key, version, until)

    def attempt_bypass(self, key: str, version: str) -> None:
        """There is no such privilege."""
        self.remove(key, version)

    def attempt_plain_delete(self, key: str) -> None:
        raise failed(self.name, "unsupported", "本地存储没有不带版本号的删除。")

    def attempt_damaged(self, key: str, header: str) -> None:
        """The one digest of this engine is that of the put."""
        wrong = hashlib.sha256(b"other").hexdigest()
        self.put(key, io.BytesIO(b"probe"), size=5, sha256=wrong, content_type="text/plain", lock_until=None)

    def clock_there(self) -> datetime:
        """That of the file system: of a file server, where the folder lies on one."""
        self._begin()
        with self._translated(), files.draft(self.incoming / f"clock-{secrets.token_hex(4)}") as draft:
            draft.write(b".")
            return datetime.fromtimestamp(os.stat(draft.path).st_mtime, UTC)

    # What holds on this file system

    def medium(self) -> ProbeResult:
        """What no file system keeps, and what this one does not."""
        found = self._abilities()
        limit = "本地存储能防误删和改写，不能防系统管理员（root）或磁盘损坏。"
        if found.immutable == "denied" and self.config.immutable:
            message = "设置要求不可变标志（IMMUTABLE），但本进程没有 CAP_LINUX_IMMUTABLE 权限，写入会失败。"
            return ProbeResult(
                name="medium", state="failed", message=message, remedy="给进程这项权限，或去掉 IMMUTABLE。"
            )
        if found.immutable == "unsupported" and self.config.immutable:
            message = f"设置要求不可变标志（IMMUTABLE），但 {found.kind} 文件系统没有这种标志，写入会失败。"
            return ProbeResult(
                name="medium", state="failed", message=message, remedy="换文件系统，或去掉 IMMUTABLE。"
            )
        remedy = "正式使用请配置带 Object Lock 的对象存储，或再加一个异地存储。"
        return ProbeResult(
            name="medium", state="warning", message=f"{limit}{self._words(found)}", remedy=remedy
        )

    def describe(self) -> dict:
        found = self._abilities()
        limits = ["系统管理员（root）可以绕过锁定直接删除文件", "一块磁盘坏了，这里的副本就没有了"]
        limits += [self._words(found).rstrip("。")]
        if found.volatile:
            limits.append(f"{found.kind} 在内存里，关机即丢")
        if found.remote:
            limits.append(f"{found.kind} 是网络文件系统：文件锁和落盘是否可靠，取决于文件服务器")
        return {
            "name": self.name,
            "kind": "local",
            "where": str(self.root),
            "filesystem": found.kind,
            "immutable": self.config.immutable and found.immutable == "allowed",
            "limits": limits,
        }

    def _abilities(self) -> files.Abilities:
        with self._translated():
            return files.abilities(
                next(folder for folder in (self.incoming, *self.incoming.parents) if folder.is_dir())
            )

    def _words(self, found: files.Abilities) -> str:
        if found.immutable == "unsupported":
            return f"{found.kind} 文件系统没有不可变标志，文件只是只读。"
        if self.config.immutable:
            return f"{found.kind}：文件写入后只读，并带不可变标志，root 也要先去掉标志；说明文件（锁定日期）不带。"
        if found.immutable == "denied":
            return f"{found.kind}：文件写入后只读；本进程没有 CAP_LINUX_IMMUTABLE 权限，不能加不可变标志。"
        return f"{found.kind}：文件写入后只读；可以再加不可变标志（IMMUTABLE=1），现在没有加。"
