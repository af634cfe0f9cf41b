"""A generated archive of any size, written straight into the tables: for measuring pages and lists only.

Rows are what filing would have written (parties encrypted and hashed, objects, copies, events, submissions), but the
chains of the ledger are not computed and the stores hold no bytes.
"""

import hashlib
import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.utils import timezone

from archive import holdings, numbering, periods, privacy
from archive.identifiers import new_id
from archive.models import (
    Assignment,
    Copy,
    Department,
    DigitalObject,
    Event,
    Fonds,
    ObjectText,
    Record,
    RecordParty,
    User,
)
from archive.permissions import system_actor
from archive.terms import INSURANCES, STAGES
from ingest.models import FindingRow, Submission
from search.documents import document_text
from tests import generated

BATCH = 2000
DEPARTMENTS = 40
FILED = [code for code in INSURANCES if code != "ZO"]
ROLES = ("original", "original", "submission", "report", "manifest")


def fonds(code: str = "D019") -> tuple[Fonds, list[Department]]:
    actor = system_actor("bench")
    made, _ = holdings.make_fonds(code, "东莞市社会保险基金管理中心", actor=actor)
    return made, [
        holdings.department(made, f"第{number}科", actor=actor) for number in range(1, DEPARTMENTS + 1)
    ]


def a_user(username: str, role: str, of: Fonds, departments: list[Department] | None = None) -> User:
    if found := User.objects.filter(username=username).first():
        return found
    user = User.objects.create_user(username, password=None, name=username)
    only = None if departments is None else [one.pk for one in departments]
    Assignment.objects.create(user=user, role=role, fonds=of, departments=only, security=2)
    return user


def a_record(
    dice: random.Random,
    of: Fonds,
    departments: list[Department],
    number: int,
    formed_on: date,
    retention: str,
) -> Record:
    stage = dice.choice(tuple(STAGES))
    insurance = dice.choice(FILED)
    scope = numbering.scope_of(
        fonds=of.code, category="ZY", scheme=of.scheme, insurance=insurance, stage=stage,
        year=formed_on.year, retention=retention,
    )  # fmt: skip
    unit = f"{dice.choice(generated.PLACES)}{dice.choice(generated.TRADES)}{number % 997}有限公司"
    item = dice.choice(generated.ITEMS)
    return Record(
        id=new_id(), fonds=of, reference_code=numbering.code(scope, number), number=number,
        title=f"{unit}{item}{formed_on.year}年{formed_on.month}月", year=formed_on.year, stage=stage,
        insurance=insurance, insurance_codes=f" {insurance} ", formed_on=formed_on, retention=retention,
        retention_key="1-2", due_on=periods.due_on(formed_on, retention), department=dice.choice(departments),
        unit_name=unit, source="dongguan", item="online-increase", item_title=item, business_no=f"B{number:08d}",
        page_count=2, archived_at=datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
        description={"fields": {f"字段{n}": f"值{n}" for n in range(20)}, "lines": [], "process": [], "system": {}},
    )  # fmt: skip


def records_only(count: int, *, start: int = 0, due: int = 0) -> None:
    """`count` records, of which `due` are past their period on 2026-01-01; the others fall due long after."""
    of, departments = fonds()
    dice = random.Random(start)
    batch = []
    for number in range(start + 1, start + count + 1):
        past = number <= start + due
        day = (
            date(2012, 1, 1) + timedelta(days=number % 360)
            if past
            else date(2019, 1, 1) + timedelta(days=number % 2000)
        )
        batch.append(a_record(dice, of, departments, number, day, "10" if past else "100"))
        if len(batch) == BATCH:
            Record.objects.bulk_create(batch)
            batch.clear()
    Record.objects.bulk_create(batch)


def fill(count: int) -> list[UUID]:
    """`count` whole records with everything their pages read, and the index over them. Returns their ids."""
    from search.engine import engine

    of, departments = fonds()
    people = {
        one.pk: a_user(f"clerk{number}", "clerk", of, [one]).pk for number, one in enumerate(departments)
    }
    dice, ids = random.Random(7), []
    engine().ensure()
    for start in range(0, count, BATCH):
        batch = [
            _whole(dice, of, departments, people, number)
            for number in range(start + 1, min(start + BATCH, count) + 1)
        ]
        Record.objects.bulk_create(part[0] for part in batch)
        for model, at in ((RecordParty, 1), (DigitalObject, 2), (ObjectText, 3), (Copy, 4), (Event, 5)):
            model.objects.bulk_create(row for part in batch for row in part[at])
        submissions = [part[6] for part in batch]
        Submission.objects.bulk_create([*submissions, *(_returned(one) for one in submissions[::100])])
        FindingRow.objects.bulk_create(_finding(one) for one in submissions[::10])
        _index([part[0] for part in batch])
        ids += [part[0].pk for part in batch]
    engine().mark_complete()
    engine().settle()
    return ids


