"""What the record page says of decisions: what holds the record, where it stands in a register, what became of it."""

from django.urls import reverse

from archive import object_keys
from archive.models import Record
from archive.permissions import Actor
from archive.templatetags.archive_words import day, moment
from retention import reading as retention_reading
from retention import wording


def gone(record: Record, actor: Actor) -> dict:
    """Of a stub: when it was destroyed, on whose approval, by which register."""
    fate = retention_reading.fate_of(record)
    if fate is None:
        text = f"{day(record.destroyed_at)} 已销毁，只保留目录信息和处置凭证。"
        return {"tone": "info", "title": "已销毁", "text": text, "action": ""}
    done = record.state == "destroyed"
    when = f"{day(fate['at'])} 销毁" if done else "电子文件正在清除"
    by = f"{fate['approved_by']}批准（{day(fate['approved_at'])}），{fate['register_name']}第 {fate['position']} 条"
    action = {"label": "清册", "url": reverse("retention:register", args=[fate["register"].pk])}
    return {
        "tone": "info",
        "title": "已销毁" if done else "销毁中",
        "text": f"{when}，{by}。只保留目录信息、摘要和处置凭证。",
        "action": action if actor.reaches("register.read", record.fonds.code) else "",
    }


def disposal(record: Record, actor: Actor) -> list[dict]:
    """Where the record stands in a register, and what became of it there. Nothing for most records."""
    fate = retention_reading.fate_of(record)
    if fate is None:
        return []
    register, may = fate["register"], actor.reaches("register.read", record.fonds.code)
    url = reverse("retention:register", args=[register.pk]) if may else ""
    filed = "　".join(filter(None, (fate["filed_with"], fate["filing_no"])))
    rows = [
        {"label": "情况", "state": wording.row_chip(fate["state"])},
        {
            "label": "等待",
            "value": f"{fate['fault']}，{moment(fate['locked_until'])} 之后自动再办"
            if fate["locked_until"]
            else "",
        },
        {"label": "清册", "value": f"{fate['register_name']}第 {fate['position']} 条", "url": url},
        {"label": "销毁原因", "value": fate["reason"]},
        {"label": "备案", "value": filed},
        {
            "label": "批准",
            "value": fate["approved_by"] and f"{fate['approved_by']}　{day(fate['approved_at'])}",
        },
        {"label": "监销", "value": "、".join(fate["supervisors"])},
        {"label": "执行", "value": fate["executed_by"]},
        {"label": "方式", "value": fate["manner"]},
        {"label": "地点", "value": fate["place"]},
        {"label": "销毁时间", "value": moment(fate["at"]) if fate["at"] else ""},
        {
            "label": "清除",
            "value": f"{fate['versions']} 个存储版本，已证明不存在" if fate["versions"] else "",
        },
    ]
    rows += [{"label": "随存储退役", "value": f"{words}，未经列举证明"} for words in fate["retired"]]
    if keys := str(object_keys.fate([record.pk])):
        rows.append({"label": "数据密钥", "value": keys})
    paper = fate["certificate"]
    if paper is not None:
        may_read = actor.reaches("paper.read", record.fonds.code)
        link = reverse("retention:paper", args=[paper.pk]) if may_read else ""
        rows.append({"label": "凭证", "value": f"销毁执行记录（全宗卷 {paper.number} 号）", "url": link})
    return [row for row in rows if row.get("state") or row.get("value")]


def holds(record: Record, actor: Actor) -> list[dict]:
    """Every hold that has caught the record, the standing ones first."""
    may = actor.reaches("hold.read", record.fonds.code)
    return [
        {**row, "url": reverse("retention:hold", args=[row["hold"].pk]) if may else ""}
        for row in retention_reading.holds_of(record)
    ]
