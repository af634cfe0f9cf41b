"""backup: database, keys and settings into one encrypted file. Or tell that a file is destroyed (--gone)."""

import getpass
import os
import sys
from pathlib import Path

from django.conf import settings

from archive.errors import WrongInput
from config.backup import surroundings, taking
from config.backup.refusals import BackupRefused
from config.commands import ArchiveCommand


class Command(ArchiveCommand):
    help = "把数据库、密钥和设置备份成一个加密文件（不含电子文件）；写好后回读核对。"

    def arguments(self, parser) -> None:
        parser.add_argument("--to", metavar="DIR", type=Path, help="写到这个目录；默认是 ARCHIVE_BACKUP_DIR")
        parser.add_argument("--without-keys", action="store_true", help="不含密钥；没有口令时就不加密")
        parser.add_argument("--gone", metavar="文件名", help="不备份，只登记这份备份已经销毁")

    def run(self, *, to: Path | None, without_keys: bool, gone: str | None, **_: object) -> int:
        if gone:
            row = taking.forget(gone, actor=self.actor())
            self.line({"file": row.name, "gone": True}) if self.json else self.say(
                f"已登记 {row.name} 销毁。"
            )
            return 0
        folder = to or (Path(settings.BACKUP_DIR) if settings.BACKUP_DIR else None)
        if folder is None:
            raise WrongInput(
                field="--to", reason="没有说写到哪里。请给 --to 目录，或设置 ARCHIVE_BACKUP_DIR。"
            )
        passphrase = taking.passphrase_from_file() or ("" if without_keys else asked_twice())
        made = taking.take(actor=self.actor(), folder=folder, passphrase=passphrase, keys=not without_keys)
        elsewhere = surroundings.kept_elsewhere(surroundings.settings_told(os.environ))
        if self.json:
            self.line(
                {
                    "file": str(folder / made.name), "bytes": made.bytes, "sha256": made.sha256,
                    "expires_on": made.expires_on.isoformat(), "keys": not without_keys,
                    "encrypted": bool(passphrase), "kept_elsewhere": elsewhere,
                }
            )  # fmt: skip
            return 0
        self.say(
            f"备份 {folder / made.name}，{made.bytes / 1024**2:.1f} MB，已回读核对，保存到 {made.expires_on}。"
        )
        self.say("不含电子文件：它们在存储里。口令要另外保管，丢了就打不开。")
        if not passphrase:
            self.say("没有加密：里面没有密钥，但有姓名和题名，请当作内部资料保管。")
        if elsewhere:
            self.say(f"这些设置的值不在备份里，须另外保管：{'、'.join(elsewhere)}")
        return 0


def asked_twice() -> str:
    """From whoever sits at the terminal; "" when nobody does."""
    if not sys.stdin.isatty():
        return ""
    first = taking.require_long(getpass.getpass("备份口令："))
    if getpass.getpass("再输入一次：") != first:
        raise BackupRefused(what="备份", reason="两次输入的口令不同，请再来一次。")
    return first
