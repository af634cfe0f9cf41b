"""Make or update everything that must be there before the first package: repeatable without harm."""

import os
from pathlib import Path

from django.conf import settings
from django.db import connection

from archive import determinations, grants, holdings, jobs, keks, privacy, profiles
from archive.errors import WrongInput
from archive.models import Record
from archive.terms import SCHEMES
from config import checks, databases, promises, schedule
from config.commands import ArchiveCommand
from search.engine import engine


class Command(ArchiveCommand):
    guarded = False  # it tries the stores out first; then unsafe settings are refused as everywhere
    needs_setup = False
    help = "建库、载入保管期限表、角色、业务配置包和全宗；可反复运行。"

    def arguments(self, parser) -> None:
        parser.add_argument(
            "--fonds",
            action="append",
            default=[],
            metavar="CODE=NAME[:stage|insurance-stage]",
            help="设立全宗",
        )

        parser.add_argument(
            "--encrypt",
            action="append",
            default=[],
            metavar="CODE",
            help="这个全宗以后归档的文件加密存放。丢失密钥即丢失档案：先备份密钥",
        )

    def run(self, *, fonds: list[str], encrypt: list[str], verbosity: int = 1, **_: object) -> int:
        if settings.PRODUCTION and promises.untried():
            for name, _, _ in promises.try_out():
                self.say(f"已试过存储“{name}”。")
        checks.require_sound()
        wanted = [parse_fonds(text) for text in fonds]
        profiles.registry()  # a wrong pack is refused before anything is changed
        settings.ARCHIVE_DATA.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.STATIC_ROOT.mkdir(exist_ok=True)  # else every start of the pages warns of it
        if not settings.PRODUCTION and privacy.make_key_file(Path(settings.ARCHIVE_KEYS)):
            self.say(f"已生成密钥文件 {settings.ARCHIVE_KEYS}。请另外备份：丢失密钥，证件号码无法恢复。")
        privacy.key_ring()
        if not settings.PRODUCTION and not keks.ready():
            self.say(
                f"已在密钥文件里加一把密钥加密密钥 {keks.add_to_file(Path(settings.ARCHIVE_KEYS))}。{keks.LOSS}"
            )
        databases.migrate()
        actor = self.actor()
        loaded = determinations.load_schedule(actor=actor)
        registry = profiles.registry()
        sources = {code: registry.packs(code)[-1].system for code in registry.sources()}
        holdings.load_sources(sources)
        for code, name, scheme in wanted:
            _, made = holdings.make_fonds(code, name, scheme=scheme, actor=actor)
            self.say(f"全宗 {code} {name}（{SCHEMES[scheme]}）{'已设立' if made else '已在'}")
        for code in encrypt:
            holdings.set_encryption(code, True, actor=actor)
            self.say(f"全宗 {code} 以后归档的文件加密存放。密钥和它的备份是唯一的钥匙：{keks.LOSS}")
        engine().ensure()
        if not Record.objects.exists():
            engine().mark_complete()  # nothing to index: the worker need not start with it
        jobs.sync(schedule.JOBS)
        if connection.vendor == "postgresql" and (role := os.environ.get("DATABASE_APPLICATION_ROLE")):
            grants.grant_application_role(connection, role)
        self.say(
            f"就绪：来源系统 {len(sources)} 个，保管期限表{f'新载入 {loaded} 项' if loaded else '已是最新'}，数据在 {settings.ARCHIVE_DATA}"
        )
        return 0


def parse_fonds(text: str) -> tuple[str, str, str]:
    """`D019=东莞市社会保险基金管理中心:stage` → (code, name, scheme)."""
    code, equals, rest = text.partition("=")
    name, _, scheme = rest.partition(":")
    if not equals or not code.strip() or not name.strip():
        raise WrongInput(
            field="--fonds", reason=f"“{text}”应写成 全宗号=名称 或 全宗号=名称:insurance-stage。"
        )
    return code.strip(), name.strip(), scheme.strip() or "stage"
