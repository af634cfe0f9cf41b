"""PDF/A confirmed or refuted by veraPDF, the reference validator: an optional program in Java, asked in batches.

It takes two seconds to start and a fraction of one for a file, so nobody waits for it: filing does not, and `examine`
asks for many files at once. It is asked only about files that claim PDF/A; a claim that it has not judged is not-run.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import confined

BATCH = 32
PROGRAM = "org.verapdf.apps.GreenfieldCliWrapper"
FLAVOUR = re.compile(r"PDF/A-(\d)([A-Za-z]?)")
SECONDS_TO_START, SECONDS_PER_FILE = 60, 20
CONFIRMED, REFUTED, UNKNOWN = "confirmed", "refuted", "unknown"


@dataclass(frozen=True)
class Outcome:
    """`flavour`: "2b", of the profile that was asked; `why`: a Chinese half-sentence, "" when confirmed."""

    state: str
    flavour: str = ""
    why: str = ""


@dataclass(frozen=True)
class VeraPdf:
    """`jar`: the file `greenfield-apps-….jar`."""

    jar: str
    java: str = "java"
    memory_mb: int = 512

    def validate(self, paths: Iterable[Path | str]) -> dict[str, Outcome]:
        """An outcome for every path, whatever happens. The claimed flavour of each file is what it is judged by."""
        asked = [str(Path(path).absolute()) for path in paths]
        found: dict[str, Outcome] = {}
        for start in range(0, len(asked), BATCH):
            found |= self._batch(asked[start : start + BATCH])
        return found

    def _batch(self, asked: list[str]) -> dict[str, Outcome]:
        if not Path(self.jar).is_file():
            return dict.fromkeys(asked, Outcome(UNKNOWN, why="找不到验证程序的文件"))
        seconds = SECONDS_TO_START + SECONDS_PER_FILE * len(asked)
        program = [
            self.java, f"-Xmx{self.memory_mb}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", self.jar,
            PROGRAM, "--format", "json", "--maxfailuresdisplayed", "1", "-f", "0", *asked,
        ]  # fmt: skip
        try:
            answer = json.loads(confined.run(program, seconds=seconds, cpu_seconds=seconds))
            told = {job["itemDetails"]["name"]: _outcome(job) for job in answer["report"]["jobs"]}
        except confined.Failed as fault:
            return self._one_by_one(asked, str(fault))
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._one_by_one(asked, "答复不能读取")
        return {path: told.get(path, Outcome(UNKNOWN, why="没有得到答复")) for path in asked}

    def _one_by_one(self, asked: list[str], why: str) -> dict[str, Outcome]:
        """One file that kills the program must not leave its neighbours unjudged."""
        if len(asked) == 1:
            return {asked[0]: Outcome(UNKNOWN, why=why)}
        return {path: outcome for path in asked for path, outcome in self._batch([path]).items()}


def _outcome(job: Mapping) -> Outcome:
    results = job.get("validationResult") or []
    if not results:
        why = (job.get("taskException") or {}).get("exceptionMessage") or "文件不能解析"
        return Outcome(UNKNOWN, why=f"不能验证：{str(why)[:80]}")
    result = results[0]
    found = FLAVOUR.search(result.get("profileName", ""))
    flavour = (found[1] + found[2].lower()) if found else ""
    if result.get("jobEndStatus") != "normal" or not flavour:
        return Outcome(UNKNOWN, flavour, "验证没有完成")
    if result.get("compliant") is True:
        return Outcome(CONFIRMED, flavour)
    rules = result["details"].get("ruleSummaries") or [{}]
    clause = f"{rules[0].get('specification', 'ISO 19005')} 第 {rules[0].get('clause', '?')} 条"
    more = f"等 {len(rules)} 处" if len(rules) > 1 else ""
    return Outcome(REFUTED, flavour, f"不符合 {clause}{more}")
