"""Measure, and write docs/figures.md: `python -m tests.bench [NAME …]`.

Each bench is a module of this folder that prints JSON lines; rows with the same keys become a table. With names, only
those are measured again and the other sections stay as they are.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.bench.place import ROOT

PATH = ROOT / "docs" / "figures.md"


@dataclass(frozen=True)
class Bench:
    """`bar`: what is to be reached; `leaves_out`: what the number does not tell; `module`: where it is not `name`."""

    name: str
    title: str
    bar: str
    leaves_out: str
    arguments: tuple[str, ...] = ()
    module: str = ""

    @property
    def command(self) -> str:
        return " ".join(["python -m", f"tests.bench.bench_{self.module or self.name}", *self.arguments])


BENCHES = [
    Bench(
        "ingest", "一百个信息包，从 zip 到检索得到", "≤ 10 CPU 秒",
        "没有病毒扫描；对象存储是本机目录，不含网络；信息包只有一两份文件，每份一页。", ("100",),
    ),
    Bench(
        "examine", "检测一个文件", "电子形成的 PDF ≤ 0.03 CPU 秒，四页扫描件 ≤ 0.4 CPU 秒",
        "没有病毒扫描、PDF/A 验证和文字识别；一个进程里依次检测，解析器已经载入。",
    ),
    Bench(
        "memory", "`manage.py serve` 全部进程的内存", "空闲 ≤ 400 MB（PSS）",
        "一个网页进程四个线程；SQLite；没有同时在线的多人。",
    ),
    Bench(
        "pages", "十万件时的列表、检索和档案页", "以后在百万件时 p95 ≤ 100 毫秒",
        "在进程内经 Django 测试客户端，含中间件和模板，不含网络和 gunicorn；页面图像不在内。一次一个请求；其中一万一千件已到期、还没有鉴定：档案员每页的“待办”都在数它们。", ("100000",),
    ),
    Bench(
        "due", "到期扫描：一千件到期，在一万、十万、一百万件之中", "一万与一百万之比 ≤ 1.3，且 < 0.5 秒",
        "SQLite；只有档案的行，没有暂缓。",
    ),
    Bench(
        "search", "检索引擎本身", "以后在百万件时：少见的词 p95 ≤ 20 毫秒，常见的 ≤ 150 毫秒",
        "只是引擎，不含页面；百万件与 PostgreSQL 的数字见 search/README.md。", ("100000",),
    ),
    Bench(
        "fixity", "固化信息核验与空循环之比", "≥ 0.8",
        "本机存储，文件在页缓存里：最不利的情形，因为读盘不花时间；空循环不写任何结果。",
    ),
    Bench(
        "big-file", "一个 2 GB 的文件走完全程所占的内存", "每一步每个进程 ≤ 200 MB（常驻峰值）",
        "两个存储都是本机目录；对真正的 S3 见 tests/services/test_big_files.py（300 MB，同一标准）。", module="big_file",
    ),
    Bench(
        "encryption", "加密的全宗与不加密的全宗之比：存入与读出", "≥ 0.87（代价不超过 15 %）",
        "本机存储，文件在页缓存里：最不利的情形，因为读盘不花时间。存入含数据密钥、移交说明、元数据清单，逐个写盘、回读、解密、取摘要；加密要多取一遍密文的摘要，大文件在第二个核上并行，所以钟表时间的比值好于 CPU 的。",
    ),
    Bench(
        "rebuild", "只凭存储重建目录", "说明每百万件要多少分钟",
        "SQLite、本机存储；每百万件的数字是由两次测量的差推算的。", ("1000", "3000"),
    ),
    Bench(
        "destruction", "销毁两千件（每件两个对象），与同样调用的空循环之比", "≥ 0.6",
        "radosgw、数据库和执行都在同一台机器上；空循环只列举、查询、删除、再列举，前后各跑一半；每件两个对象（文件和清单），各 20 KB。", ("destroy", "2000"), "disposal",
    ),
    Bench(
        "register", "一万件的销毁清册", "PDF ≤ 6 秒、峰值内存 ≤ 1 GB，电子表格 ≤ 3 秒",
        "一个进程，从数据库读到印成；不含存入全宗卷。", ("register", "10000"), "disposal",
    ),
]  # fmt: skip

HEAD = """# 实测数字

`make bench` 重新测量并改写本文件。数字来自共用的机器：钟表时间会受别的工作影响，CPU 时间和比值才作数。
每节写明命令、标准和它没有说的事。
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="、".join(bench.name for bench in BENCHES))
    asked = parser.parse_args()
    unknown = set(asked.names) - {bench.name for bench in BENCHES}
    if unknown:
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    sections, failed = kept(), False
    for bench in BENCHES:
        if asked.names and bench.name not in asked.names:
            continue
        print(f"== {bench.command}", flush=True)
        rows = run(bench)
        failed |= rows is None
        if rows is not None:
            sections[bench.name] = section(bench, rows)
            PATH.write_text(HEAD + "".join(sections.get(bench.name, "") for bench in BENCHES))
    return int(failed)


def run(bench: Bench) -> list[dict] | None:
    command = [sys.executable, *bench.command.split()[1:]]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        rows = []
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("{"):
                rows.append(json.loads(line))
    return rows if process.returncode == 0 and rows else None


def kept() -> dict[str, str]:
    """The sections that the file has, by name."""
    text = PATH.read_text() if PATH.exists() else ""
    parts = re.split(r"(?m)^(?=\n## |## )", text)[1:]
    return {
        bench.name: "\n" + part.strip("\n") + "\n"
        for part in parts
        for bench in BENCHES
        if f"`{bench.command}`" in part
    }


def section(bench: Bench, rows: list[dict]) -> str:
    tables: dict[tuple[str, ...], list[dict]] = {}
    for row in rows:
        tables.setdefault(tuple(row), []).append(row)
    lines = ["", f"## {bench.title}", "", f"`{bench.command}`　标准：{bench.bar}。", ""]
    for keys, some in tables.items():
        lines.append("| " + " | ".join(key.replace("_", " ") for key in keys) + " |")
        lines.append("|" + "---|" * len(keys))
        lines += ["| " + " | ".join(cell(row[key]) for key in keys) + " |" for row in some]
        lines.append("")
    lines += [f"没有说的：{bench.leaves_out}", "", f"{date.today().isoformat()}，{machine()}。", ""]
    return "\n".join(lines)


def cell(value: object) -> str:
    if isinstance(value, list):
        return " / ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def machine() -> str:
    """What matters of it; no names."""
    model = "CPU"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (found := re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())):
        model = found[1].strip()
    import sqlite3

    return f"{os.cpu_count()} 核 {model}，Python {platform.python_version()}，SQLite {sqlite3.sqlite_version}"


if __name__ == "__main__":
    raise SystemExit(main())
