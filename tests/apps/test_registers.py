"""销毁清册: who may stand in it, what an edition is, and what happens when rows leave."""

import io
from datetime import timedelta

import pypdfium2
import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from openpyxl import load_workbook

from archive import fonds_file
from archive.errors import NotAllowed, NotFound, WrongInput, WrongState
from archive.identifiers import new_id
from archive.models import Block, Copy, Determination, Event, Paper, Record
from retention import editions, holds, listing, registers
from retention.models import Register, RegisterRow
from tests import filed
from tests.registers import KEY, RECEIPT, SYSTEM, fresh, rows

pytestmark = pytest.mark.django_db(databases="__all__")


def hold(house, *held, reason="诉讼"):
    holds.place(
        house.fonds, "record", records=[record.pk for record in held], reason=reason, authority="法院〔2026〕1号",
        actor=house.manager,
    )  # fmt: skip


def follow_holds():
    while registers.drain(actor=SYSTEM):
        pass


# Who may stand in it


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda house, record: house.appraised([record], "extend"), "结论不是同意销毁"),
        (lambda house, record: Record.objects.filter(pk=record.pk).update(due_on="2999-01-01"), "保管期限未满"),
        (lambda house, record: Determination.objects.create(
            key=KEY, kind="provisional", period="10", basis="x", decided_at=timezone.now(), decided_by_name="x"
        ), "未经档案负责人确认"),
        (lambda house, record: hold(house, record), "暂缓销毁"),
        (lambda house, record: Block.objects.create(
            record=record, kind="loan", reference=new_id(), reason="借给稽核科", placed_at=timezone.now()
        ), "借出未还"),
        (lambda house, record: Copy.objects.filter(object__record=record).update(state="failed"), "还有副本没有写好"),
        (lambda house, record: Record.objects.filter(pk=record.pk).update(state="disposing"), "销毁执行中"),
    ],
)  # fmt: skip
def test_what_may_not_be_destroyed_is_not_listed_and_the_reason_is_said(house, spoil, reason):
    good, bad = house.due(2)
    spoil(house, bad)
    with pytest.raises(registers.NotListed, match=reason) as refused:
        house.draft([good, bad])
    assert str(bad.pk) in refused.value.fields["reasons"]
    assert not Register.objects.exists()


def test_a_record_that_was_never_appraised_is_not_listed(house):
    (record,) = house.due()
    other = filed.a_record(house.stores, formed_on=record.formed_on, retention="10")
    with pytest.raises(registers.NotListed, match="没有经过鉴定"):
        house.draft([other])


def test_a_record_stands_in_one_live_register(house):
    (record,) = house.due()
    first = house.draft([record])
    with pytest.raises(registers.NotListed, match=str(first)):
        house.draft([record])
    with pytest.raises(IntegrityError), transaction.atomic():
        other = Register.objects.exclude(pk=first.pk).get()
        RegisterRow.objects.create(register=other, record=record, position=9)
    registers.withdraw(first.pk, "重新编制", actor=house.manager)
    assert rows(house.draft([record])) == {1: "listed"}


def test_only_who_may_make_registers_in_this_fonds_makes_one(house):
    found = house.due()
    for actor in (house.head, house.one, filed.an_actor("manager", fonds=filed.a_fonds("D020"))):
        with pytest.raises(NotAllowed):
            registers.make(house.fonds, found, "清册", actor=actor)
    with pytest.raises(NotAllowed, match="系统不能代办"):
        registers.make(house.fonds, found, "清册", actor=SYSTEM)


def test_records_of_another_fonds_and_empty_lists_are_refused(house):
    other = filed.a_record(house.stores, fonds=filed.a_fonds("D020"))
    with pytest.raises(NotFound):
        registers.make(house.fonds, [other], "清册", actor=house.manager)
    with pytest.raises(WrongInput, match="一个全宗"):
        registers.make(house.fonds, [other], "清册", actor=SYSTEM)
    with pytest.raises(WrongInput, match="没有选择"):
        registers.make(house.fonds, [], "清册", actor=house.manager)


def test_a_long_list_enters_in_parts_and_in_the_order_of_its_codes(house, monkeypatch):
    monkeypatch.setattr(listing, "CHUNK", 2)
    found = house.due(5)
    register = house.frozen(list(reversed(found)))
    listed = register.rows.order_by("position").values_list("position", "record__reference_code")
    assert list(listed) == [(n, record.reference_code) for n, record in enumerate(found, 1)]


# Editions


