"""docs/reference.md, written from the code: `python -m tests.reference`. A test compares (tests/pure/test_docs.py).

Everything that has a stable name: states, permissions, ledger actions, refusals, checks, commands, jobs. Whoever adds
one runs this again; whoever reads a log or an answer of the interface looks a name up here.
"""

import ast
import importlib
import os
import pkgutil
import re
from collections.abc import Iterator

from tests.source import ROOMS, ROOT, modules

PATH, TESTS = ROOT / "docs" / "reference.md", ROOT / "tests"

FINDINGS_WITHOUT_CHECK = {
    "X-package": ("integrity", "不是可读的信息包，或名称已被其他内容占用（拒收）"),
    "X-source": ("integrity", "来源系统没有业务配置包"),
    "X-item": ("integrity", "来源系统没有这个业务事项"),
    "X-name": ("integrity", "业务编号里含有公民身份号码"),
    "X-fonds": ("integrity", "没有写全宗号，全宗不存在，或来源不得交入该全宗"),
    "X-retention": ("integrity", "保管期限待定，或业务系统写的期限与期限表不同"),
    "X-needs-person": ("integrity", "业务配置包规定须由人判断"),
    "X-confirm": ("integrity", "来源设为逐批确认"),
    "X-scan": ("safety", "本单位规定须经病毒扫描，而扫描没有完成"),
}
"""Ids that a report uses though no registered check has them: they come from reading the declaration or the site."""


def text() -> str:
    return "\n".join(
        [
            "# 名称对照（由代码生成）",
            "",
            "> 不要手改：`python -m tests.reference` 重写本文件，测试会比对。",
            "",
            *_section("状态", _states()),
            *_section("角色与权限", [_roles(), _actions()]),
            *_section("审计", [_events(), _accesses()]),
            *_section("拒绝", [_errors()]),
            *_section("检测项", [_items(), _checks(), _other_findings()]),
            *_section("命令", [_commands()]),
            *_section("定时任务", [_jobs()]),
            *_section("数据库自己拒绝的事", [_triggers()]),
            *_section("启动检查", [_system_checks()]),
        ]
    )


def _section(title: str, tables: list[list[str]]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    for lines in tables:
        yield from lines
        yield ""


def _table(caption: str, head: tuple[str, ...], rows) -> list[str]:
    lines = [caption, ""] if caption else []
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]


def _code(*names: str) -> str:
    return " ".join(f"`{name}`" for name in names)


def _states() -> list[list[str]]:
    from archive import states
    from ingest import states as ingest
    from retention import states as retention

    tables = [
        ("档案", states.RECORD_STATES, states.RECORD_MOVES),
        ("副本", states.COPY_STATES, states.COPY_MOVES),
        ("归档信息包", ingest.SUBMISSION_STATES, ingest.SUBMISSION_MOVES),
        ("鉴定", retention.APPRAISAL_STATES, retention.APPRAISAL_MOVES),
        ("销毁清册", retention.REGISTER_STATES, retention.REGISTER_MOVES),
        ("清册的行", retention.ROW_STATES, retention.ROW_MOVES),
    ]
    return [
        _table(
            f"**{name}**",
            ("状态", "名称", "可以变为"),
            [
                (_code(state), word, _code(*(s for s in words if s in moves[state])) or "—")
                for state, word in words.items()
            ],
        )
        for name, words, moves in tables
    ]


def _roles() -> list[str]:
    from archive import permissions

    return _table("", ("角色", "名称"), [(_code(code), name) for code, name in permissions.ROLES.items()])


def _actions() -> list[str]:
    from archive import permissions

    rows = [
        (
            _code(code),
            entry.name,
            "、".join(name for role, name in permissions.ROLES.items() if role in entry.roles),
        )
        for code, entry in sorted(permissions.actions().items())
    ]
    return _table("", ("权限", "名称", "谁可以"), rows)


def _events() -> list[str]:
    from archive import audit

    rows = [(_code(code), sentence) for code, sentence in sorted(audit.sentences().items())]
    return _table("变更账（逐件成链）", ("动作", "句子"), rows)


def _accesses() -> list[str]:
    from archive import audit

    return _table("利用账", ("动作", "句子"), [(_code(c), s) for c, s in sorted(audit.ACCESSES.items())])


def _errors() -> list[str]:
    from archive.errors import ArchiveError

    for room in ROOMS:
        package = importlib.import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not re.search(r"\.migrations|\.probes\.|\.child$|\.wsgi$", found.name):
                importlib.import_module(found.name)
    rows = {(error.code, error.status, error.sentence) for error in _all_below(ArchiveError)}
    return _table(
        "", ("代码", "HTTP", "句子"), [(_code(code), status, said) for code, status, said in sorted(rows)]
    )


def _all_below(kind: type) -> Iterator[type]:
    for below in kind.__subclasses__():
        if below.__module__.split(".")[0] in ROOMS:
            yield below
        yield from _all_below(below)


