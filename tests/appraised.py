"""A house whose records fall due, and a group of four that appraises them, through the product's own verbs.

panel = Panel(stores)                    a group with all four kinds of members; three with accounts, one from outside
record = panel.due_record()              past its ten years, its class settled
appraisal = panel.opened([record])       laid before the group
"""

from datetime import date

from django.utils import timezone

from archive import audit, determinations
from archive.models import Record, User
from archive.permissions import Actor, system_actor
from retention import appraisal, groups, opinions, persons, signing
from retention.models import Appraisal, AppraisalItem, Group, Member
from tests import filed

SYSTEM = system_actor("测试")
SCAN = b"%PDF-1.7 a signed sheet"


KEY = "item:dongguan/online-increase"


def settle(key: str = KEY, period: str = "10") -> None:
    determinations.determine(key, period, basis="本单位期限表", actor=SYSTEM)
    determinations.confirm(key, basis="人社部令第3号附件", actor=SYSTEM)


def rename(actor: Actor, name: str) -> Actor:
    User.objects.filter(pk=actor.id).update(name=name)
    return Actor.of(User.objects.get(pk=actor.id))


class Panel:
    def __init__(self, stores=None) -> None:
        self.stores = stores
        self.fonds = filed.a_fonds()
        settle()
        self.manager = rename(filed.an_actor("manager"), "钱负责")
        self.archivist = rename(filed.an_actor("archivist"), "孙档案")
        self.second = rename(filed.an_actor("archivist"), "李核对")
        self.leader = rename(filed.an_actor("appraiser"), "周局长")
        self.business = rename(filed.an_actor("appraiser"), "吴业务")
        self.keeper = rename(filed.an_actor("appraiser"), "郑档案")
        self.outsider = persons.outsider("王处长", "市人力资源和社会保障局", "处长")
        self.group = groups.make_group(
            self.fonds,
            "2026年鉴定小组",
            decree_no="社保〔2026〕3号",
            decreed_on=date(2026, 1, 5),
            members=[
                (persons.of(self.leader), "leader"),
                (persons.of(self.business), "business"),
                (persons.of(self.keeper), "archivist"),
                (self.outsider, "authority"),
            ],
            actor=self.manager,
        )
        self.on_screen = {"leader": self.leader, "business": self.business, "archivist": self.keeper}

    def due_record(self, **changed) -> Record:
        values = {"formed_on": date(2008, 5, 4), "retention": "10", "retention_key": KEY}
        return filed.a_record(self.stores, **(values | changed))

    def opened(self, records: list[Record], title: str = "2008年到期档案") -> Appraisal:
        return appraisal.open_appraisal([r.pk for r in records], self.group, title, actor=self.archivist)

    def four(self) -> list:
        """Its members, as a group is made of them."""
        return [(member.person, member.kind) for member in self.group.members.order_by("pk")]

    def another_group(self, members: list | None = None, **changed) -> Group:
        """Of the same four, or of whom is named."""
        values = {
            "decree_no": "社保〔2026〕9号",
            "decreed_on": date(2026, 1, 5),
            "actor": self.manager,
        } | changed
        return groups.make_group(self.fonds, "小组", members=members or self.four(), **values)

    def member(self, kind: str) -> Member:
        return self.group.members.select_related("person__user").get(kind=kind)

    def looks_at(self, kind: str, records: list[Record]) -> None:
        for record in records:
            audit.access(actor=self.on_screen[kind], action="record.viewed", record=record)

    def says(self, kind: str, items: list[AppraisalItem], result: str, **said):
        """This member opens every record and gives his opinion on the screen."""
        records = [item.record for item in items]
        self.looks_at(kind, records)
        values = {"reason": "已无查考价值", "confirmed": True, "sample": [r.pk for r in records]} | said
        return opinions.give_opinion(self.member(kind), items, result, actor=self.on_screen[kind], **values)

    def on_paper(self, items: list[AppraisalItem], result: str, *, confirm: bool = True, **said):
        """The member of the authority signs a sheet; the archivist enters it, and another one confirms it."""
        values = {
            "reason": "同意小组意见",
            "sample": [item.record_id for item in items],
            "signed_on": timezone.localdate(),
            "scan": SCAN + str(len(items)).encode() + result.encode(),
            "mime": "application/pdf",
        }
        opinion = opinions.enter_opinion(
            self.member("authority"), items, result, actor=self.archivist, **(values | said)
        )
        if confirm:
            signing.confirm_paper(opinion.signature, actor=self.second)
        return opinion

    def all_say(self, items: list[AppraisalItem], result: str, **said) -> None:
        for kind in self.on_screen:
            self.says(kind, items, result, **said)
        self.on_paper(items, result, **said)

    def decided(self, records: list[Record], result: str = "destroy", **said) -> Appraisal:
        """All four agree on all of them, and the manager closes."""
        opened = self.opened(records)
        self.all_say(items(opened), result, **said)
        return appraisal.close(opened, actor=self.manager)


def items(opened: Appraisal) -> list[AppraisalItem]:
    return list(opened.items.select_related("record").order_by("position"))
