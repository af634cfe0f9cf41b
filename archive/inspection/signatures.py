"""What the signatures of a file prove: whole, by whom, over all of it, when. Four answers, each of its own. Pure.

A broken signature fails; a signer that cannot be trusted, and parts that nobody signed, are warnings for a person to
judge; without trusted roots the signer is not checked, and a time that only the signer states is not proven.
"""

from collections.abc import Iterator

from .base import Check, Finding, Package
from .faults import shown

ASK = "请由业务系统核对后重新提交。"
TRUST = "请核对签名人；确属可信的机构，请安全管理员把它的根证书加入信任库后重新检测。"


def judged(check: Check, package: Package) -> Iterator[Finding]:
    """The rows of every signature in and beside the files of a package."""
    for path, file in package.files.items():
        for fact in file.probe.get("signed", ()):
            yield from _one(check, path, fact)
        if missed := file.probe.get("uncovered"):
            names = "、".join(missed[:3]) + (f"等 {len(missed)} 处" if len(missed) > 3 else "")
            message = (
                f"{path}：有内容不在任何签名保护之内（{shown(names)}）。请核对这些内容是不是签名之后加入的。"
            )
            yield check.finding("warning", message, file=path, value=shown(names), rule="签名覆盖范围")
        elif file.probe.get("signed"):
            yield check.finding("passed", f"{path}：签名覆盖全部内容。", file=path, rule="签名覆盖范围")
    for name, facts in package.bag.get("signed", {}).items():
        for fact in facts:
            yield from _one(check, name, fact)


def signed(package: Package) -> bool:
    """Whether there is any signature at all."""
    return bool(package.bag.get("signed")) or any(file.probe.get("signed") for file in package.files.values())


def _one(check: Check, path: str, fact: dict) -> Iterator[Finding]:
    what = f"{path}：{fact['form']}" + (f"“{shown(fact['where'])}”" if fact["where"] else "")

    def row(verdict: str, rule: str, message: str, value: str = "") -> Finding:
        return check.finding(verdict, f"{what}{message}", file=path, value=shown(value), rule=rule)

    why = shown(fact["why"]) or "原因不明"
    if fact["integrity"] == "broken":
        yield row("failed", "签名完整性", f"无效：{why}。{ASK}", fact["why"])
        return
    if fact["integrity"] == "unknown":
        yield row("warning", "签名完整性", f"不能验证：{why}。请由人核对。", fact["why"])
        return
    who = shown(fact["signer"]) + (f"，印章“{shown(fact['seal'])}”" if fact["seal"] else "")
    yield row("passed", "签名完整性", f"有效，签名人“{who}”，内容自签名以来没有改动。", fact["signer"])
    if fact["trust"] == "trusted":
        yield row("passed", "签名人可信", f"的签名人“{who}”由受信任的机构“{shown(fact['issuer'])}”认定。")
    elif fact["trust"] == "unknown":
        yield row("not-run", "签名人可信", f"的签名人没有核对：{shown(fact['trust_why'])}。")
    else:
        yield row(
            "warning", "签名人可信", f"的签名人不可信：{shown(fact['trust_why'])}。{TRUST}", fact["signer"]
        )
    if fact["time_kind"] == "stamped":
        yield row("passed", "签名时间", f"的时间 {fact['time']} 有时间戳证明。", fact["time"])
    elif fact["time_kind"] == "claimed":
        yield row(
            "not-run",
            "签名时间",
            f"的时间 {fact['time']} 只是签名人自称，没有时间戳，未作检测。",
            fact["time"],
        )
