"""The second half of a life in the demonstration: a class confirmed, a group, one finished destruction with its papers, one
hold, one appraisal under way. All of it by the system's own verbs, each by the person whose part it is.

The Dalian inspections were formed 2009 to 2015 and kept for ten years: they are truly due. Each step looks first
whether it is done, so a second run does nothing and an interrupted one goes on.
"""

from collections.abc import Callable
from datetime import date

from django.utils import timezone

from archive import audit, determinations
from archive.models import Fonds, Record, User
from archive.permissions import Actor
from config.demonstration import light
from config.demonstration.staff import AUTHORITY, FONDS_OF_DECISIONS, GROUP
from retention import (
    appraisal,
    approval,
    execution,
    groups,
    holds,
    opinions,
    persons,
    registers,
    signing,
    supervision,
)
from retention.models import Appraisal, Group, Hold, Member, Opinion, Register

Say = Callable[[str], None]
DONE, OPEN = "2009–2011 年社会保险登记证年检材料", "2012–2013 年社会保险登记证年检材料"
LEAST = 7
"""Inspections that must be due: three destroyed, three before the group, one held."""
BASIS = "人社部令第3号附件第一类第（四）项，与原文核对"
NO_VALUE = "年检结果已登记在册，材料已无查考价值"


def decide(say: Say, actor: Actor) -> None:
    """`actor`: the system, for what the worker would do. Does nothing where the inspections are not filed."""
    fonds = Fonds.objects.get(code=FONDS_OF_DECISIONS)
    rows = Record.objects.visible_to(actor.scope("record.read"))
    rows = rows.filter(fonds=fonds, item="registration-inspection").order_by("formed_on", "number")
    due = list(rows.filter(due_on__lte=timezone.localdate()))  # the destroyed too: their places stay theirs
    _confirm_class(rows)
    if len(due) < LEAST:
        return
    group = _group(fonds)
    if not Appraisal.objects.filter(title=DONE).exists():
        say("正在办理一次鉴定和销毁…")
        appraisal.open_appraisal([row.pk for row in due[:3]], group, DONE, actor=_as("dangan"))
    _finish_appraisal()
    _finish_register(actor)
    if not Hold.objects.filter(fonds=fonds).exists():
        _hold(fonds, due[-1])
    begun = Appraisal.objects.filter(title=OPEN).first()
    if begun is None:
        begun = appraisal.open_appraisal([row.pk for row in due[3:6]], group, OPEN, actor=_as("dangan"))
    _speak(begun, "leader", "同意销毁；" + NO_VALUE)


def _as(username: str) -> Actor:
    return Actor.of(User.objects.get(username=username), address="127.0.0.1")


def _confirm_class(rows) -> None:
    for key in rows.order_by().values_list("retention_key", flat=True).distinct():
        if not determinations.settled(key, date(2015, 12, 31)):
            determinations.confirm(key, basis=BASIS, actor=_as("fuze"))


def _group(fonds: Fonds) -> Group:
    found = Group.objects.filter(fonds=fonds, dissolved_on=None).first()
    if found:
        return found
    members = [
        (persons.person_of(User.objects.get(username=username)), kind) for username, kind in GROUP.items()
    ]
    members.append((persons.outsider(*AUTHORITY), "authority"))
    return groups.make_group(
        fonds, "业务档案鉴定小组", decree_no="大社险发〔2026〕12号", decreed_on=date(2026, 3, 2),
        members=members, actor=_as("fuze"),
    )  # fmt: skip


# --- one appraisal, to its end ----------------------------------------------------------------------------------------


def _finish_appraisal() -> None:
    found = Appraisal.objects.filter(title=DONE, state="open").select_related("group").first()
    if found is None:
        return
    for kind in GROUP.values():
        _speak(found, kind, NO_VALUE)
    _speak_on_paper(found)
    appraisal.close(found, actor=_as("fuze"))