def _items() -> list[str]:
    """DA/T 70's own items: who answers each, and the test files that hold it."""
    from archive.inspection.items import ITEMS

    sources = {path: path.read_text() for path in sorted(TESTS.rglob("test_*.py"))}
    rows = []
    for item in ITEMS:
        pattern = re.compile(rf"\b{item.check}\b")
        named = [f"{path.parent.name}/{path.name}" for path, text in sources.items() if pattern.search(text)]
        shown = "、".join(_code(name) for name in named[:3]) if item.why == "" or named else ""
        rows.append((_code(item.check), item.name, item.grade, item.answer, item.why, shown))
    return _table(
        "DA/T 70—2018 归档环节的每一项。级：A 为两套以上独立产品一致，B 为一套产品所见，U 为只推知编号。",
        ("编号", "名称", "级", "由谁回答", "不是自动的原因", "测试"),
        rows,
    )


def _checks() -> list[str]:
    from archive import terms
    from archive.inspection.checks import CHECKS

    needs = {"package": "信息包", "submission": "申报", "bag": "任何包", "file": "任何文件"}
    rows = [
        (
            _code(entry.id), terms.PROPERTIES[entry.property], entry.name, "、".join(entry.stages),
            terms.VERDICTS[entry.severity], needs[entry.needs],
        )
        for entry in sorted(CHECKS.values(), key=_in_order)
    ]  # fmt: skip
    return _table(
        "编号 `GD-` 依 DA/T 70—2018，`X-` 是自有的。",
        ("编号", "性质", "名称", "环节", "不合时通常", "检测对象"),
        rows,
    )


def _in_order(entry) -> list:
    return [int(part) if part.isdigit() else -1 for part in entry.id.split("-")[1:]] + [entry.id]


def _other_findings() -> list[str]:
    from archive import terms

    rows = [
        (_code(id), terms.PROPERTIES[property], meaning)
        for id, (property, meaning) in FINDINGS_WITHOUT_CHECK.items()
    ]
    return _table("不属于某一检测项、也会出现在报告里的编号：", ("编号", "性质", "意思"), rows)


def check_ids_in_the_code() -> set[str]:
    """Every text of the product that looks like the id of a finding; those of persons stand in the table of items."""
    from archive.inspection.items import ITEMS, MANUAL

    return {item.check for item in ITEMS if item.answer == MANUAL} | {
        node.value
        for path, tree in modules().items()
        if path.startswith(("archive/inspection/", "ingest/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"(GD-\d+-\d+|X-(?:[A-Z]+|[a-z]+(?:-[a-z]+)*))", node.value)
    }


def _commands() -> list[str]:
    rows = []
    for file in sorted((ROOT / "config" / "management" / "commands").glob("*.py")):
        if file.stem != "__init__":
            command = importlib.import_module(f"config.management.commands.{file.stem}").Command
            rows.append((_code(f"manage.py {file.stem}"), command.help))
    return _table("", ("命令", "做什么"), rows)


def _jobs() -> list[str]:
    from config import schedule

    every = {schedule.HOURLY: "每小时", schedule.DAILY: "每天"}
    rows = [(_code(job.code), job.name, f"{every[job.every]} {job.at:%H:%M}") for job in schedule.JOBS]
    return _table("", ("任务", "名称", "时刻"), rows)


def _triggers() -> list[str]:
    from config.assembly import TRIGGER_RULES

    rows: dict[str, dict[str, list[str]]] = {}
    for rule in TRIGGER_RULES:
        rows.setdefault(rule.table, {"DELETE": [], "UPDATE": []})[rule.event].append(rule.sentence)
    return _table(
        "每次迁移后重装，`manage.py doctor` 比对。",
        ("表", "删除", "修改"),
        [
            (_code(table), "；".join(said["DELETE"]), "；".join(said["UPDATE"]))
            for table, said in sorted(rows.items())
        ],
    )


def _system_checks() -> list[str]:
    """(id, sentence) of every message of config/checks.py; what is filled in at run time stands as …"""
    found = {}
    for node in ast.walk(modules()["config/checks.py"]):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("error", "warning")
        ):
            number, message = node.args[:2]
            if isinstance(number, ast.Constant):
                letter = {"error": "E", "warning": "W"}[node.func.id]
                found[f"archive.{letter}{number.value:03d}"] = _said(message)
    return _table(
        "`E` 不改正不能启动，`W` 只是提醒。",
        ("编号", "句子"),
        [(_code(id), said) for id, said in sorted(found.items())],
    )


def _said(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_said(part) for part in node.values)
    return "…"


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    PATH.write_text(text())
    print(f"{PATH.relative_to(ROOT)}: {len(PATH.read_text().splitlines())} lines")


if __name__ == "__main__":
    main()
