"""A place of its own for a bench: an empty data folder, SQLite, one local store. Import it before Django's settings.

Prints are JSON lines on standard output: `row(...)`. The runner (python -m tests.bench) makes tables of them.
"""

import atexit
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def fresh(keep: Path | None = None) -> Path:
    """A new data folder, in the environment of this process and of its children; gone at exit. Or one that is kept."""
    folder = keep.resolve() if keep else Path(tempfile.mkdtemp(prefix="archive-bench-"))
    folder.mkdir(exist_ok=True)
    if not keep:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in [name for name in os.environ if name.startswith(("ARCHIVE_", "S3_", "DATABASE_", "CLAMD_"))]:
        del os.environ[name]
    os.environ["ARCHIVE_DATA"] = str(folder / "data")
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    return folder


def manage(*arguments: str) -> subprocess.CompletedProcess:
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(
            f"manage.py {' '.join(arguments)}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done


def row(**fields) -> None:
    print(json.dumps(fields, ensure_ascii=False), flush=True)


class Cost:
    """Seconds of the clock, and CPU seconds of this process and of the children that ended in it."""

    def __enter__(self) -> "Cost":
        self._clock, self._cpu = time.perf_counter(), _cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.clock, self.cpu = time.perf_counter() - self._clock, _cpu() - self._cpu


def _cpu() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def p50_p95(values: list[float], digits: int = 1) -> str:
    ordered = sorted(values)
    at = (len(ordered) // 2, min(len(ordered) - 1, int(len(ordered) * 0.95)))
    return " / ".join(f"{ordered[index]:.{digits}f}" for index in at)
