"""A small archive after simulated years, made by the product's own verbs: two fonds, an extension, a hold placed and one
lifted, a supplement, a destruction, papers, readings. For what must come back when the database is lost.

life = Aged(stores, count=60)      so many records, aged
life.later()                       what happens after a snapshot
"""

from datetime import date

from django.db import transaction

from archive import audit, extension, ledgers, records, seals
from archive.models import Record
from config import worker
from retention import holds
from search.engine import engine
from tests import filed, registers

SYSTEM = registers.SYSTEM
NUMBER = "44190019900307{:04d}"


class Aged:
    def __init__(self, stores, *, count: int = 30, destroyed: int = 3) -> None:
        self.stores = stores
        engine().ensure()
        self.house = registers.House(stores)
        self.fonds, self.other = self.house.fonds, filed.a_fonds("L010", "insurance-stage")
        self.made = 0
        due = [self.record() for _ in range(destroyed)]
        self.young = [self.record(formed_on=date(2019, 12, 10), retention="100") for _ in range(count // 2)]
        self.foreign = [
            self.record(fonds=self.other, formed_on=date(2019, 3, 1), retention="50", source="dalian")
            for _ in range(count - destroyed - len(self.young) - 3)
        ]
        self.extended, self.held = self.record(), self.record()
        self.supplement = self.record(
            formed_on=date(2020, 1, 1), retention="100", relates=((self.young[0].business_no, "补充"),)
        )
        extension.extend(self.extended.pk, "30", basis="鉴定意见", decided_on=date(2026, 1, 5), actor=SYSTEM)
        self.archivist, manager = filed.an_actor("archivist"), filed.an_actor("manager")
        self.standing = self.hold(self.held, manager)
        lifted = self.hold(self.young[1], manager)
        holds.end(lifted, "案件已审结", actor=manager)
        with transaction.atomic():
            self.house.appraised(due)
        self.register = self.house.execute(self.house.supervised(due))
        assert self.register.state == "executed"
        audit.access(actor=self.archivist, action="record.viewed", record=self.young[0])
        self.follow()

    def record(self, **changed) -> Record:
        self.made += 1
        values = {
            "fonds": self.fonds, "formed_on": date(2008, 5, 4), "retention": "10", "retention_key": registers.KEY,
            "contents": (b"%PDF a form " + str(self.made).encode(), b"%PDF a list"),
            "department": filed.a_department(fonds=changed.get("fonds") or self.fonds),
            "handed_in_by": self.house.executor.id,
            "parties": (
                records.NewParty(kind="person", name="张三", id_type="身份证", id_no=NUMBER.format(self.made)),
                records.NewParty(kind="unit", name="某某电子有限公司", uscc="91441900MA4W00000X"),
            ),
            "description": {"fields": {"联系电话": "13800138000", "人数": "3"}},
            "personal": frozenset({"联系电话"}),
        }  # fmt: skip
        return filed.a_record(self.stores, **(values | changed))

    def hold(self, record: Record, actor):
        placed = holds.place(
            self.fonds,
            "record",
            reason="诉讼",
            authority="法院函〔2026〕1号",
            actor=actor,
            records=[record.pk],
        )
        return placed.hold

    def later(self) -> None:
        """Another month: a record filed, one extended, a hold lifted."""
        self.young.append(self.record(formed_on=date(2019, 12, 10), retention="100"))
        extension.extend(
            self.young[2].pk, "永久", basis="鉴定意见", decided_on=date(2026, 2, 5), actor=SYSTEM
        )
        holds.end(self.standing, "案件已审结", actor=filed.an_actor("manager"))
        self.follow()

    def follow(self) -> None:
        """What the worker and the hourly job do."""
        for _ in range(3):
            for follower in worker.FOLLOWERS:
                follower(SYSTEM)
        self.seal()

    def seal(self) -> None:
        seals.seal_ledgers(actor=SYSTEM)
        ledgers.write_pages()