def _member(found: Appraisal, kind: str) -> Member:
    return found.group.members.select_related("person__user").get(kind=kind)


def _speak(found: Appraisal, kind: str, reason: str) -> None:
    """He opens every record, and signs."""
    member = _member(found, kind)
    if Opinion.objects.filter(appraisal=found, member=member).exists():
        return
    items = list(found.items.select_related("record").order_by("position"))
    actor = _as(member.person.user.username)
    for item in items:
        audit.access(actor=actor, action="record.viewed", record=item.record, purpose="鉴定")
    opinions.give_opinion(
        member, items, "destroy", reason=reason, confirmed=True, actor=actor,
        sample=[item.record_id for item in items],
    )  # fmt: skip


def _speak_on_paper(found: Appraisal) -> None:
    member = _member(found, "authority")
    given = Opinion.objects.filter(appraisal=found, member=member).select_related("signature").first()
    if given is None:
        items = list(found.items.order_by("position"))
        scan = _sheet("鉴定意见签署页", f"{found}：第 1-{len(items)} 件，同意销毁。", AUTHORITY[0])
        given = opinions.enter_opinion(
            member, items, "destroy", reason="同意小组意见", signed_on=timezone.localdate(), scan=scan,
            mime="application/pdf", actor=_as("dangan"), sample=[item.record_id for item in items],
        )  # fmt: skip
    if given.signature.confirmed_at is None:
        signing.confirm_paper(given.signature, actor=_as("fuze"))


def _sheet(title: str, line: str, who: str) -> bytes:
    return light.pdf([[title, line, f"签署人：{who}", f"日期：{timezone.localdate()}"]])


# --- one register, to its end -----------------------------------------------------------------------------------------


def _finish_register(actor: Actor) -> None:
    decided = Appraisal.objects.filter(title=DONE, state="decided").select_related("fonds").first()
    if decided is None:
        return
    register = Register.objects.filter(fonds=decided.fonds).order_by("made_at").first()
    if register is None:
        rows = Record.objects.visible_to(actor.scope("register.make"))
        records = rows.filter(appraisal_items__appraisal=decided, appraisal_items__result="destroy")
        register = registers.make(decided.fonds, records, DONE, actor=_as("dangan"))
    pk = register.pk
    while (state := Register.objects.get(pk=pk).state) in STEPS:
        STEPS[state](pk)
    if state == "executing":
        execution.work(actor=actor)


def _file(pk) -> None:
    receipt = _sheet("备案回执", f"清册 {Register.objects.get(pk=pk)}已收，准予备案。", AUTHORITY[1])
    registers.file_with_authority(
        pk, filed_with=AUTHORITY[1], filing_no="大人社备〔2026〕35号", filed_on=timezone.localdate(),
        receipt=receipt, actor=_as("dangan"),
    )  # fmt: skip


def _supervise(pk) -> None:
    first = Register.objects.get(pk=pk).supervisor_one_id is None
    supervision.sign(pk, confirmed=True, actor=_as("jianyi" if first else "jianer"))


STEPS: dict[str, Callable] = {
    "draft": lambda pk: registers.freeze(pk, actor=_as("dangan")),
    "frozen": _file,
    "filed": lambda pk: approval.approve(pk, confirmed=True, actor=_as("zhuren")),
    "approved": _supervise,
    "supervised": lambda pk: execution.start(
        pk,
        manner="从全部存储中彻底删除电子文件及其副本、转换件和索引，逐件列举证明不存在",
        place="本中心档案机房",
        actor=_as("dangan"),
    ),
}
"""State of a register → what moves it on, and by whom."""


def _hold(fonds: Fonds, record: Record) -> None:
    holds.place(
        fonds, "record", records=[record.pk], actor=_as("dangan"),
        reason="单位参保缴费争议正在诉讼，材料作为证据保全", authority="中山区人民法院协助调查函（2026）辽0202协查18号",
    )  # fmt: skip