def test_a_frozen_register_has_the_columns_the_digest_and_both_papers(house):
    (record,) = house.due(1, title="某某公司增员", document_no="东社保〔2008〕3号", responsible="参保登记科")
    register = house.frozen([record])
    edition, row = register.editions.get(), register.rows.get()
    assert set(row.columns) == set(listing.COLUMNS)
    assert (row.columns["序号"], row.columns["文件题名"], row.columns["档号"]) == (
        1,
        "某某公司增员",
        record.reference_code,
    )
    assert (row.columns["应保管期限"], row.columns["密级"]) == ("10年", "内部")
    assert row.columns["已保管期限"] == f"{timezone.localdate().year - 2009}年"
    assert f"鉴定〔{timezone.localdate().year}〕1号同意销毁" in row.columns["销毁原因"]
    assert (edition.digest, 1) == editions.digest_of(register, 1)
    with pypdfium2.PdfDocument(fonds_file.open_paper(edition.printed, actor=SYSTEM).read()) as printed:
        cover = "".join(printed[0].get_textpage().get_text_range().split())
    for words in ("全宗" + str(house.fonds).replace(" ", ""), "销毁档案数量1件，2页", record.reference_code):
        assert words in cover, words
    assert {edition.printed.about, edition.sheet.about} == {f"register:{register.pk}"}
    assert Event.objects.filter(
        subject=str(register.pk), action="register.frozen", data__digest=edition.digest
    ).exists()


def test_the_spreadsheet_holds_the_columns_and_no_formula(house):
    register = house.frozen(house.due(1, title="=HYPERLINK(1)"))
    content = fonds_file.open_paper(register.editions.get().sheet, actor=SYSTEM).read()
    head, line = load_workbook(io.BytesIO(content)).active.iter_rows()
    assert tuple(cell.value for cell in head) == listing.COLUMNS
    assert (line[1].value, line[1].data_type) == ("=HYPERLINK(1)", "s")


@pytest.mark.parametrize(
    ("column", "value"),
    [("columns", {}), ("objects_digest", "0" * 64), ("position", 7), ("register_id", new_id())],
)
def test_what_is_frozen_never_changes(house, column, value):
    register = house.frozen()
    with pytest.raises(DatabaseError), transaction.atomic():
        register.rows.update(**{column: value})
    with pytest.raises(DatabaseError), transaction.atomic():
        register.editions.update(digest="0" * 64)


def test_a_register_that_was_tampered_with_is_found(house, without_triggers):
    register = house.frozen(house.due(2))
    assert editions.faults(register) == []
    row = register.rows.first()
    row.columns["档号"] = "X"
    RegisterRow.objects.filter(pk=row.pk).update(columns=row.columns)
    assert editions.faults(register) == ["第 1 版与定稿时的摘要不符"]


def test_freezing_refuses_what_has_changed_since_it_entered(house):
    one, two = house.due(2)
    register = house.draft([one, two])
    Record.objects.filter(pk=one.pk).update(title="更正后的题名")
    with pytest.raises(registers.NotListed, match="更正后的题名"):
        registers.freeze(register.pk, actor=house.manager)
    registers.take_out(
        register.pk, {register.rows.get(record=one).pk: "题名已更正，另行列册"}, actor=house.manager
    )
    assert registers.freeze(register.pk, actor=house.manager).count == 1


def test_what_a_kill_has_left_unprinted_is_printed_later(house, monkeypatch):
    from retention import register_papers

    def killed(*_, **__):
        raise KeyboardInterrupt

    register = house.draft()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(register_papers, "register_pdf", killed)
        registers.freeze(register.pk, actor=house.manager)
    with pytest.raises(WrongState, match="正在打印"):
        house.file(fresh(register))
    assert register_papers.print_waiting(actor=SYSTEM) == 1
    assert house.file(fresh(register)).state == "filed"
    assert register_papers.print_waiting(actor=SYSTEM) == 0


# Filing


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"filing_no": " "}, "备案号"), ({"filed_with": ""}, "备案机关"), ({"receipt": b""}, "回执"),
        ({"receipt": b"<html>", "receipt_mime": "text/html"}, "回执"),
        ({"filed_on": timezone.localdate() + timedelta(days=2)}, "备案日期"),
        ({"filed_on": timezone.localdate() - timedelta(days=2)}, "备案日期"),
    ],
)  # fmt: skip
def test_a_filing_needs_authority_number_date_and_receipt(house, changed, field):
    register = house.frozen()
    values = {"filed_with": "人社局", "filing_no": "7", "filed_on": timezone.localdate(), "receipt": RECEIPT}
    with pytest.raises(WrongInput, match=field):
        registers.file_with_authority(register.pk, **(values | changed), actor=house.manager)
    assert fresh(register).state == "frozen"


