"""人工项: what no program can see. Each cites a person's confirmation that still holds, or waits for one. Pure.

`facts["confirmations"]` holds what the site has recorded for this source, batch and day, by check id:
`{"verdict", "statement", "by", "at", "until", "extent"}`; it is absent where nothing of a site is known (a bare
`examine`), and then nobody was asked: not-run. Never passed without a person.
"""

from collections.abc import Iterator

from .base import Check, Finding, Package, check
from .items import CARRIER, ITEMS, MANUAL

ONLINE = ("web", "api", "cli")
"""Channels without a carrier; a hand-over folder may be a disc that somebody brought."""


def _answer(check: Check, package: Package) -> Iterator[Finding]:
    rule = "人工确认"
    known = package.facts.get("confirmations")
    if known is None:
        yield check.finding("not-run", f"{check.name}：人工项，没有本单位的确认可引用，未检测。", rule=rule)
        return
    if check.id in CARRIER and package.facts.get("channel") in ONLINE:
        yield check.finding("not-run", f"{check.name}：不适用，在线移交，没有载体。", rule=rule)
        return
    cited = known.get(check.id)
    if cited is None:
        message = f"{check.name}：人工待检，没有有效的确认。请档案员核查后在“人工确认”中登记。"
        yield check.finding("manual", message, rule=rule)
        return
    where = f"{cited['by']} {cited['at']} 对{cited['extent']}的确认，有效至 {cited['until']}：{cited['statement']}"
    if cited["verdict"] == "passed":
        yield check.finding("passed", f"{check.name}：引用{where}", rule=rule)
    else:
        message = f"{check.name}：不符合，见{where}。请整改并重新确认后再移交。"
        yield check.finding("failed", message, rule=rule)


for _item in ITEMS:
    if _item.answer == MANUAL:
        check(_item.check, _item.property, _item.name, severity="manual", needs="bag")(_answer)
