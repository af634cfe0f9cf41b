"""The second half of a life in the demonstration: a class confirmed, a group; one finished destruction with its papers,
one register that waits for the head and one for its two supervisors; one hold, one appraisal under way. Everybody finds
something in his 待办. All of it by the system's own verbs, each by the person whose part it is.

The Dalian inspections were formed 2009 to 2015 and kept for ten years: they are truly due. Each step looks first
whether it is done, so a second run does nothing and an interrupted one goes on; what somebody has meanwhile done by
hand is left as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet
from django.utils import timezone

from archive import audit, determinations
from archive.models import Fonds, Record, User
from archive.permissions import Actor
from config.demonstration import forms
from config.demonstration.pages import Page
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
OPEN = "2012–2013 年社会保险登记证年检材料"


@dataclass(frozen=True)
class Case:
    """Some inspections, let go by an appraisal, in a register that is brought as far as `until`."""

    title: str
    count: int
    until: str


CASES = (
    Case("2009–2010 年社会保险登记证年检材料", 3, "executed"),
    Case("2011 年社会保险登记证年检材料", 3, "filed"),
    Case("2012 年社会保险登记证年检材料", 2, "approved"),
)
BASIS = "人社部令第3号附件第一类第（四）项，与原文核对"
NO_VALUE = "年检结果已登记在册，材料已无查考价值"


def decide(say: Say, actor: Actor) -> None:
    """`actor`: the system, for what the worker would do. Does nothing where the inspections are not filed."""
    fonds = Fonds.objects.get(code=FONDS_OF_DECISIONS)
    rows = Record.objects.visible_to(actor.scope("record.read"))
    rows = rows.filter(fonds=fonds, item="registration-inspection").order_by("formed_on", "number")
    _confirm_class(rows)
    due = rows.filter(due_on__lte=timezone.localdate())
    if not due.exists():
        return
    group = _group(fonds)
    for case in CASES:
        _bring(case, due, group, say, actor)
    if not Hold.objects.filter(fonds=fonds).exists() and (free := _free(due)):
        _hold(fonds, free[-1])
    _lay(OPEN, 3, due, group)
    if begun := Appraisal.objects.filter(title=OPEN, state="open").first():
        _speak(begun, "leader", "同意销毁；" + NO_VALUE)


def _free(due: QuerySet[Record]) -> list[Record]:
    """Those that nobody has decided about, the oldest first."""
    return list(due.filter(appraisal_items=None, blocks=None, state="archived"))


def _lay(title: str, count: int, due: QuerySet[Record], group: Group) -> None:
    """Lay the oldest free ones before the group, once."""
    free = _free(due)[:count]
    if len(free) == count and not Appraisal.objects.filter(title=title).exists():
        appraisal.open_appraisal([row.pk for row in free], group, title, actor=_as("dangan"))


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


def _bring(case: Case, due: QuerySet[Record], group: Group, say: Say, actor: Actor) -> None:
    if not Appraisal.objects.filter(title=case.title).exists():
        say(f"正在办理鉴定和清册：{case.title}…")
    _lay(case.title, case.count, due, group)
    _finish_appraisal(case.title)
    _bring_register(case, actor)


def _finish_appraisal(title: str) -> None:
    found = Appraisal.objects.filter(title=title, state="open").select_related("group").first()
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


def _sheet(title: str, line: str, who: str, seal: str = "") -> bytes:
    foot = {"签署人": who, "日期": f"{timezone.localdate()}"}
    return forms.set_pages([Page(kind="letter", title=title, note=line, foot=foot, seal=seal)])[0]


# --- one register, as far as it is to go ------------------------------------------------------------------------------


def _bring_register(case: Case, actor: Actor) -> None:
    decided = Appraisal.objects.filter(title=case.title, state="decided").select_related("fonds").first()
    if decided is None:
        return
    register = Register.objects.filter(fonds=decided.fonds, title=case.title).first()
    if register is None:
        rows = Record.objects.visible_to(actor.scope("register.make"))
        records = rows.filter(appraisal_items__appraisal=decided, appraisal_items__result="destroy")
        register = registers.make(decided.fonds, records, case.title, actor=_as("dangan"))
    pk, names = register.pk, list(STEPS)
    before = names[: names.index(case.until)] if case.until in names else names
    while (state := Register.objects.get(pk=pk).state) in before:
        STEPS[state](pk)
    if state == "executing" and case.until == "executed":
        execution.work(actor=actor)


def _file(pk) -> None:
    register = Register.objects.get(pk=pk)
    receipt = _sheet("备案回执", f"{register}已收，准予备案。", AUTHORITY[1], seal=AUTHORITY[1])
    registers.file_with_authority(
        pk, filed_with=AUTHORITY[1], filing_no=f"大人社备〔2026〕{34 + register.number}号", filed_on=timezone.localdate(),
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
