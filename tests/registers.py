"""Records that may be destroyed, and registers in every state, made by the product's own verbs (an appraisal by its
rows). Plain functions with small defaults.

house = House(stores)                          a fonds with its people: manager, head, two supervisors, executor
register = house.supervised(house.due(3))      three due records, appraised, listed, filed, approved, compared
"""

from datetime import date

from django.db import transaction
from django.utils import timezone

from archive import determinations, numbering
from archive.models import (
    Access,
    Block,
    ChainHead,
    Copy,
    Counter,
    DigitalObject,
    Event,
    Fonds,
    Paper,
    Record,
    RecordParty,
    Relation,
    Seal,
)
from archive.permissions import system_actor
from retention import approval, execution, persons, register_papers, registers, supervision
from retention.models import (
    Appraisal,
    AppraisalItem,
    Edition,
    Group,
    Hold,
    Member,
    Opinion,
    OpinionItem,
    Person,
    Register,
    RegisterRow,
    Signature,
    Supervision,
)
from tests import filed

SYSTEM = system_actor("测试")
KEY = "item:dongguan/online-increase"
RECEIPT = b"%PDF-1.7 receipt"


class House:
    """One fonds, and everybody who acts in the second half of a record's life, each another person."""

    def __init__(self, stores=None) -> None:
        self.stores = stores
        self.fonds = filed.a_fonds()
        self.manager, self.head = filed.an_actor("manager"), filed.an_actor("approver")
        self.one, self.two = filed.an_actor("supervisor"), filed.an_actor("supervisor")
        self.executor = filed.an_actor("archivist")
        self.appraiser = filed.an_actor("appraiser")
        if not determinations.settled(KEY, date(2009, 12, 31)):
            determinations.determine(KEY, "10", basis="本单位期限表", actor=SYSTEM)
            determinations.confirm(KEY, basis="人社部3号令附件", actor=SYSTEM)

    def due(self, count: int = 1, **changed) -> list[Record]:
        """Records past their period, which an appraisal lets go."""
        values = {
            "formed_on": date(2008, 5, 4),
            "retention": "10",
            "retention_key": KEY,
            "contents": (b"%PDF a form", b"%PDF a list"),
        }
        found = [filed.a_record(self.stores, **(values | changed)) for _ in range(count)]
        self.appraised(found)
        return found

    @transaction.atomic
    def appraised(self, records: list[Record], result: str = "destroy") -> Appraisal:
        """A decided appraisal with one opinion of `appraiser` on each."""
        now = timezone.localtime()
        number = numbering.draw(f"appraisal:{self.fonds.code}:{now.year}")
        group = Group.objects.create(
            fonds=self.fonds, name="鉴定小组", decree_no="社保〔2026〕1号", decreed_on=date(2026, 1, 5)
        )
        person = persons.of(self.appraiser)
        member = Member.objects.create(group=group, person=person, kind="business")
        appraisal = Appraisal.objects.create(
            fonds=self.fonds, group=group, number=number, year=now.year, title="到期档案鉴定", state="decided",
            opened_at=now, opened_by_id=self.manager.id, decided_at=now,
        )  # fmt: skip
        signature = Signature.objects.create(
            person=person, manner="screen", subject=f"appraisal:{appraisal.pk}", meaning="同意", digest="0" * 64,
            signed_on=now.date(), entered_at=now, entered_by_id=self.appraiser.id,
        )  # fmt: skip
        opinion = Opinion.objects.create(
            appraisal=appraisal, member=member, result="destroy", reason="没有继续保存的价值", given_at=now,
            signature=signature,
        )  # fmt: skip
        for position, record in enumerate(records, 1):
            item = AppraisalItem.objects.create(
                appraisal=appraisal, record=record, position=position, open=False, result=result,
                period="30" if result == "extend" else "", reason="没有继续保存的价值", old_period=record.retention,
                old_due_on=record.due_on,
            )  # fmt: skip
            OpinionItem.objects.create(opinion=opinion, item=item)
        return appraisal

    # A register in each state

    def draft(self, records=None) -> Register:
        return registers.make(self.fonds, records or self.due(), "到期业务档案", actor=self.manager)

    def frozen(self, records=None) -> Register:
        register = self.draft(records)
        registers.freeze(register.pk, actor=self.manager)
        register_papers.print_waiting(actor=SYSTEM)  # a long one is left to the worker
        return fresh(register)

    def filed(self, records=None) -> Register:
        return self.file(self.frozen(records))

    def approved(self, records=None) -> Register:
        return self.approve(self.filed(records))

    def supervised(self, records=None) -> Register:
        return self.supervise(self.approved(records))

    def executing(self, records=None) -> Register:
        return self.start(self.supervised(records))

    # Its steps

    def file(self, register: Register, number: str = "人社备〔2026〕7号") -> Register:
        registers.file_with_authority(
            register.pk, filed_with="市人力资源和社会保障局", filing_no=number, filed_on=timezone.localdate(),
            receipt=RECEIPT + number.encode(), actor=self.manager,
        )  # fmt: skip
        return fresh(register)

    def approve(self, register: Register, **left_out) -> Register:
        return approval.approve(register.pk, confirmed=True, actor=self.head, **left_out)

    def supervise(self, register: Register) -> Register:
        supervision.sign(register.pk, confirmed=True, actor=self.one)
        return supervision.sign(register.pk, confirmed=True, actor=self.two)

    def start(self, register: Register) -> Register:
        return execution.start(
            register.pk, manner="逻辑删除并证明不存在", place="本机房", actor=self.executor
        )

    def execute(self, register: Register) -> Register:
        """Start, and let the job come to its end."""
        self.start(register)
        execution.work(actor=SYSTEM)
        return fresh(register)


def go_on(register: Register) -> Register:
    """The job works on until nothing is left that can be done now."""
    execution.work(actor=SYSTEM)
    return fresh(register)


def soon(register: Register) -> None:
    """What was put off is tried again now."""
    register.rows.exclude(locked_until=None).update(locked_until=timezone.now())


def fresh(register: Register) -> Register:
    return Register.objects.select_related("fonds").get(pk=register.pk)


def rows(register: Register) -> dict[int, str]:
    """序号 → state."""
    return dict(register.rows.order_by("position").values_list("position", "state"))


KEPT = [
    Record, DigitalObject, Copy, RecordParty, Relation, Block, Paper, Event, Access, ChainHead, Seal, Counter, Fonds,
    Register, RegisterRow, Edition, Supervision, Signature, Person, Hold, Group, Member, Appraisal, AppraisalItem, Opinion,
    OpinionItem,
]  # fmt: skip
"""Every table of records, objects, parties, copies, registers, approvals and ledgers."""
