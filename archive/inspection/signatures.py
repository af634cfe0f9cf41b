"""What the signatures of a file prove: whole, by whom, over all of it, when. Four answers, each of its own. Pure.

A broken signature fails; a signer that cannot be trusted, and parts that nobody signed, are warnings for a person to
judge; without trusted roots the signer is not checked, and a time that only the signer states is not proven.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from .base import Check, Finding, Package
from .faults import shown

ASK = "请由业务系统核对后重新提交。"
TRUST = "请核对签名人；确属可信的机构，请安全保密员把它的根证书加入信任库后重新检测。"


def judged(check: Check, package: Package) -> Iterator[Finding]:
    """The rows of every signature in and beside the files of a package."""
    if not signed(package):
        return
    lists = package.facts.get("revocations", dict)()
    for path, file in package.files.items():
        facts = file.probe.get("signed", ())
        for fact in facts:
            yield from _one(check, path, fact, lists)
        if facts:
            yield from _coverage(check, path, facts, file.probe.get("uncovered", ()))
    for name, facts in package.bag.get("signed", {}).items():
        for fact in facts:
            yield from _one(check, name, fact, lists)


def signed(package: Package) -> bool:
    """Whether there is any signature at all."""
    return bool(package.bag.get("signed")) or any(file.probe.get("signed") for file in package.files.values())


def _coverage(check: Check, path: str, facts: list[dict], missed: Iterable[str]) -> Iterator[Finding]:
    """A PDF's signatures each say how far they reach; an OFD's protect its parts together."""

    def row(verdict: str, message: str, value: str = "") -> Finding:
        return check.finding(
            verdict, f"{path}：{message}", file=path, value=shown(value), rule="签名覆盖范围"
        )

    intact = [fact for fact in facts if fact["integrity"] == "intact"]
    reach = {fact["coverage"] for fact in intact}
    if not intact:
        yield row("not-run", "没有验证有效的签名，覆盖范围未作检测。")
        return
    for fact in intact:
        if fact["coverage"] in ("changed", "partial"):
            where = f"{fact['form']}“{shown(fact['where'])}”" if fact["where"] else fact["form"]
            yield row("failed", f"{where}没有保护整个文件：{fact['coverage_why']}。{ASK}", fact["where"])
    if reach & {"changed", "partial"}:
        return
    if missed := list(missed):
        names = "、".join(missed[:3]) + (f"等 {len(missed)} 处" if len(missed) > 3 else "")
        message = f"有内容不在可依据的签名保护之内（{shown(names)}）。请核对这些内容是不是签名之后加入的。"
        yield row("warning", message, names)
    elif reach == {"revision"}:
        why = "；".join(dict.fromkeys(fact["coverage_why"] for fact in intact))
        message = f"最后一次签名之后文件又有追加（{shown(why)}），追加的部分不在签名保护之内。请核对。"
        yield row("warning", message, why)
    else:
        yield row("passed", "签名覆盖全部内容。")


def _one(check: Check, path: str, fact: dict, lists: dict) -> Iterator[Finding]:
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
        if said := _standing(fact, lists):
            yield row(said[0], "证书未被吊销", f"的{said[1]}。")
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


def _standing(fact: dict, lists: dict) -> tuple[str, str] | None:
    """Verdict and words on whether a certificate of the chain had been revoked when it signed; None where no list of its
    authorities is held. `lists`: see `archive.trust.revocations`."""
    at = datetime.fromisoformat(fact["time"]) if fact["time"] else datetime.now(UTC)
    held = [(one, serial, name) for issuer, serial, name in fact["chain"] for one in lists.get(issuer, ())]
    found: dict[str, list[str]] = {"failed": [], "warning": [], "passed": []}
    for one, serial, name in held:
        until = datetime.fromisoformat(one["next_update"])
        if serial in one["entries"]:
            since = datetime.fromisoformat(one["entries"][serial])
            words = f"证书“{shown(name)}”已在 {since:%Y-%m-%d %H:%M} UTC 被吊销，签名"
            if since <= at:
                found["failed"].append(f"{words}在吊销之后，无效。{ASK.removesuffix('。')}")
            elif fact["time_kind"] != "stamped":
                doubt = "自称在此之前，没有时间戳证明，密钥可能已被他人使用。请由人核对"
                found["warning"].append(words + doubt)
            else:
                found["passed"].append(f"{words}在此之前有时间戳证明，仍然有效")
        elif until < at:
            late = f"证书没有核对是否被吊销：签发机构的吊销列表只用到 {until:%Y-%m-%d}，早于签名时间"
            found["warning"].append(f"{late}。请安全保密员更新吊销列表后重新检测")
    if not held:
        return None
    verdict = next((verdict for verdict, words in found.items() if words), "passed")
    return verdict, "；".join(dict.fromkeys(found[verdict])) or "证书不在签发机构的吊销列表里"