def test_the_filing_stands_on_the_edition_with_its_receipt(house):
    register = house.filed()
    edition = register.editions.get()
    assert (register.state, edition.filing_no) == ("filed", "人社备〔2026〕7号")
    assert edition.receipt.kind == "备案回执" and edition.filed_by_id == house.manager.id
    with pytest.raises(DatabaseError), transaction.atomic():
        register.editions.update(filing_no="8")


# Rows that leave


@pytest.mark.parametrize(
    ("state", "after"),
    [("frozen", "frozen"), ("filed", "frozen"), ("approved", "refiling"), ("supervised", "refiling")],
)
def test_a_hold_before_the_execution_makes_a_new_edition_that_is_filed_again(house, state, after):
    one, two = house.due(2)
    register = getattr(house, state)([one, two])
    hold(house, one)
    follow_holds()
    register = fresh(register)
    assert (register.state, register.edition) == (after, 2)
    assert rows(register) == {1: "kept", 2: "listed"}
    left = register.rows.get(record=one)
    assert left.left_edition == 2 and "诉讼" in left.left_reason
    first, second = register.editions.order_by("number")
    assert (first.count, second.count) == (2, 1) and first.digest != second.digest
    assert second.printed and second.sheet and not second.filed_on
    assert register.supervisor_one is None and register.supervisor_two is None
    register = house.file(register, "人社备〔2026〕8号")
    assert register.state == ("filed" if after == "frozen" else "approved")
    assert editions.faults(register) == []


def test_a_hold_that_catches_everything_ends_the_register(house):
    for state in ("draft", "filed", "supervised"):
        (record,) = house.due()
        register = getattr(house, state)([record])
        hold(house, record)
        follow_holds()
        assert fresh(register).state == ("draft" if state == "draft" else "withdrawn")
        assert rows(register) == {1: "kept"}


def test_a_hold_that_has_ended_before_anybody_followed_takes_nothing_out(house):
    (record,) = house.due()
    register = house.filed([record])
    hold(house, record)
    holds.end(holds.Hold.objects.get(), "撤诉", actor=house.manager)
    follow_holds()
    assert (fresh(register).state, rows(register)) == ("filed", {1: "listed"})


def test_what_leaves_needs_a_reason_and_must_be_there(house):
    register = house.draft(house.due(2))
    first = register.rows.first()
    with pytest.raises(WrongInput, match="理由"):
        registers.take_out(register.pk, {first.pk: " "}, actor=house.manager)
    with pytest.raises(WrongInput, match="不在这一册里"):
        registers.take_out(register.pk, {first.pk + 1000: "x"}, actor=house.manager)
    assert rows(register) == {1: "listed", 2: "listed"}


def test_after_freezing_only_the_head_or_a_hold_takes_rows_out(house):
    register = house.frozen(house.due(2))
    with pytest.raises(WrongState):
        registers.take_out(register.pk, {register.rows.first().pk: "x"}, actor=house.manager)


def test_withdrawing_ends_before_the_approval(house):
    register = house.filed()
    registers.withdraw(register.pk, "材料不全", actor=house.manager)
    assert fresh(register).end_reason == "材料不全" and rows(register) == {1: "kept"}
    with pytest.raises(WrongState):
        registers.withdraw(house.approved().pk, "x", actor=house.manager)


def test_whoever_is_slower_is_told_that_it_has_changed(house):
    register = house.frozen()
    stale = fresh(register)
    house.file(register)
    with transaction.atomic(), pytest.raises(editions.Changed):
        editions.locked(stale, "登记备案")


@pytest.mark.parametrize("to", ["executed", "executing", "approved", "filed"])
def test_the_database_refuses_a_state_out_of_order(house, to):
    register = house.draft()
    with pytest.raises(DatabaseError), transaction.atomic():
        Register.objects.filter(pk=register.pk).update(
            state=to, approved_by=register.requested_by, executed_by=register.requested_by
        )


def test_every_step_lies_in_the_fonds_file_and_in_the_ledger(house):
    register = house.execute(house.supervised())
    kinds = list(
        Paper.objects.filter(about=f"register:{register.pk}")
        .order_by("number")
        .values_list("kind", flat=True)
    )
    assert kinds == ["销毁清册", "销毁清册（电子表格）", "备案回执", "销毁执行记录"]
    said = Event.objects.filter(kind="register", subject=str(register.pk)).order_by("sequence")
    assert list(said.values_list("action", flat=True)) == [
        "register.made", "register.frozen", "register.filed", "signature.given", "register.approved",
        "signature.given", "register.supervised", "signature.given", "register.supervised", "register.started",
        "register.executed",
    ]  # fmt: skip