def _whole(dice, of: Fonds, departments: list[Department], people: dict, number: int) -> tuple:
    formed_on = date(2009, 1, 1) + timedelta(days=dice.randrange(5800))
    record = a_record(dice, of, departments, number, formed_on, dice.choice(("10", "50", "100", "100")))
    parties = []
    for position in range(dice.choice((1, 1, 2))):
        name, id_no = generated._name(dice, 0.01), generated._number(dice)
        token = privacy.number_token(id_no)
        parties.append(
            RecordParty(
                record=record, kind="person", position=position, name=name, name_key=privacy.normal_name(name),
                id_type="居民身份证", id_no=privacy.encrypt(id_no), id_shown=privacy.mask_number(id_no), id_token=token,
                last_four_token=privacy.name_and_last_four_token(name, id_no), party_key=token,
            )
        )  # fmt: skip
    parties.append(
        RecordParty(record=record, kind="unit", position=len(parties), name=record.unit_name,
                    name_key=record.unit_name, party_key=f"name:{record.unit_name}")
    )  # fmt: skip
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    objects = [
        DigitalObject(
            id=new_id(), record=record, role=role, position=position, path=f"data/{position}.pdf", bytes=80_000, sha256=digest,
            sm3=digest, mime="application/pdf", pages=1 if role == "original" else None, material="参加社会保险人员增减表",
        )
        for position, role in enumerate(ROLES)
    ]  # fmt: skip
    words = "".join(dice.choices(generated.SENTENCES, k=3))
    text, tokens = document_text([f"{record.item_title}表 姓名：{parties[0].name} {words}{generated.COMMON}"])
    texts = [ObjectText(object=objects[0], text=text, tokens=" ".join(tokens))]
    now = timezone.now()
    copies = [
        Copy(
            object=item, store="local", key=f"{of.code}/{record.pk}/{item.pk}", version="v1", state="stored",
            stored_sha256=digest, stored_bytes=80_000, lock_until=now, written_at=now, checked_at=now,
        )
        for item in objects
    ]  # fmt: skip
    events = [
        Event(
            id=new_id(), kind="record", subject=str(record.pk), sequence=sequence, action=action, at=now,
            actor_name="系统", subject_name=record.reference_code, data=data, digest=digest,
        )
        for sequence, (action, data) in enumerate(
            (
                ("record.filed", {"reference_code": record.reference_code, "retention": record.retention}),
                ("record.kept", {"stores": "local"}),
            ),
            1,
        )
    ]  # fmt: skip
    submission = Submission(
        id=new_id(), channel="cli", arrived_as=f"{record.business_no}.zip", received_at=record.archived_at, blob="", blob_bytes=80_000,
        blob_sha256=digest, blob_sm3=digest, source=record.source, item=record.item, business_no=record.business_no,
        received_by_id=people[record.department_id], fonds=of, department_name=record.department.name, title=record.title, handled_on=formed_on, state="archived",
        examined_at=record.archived_at, record=record,
    )  # fmt: skip
    return record, parties, objects, texts, copies, events, submission


def _returned(like: Submission) -> Submission:
    """One in a hundred more came back and has not been handed in again."""
    return Submission(
        id=new_id(), channel="web", arrived_as="r.zip", received_at=like.received_at, received_by_id=like.received_by_id, blob="b",
        blob_bytes=1, blob_sha256="", blob_sm3="", source=like.source, item=like.item, business_no=f"R{like.business_no}",
        fonds=like.fonds, department_name=like.department_name, title=like.title, state="returned", reason="缺少材料。",
        examined_at=like.received_at,
    )  # fmt: skip


def _finding(submission: Submission) -> FindingRow:
    return FindingRow(
        submission=submission,
        position=0,
        check_id="GD-2-3",
        property="integrity",
        verdict="warning",
        message="多出的字段。",
    )


def _index(records: list[Record]) -> None:
    from search.engine import engine
    from search.indexing import documents_of

    engine().put(list(documents_of(records)))
