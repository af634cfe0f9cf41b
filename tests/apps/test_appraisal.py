"""鉴定: the order and the persons that the regulation asks for, from the due list to the minutes."""

from datetime import date, timedelta

import pypdfium2
import pytest
from django.conf import settings as django_settings
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from archive import audit, determinations, extension, fonds_file, permissions, records
from archive.errors import NotAllowed, WrongInput, WrongState
from archive.models import Block, Change, Copy, Event, Paper
from retention import appraisal, groups, holds, opinions, persons, signing, tally
from retention.models import Appraisal, AppraisalItem, Group, Opinion, OpinionItem
from tests import filed
from tests.appraised import KEY, SCAN, SYSTEM, Panel, items

pytestmark = pytest.mark.django_db


@pytest.fixture
def panel(stores):
    return Panel(stores)


def in_two_years() -> date:
    return timezone.localdate() + timedelta(days=730)


# The group


def a_group(panel, members, **changed) -> Group:
    values = {
        "decree_no": "社保〔2026〕9号",
        "decreed_on": date(2026, 1, 5),
        "actor": panel.manager,
    } | changed
    return groups.make_group(panel.fonds, "小组", members=members, **values)


def four(panel) -> list:
    return [(member.person, member.kind) for member in panel.group.members.order_by("pk")]


@pytest.mark.parametrize("missing", range(4))
def test_a_group_without_one_of_the_four_kinds_is_refused_and_the_kind_is_named(panel, missing):
    members = four(panel)
    lacking = panel.group.members.order_by("pk")[missing].get_kind_display()
    del members[missing]
    with pytest.raises(WrongInput, match=lacking):
        a_group(panel, members)
    assert a_group(panel, four(panel)).members.count() == 4


def test_one_human_stands_for_one_kind_only(panel):
    members = four(panel)
    with pytest.raises(WrongInput, match="两次"):
        a_group(panel, [*members, (members[0][0], "business")])
    namesake = persons.outsider(members[0][0].name, "市局")
    with pytest.raises(WrongInput, match="两次"):
        a_group(panel, [*members, (namesake, "authority")])


def test_a_group_is_named_by_decree_by_the_manager(panel):
    with pytest.raises(WrongInput, match="文号"):
        a_group(panel, four(panel), decree_no=" ")
    with pytest.raises(WrongInput, match="成立日期"):
        a_group(panel, four(panel), decreed_on=timezone.localdate() + timedelta(days=1))
    with pytest.raises(NotAllowed):
        a_group(panel, four(panel), actor=panel.archivist)
    event = Event.objects.get(action="group.made")
    assert "社保〔2026〕3号" in audit.sentence(event) and "王处长（人社行政部门有关人员）" in audit.sentence(
        event
    )


def test_a_dissolved_group_appraises_no_more_and_one_at_work_is_not_dissolved(panel):
    opened = panel.opened([panel.due_record()])
    with pytest.raises(WrongState, match="未作结论"):
        groups.dissolve(panel.group, actor=panel.manager)
    appraisal.cancel(opened, "重新组织", actor=panel.archivist)
    panel.group = groups.dissolve(panel.group, actor=panel.manager)
    with pytest.raises(WrongState, match="已解散"):
        panel.opened([panel.due_record()])


# What may enter


def refused(panel, *chosen, match) -> appraisal.NotEligible:
    with pytest.raises(appraisal.NotEligible, match=match) as caught:
        panel.opened(list(chosen))
    assert not Appraisal.objects.filter(state="open").exists()
    return caught.value


def test_only_what_is_due_that_day_enters(panel):
    young = panel.due_record(formed_on=timezone.localdate().replace(month=1, day=1))
    permanent = panel.due_record(retention="永久")
    refusal = refused(panel, panel.due_record(), young, permanent, match="起才可鉴定")
    assert set(refusal.fields["reasons"]) == {str(young.pk), str(permanent.pk)}


@pytest.mark.parametrize("known", ["nothing", "provisional", "one source"])
def test_an_unsettled_class_is_refused_by_name_until_the_manager_confirms_it(panel, known):
    key = "item:dongguan/arrears"
    if known == "provisional":
        determinations.determine(key, "10", basis="暂按", provisional=True, actor=SYSTEM)
    elif known == "one source":
        determinations.determine(key, "10", basis="只见一处", actor=SYSTEM)
    record = panel.due_record(retention_key=key)
    refusal = refused(panel, record, match=key)
    assert "档案负责人" in str(refusal) and "确认" in str(refusal)
    determinations.determine(key, "10", basis="本单位期限表", actor=panel.manager)
    determinations.confirm(key, basis="与原附件核对", actor=panel.manager)
    assert panel.opened([record]).items.count() == 1


def test_a_hold_a_loan_or_a_request_keeps_it_out(panel):
    held, lent = panel.due_record(), panel.due_record()
    holds.place(
        panel.fonds, "record", records=[held.pk], reason="诉讼", authority="法院", actor=panel.manager
    )
    refused(panel, held, match="暂缓销毁.*诉讼")
    Block.objects.create(
        record=lent, kind="loan", reference=lent.pk, reason="王某借阅", placed_at=timezone.now()
    )
    refused(panel, lent, match="借出未还")


def test_a_standing_hold_of_a_person_keeps_out_what_was_filed_since(panel):
    party = records.NewParty(kind="person", name="王小明", id_no="441900199003071235")
    first = panel.due_record(parties=(party,))
    key = first.parties.get().party_key
    holds.place(panel.fonds, "person", party_key=key, reason="诉讼", authority="法院", actor=panel.manager)
    refused(panel, panel.due_record(parties=(party,)), match="暂缓销毁")


def test_a_record_is_in_one_open_appraisal_only(panel):
    record = panel.due_record()
    first = panel.opened([record])
    with pytest.raises(appraisal.NotEligible, match="已在鉴定"):
        panel.opened([record])
    with pytest.raises(IntegrityError), transaction.atomic():
        AppraisalItem.objects.create(appraisal=first, record=record, position=9, old_period="10")
    appraisal.cancel(first, "选错了", actor=panel.archivist)
    assert panel.opened([record]).items.count() == 1


def test_what_stands_in_a_live_register_is_not_appraised_again(panel):
    from retention import registers

    record = panel.due_record()
    panel.decided([record])
    registers.make(panel.fonds, [record], "到期档案", actor=panel.manager)
    with pytest.raises(appraisal.NotEligible, match="销毁清册"):
        panel.opened([record])


def test_all_enter_or_none_and_every_reason_is_told(panel):
    good = panel.due_record()
    bad = [panel.due_record(retention_key="item:dongguan/arrears") for _ in range(5)]
    refusal = refused(panel, good, *bad, match="有 5 件")
    assert len(refusal.fields["reasons"]) == 5
    assert appraisal.entry_faults([good, *bad], timezone.localdate()).keys() == {record.pk for record in bad}


def test_an_appraisal_needs_a_title_records_and_somebody_who_may(panel):
    record = panel.due_record()
    with pytest.raises(WrongInput, match="题名"):
        panel.opened([record], title=" ")
    with pytest.raises(WrongInput, match="没有选择"):
        panel.opened([])
    with pytest.raises(NotAllowed):
        appraisal.open_appraisal([record.pk], panel.group, "到期", actor=panel.leader)
    elsewhere = filed.a_record(
        panel.stores, formed_on=date(2008, 1, 1), retention="10", fonds=filed.a_fonds("D020")
    )
    with pytest.raises(WrongInput, match="不在全宗"):
        panel.opened([elsewhere])


def test_appraisals_are_numbered_and_items_keep_period_and_due_date(panel):
    record = panel.due_record()
    opened = panel.opened([record])
    assert str(opened) == f"鉴定〔{timezone.localdate().year}〕1号"
    item = opened.items.get()
    assert (item.position, item.old_period, item.old_due_on) == (1, "10", date(2019, 1, 1))


# Opinions


def test_an_opinion_on_one_record_needs_that_record_opened_since_the_appraisal_began(panel):
    record = panel.due_record()
    panel.looks_at("leader", [record])  # before: does not count
    opened = panel.opened([record])
    (item,) = items(opened)
    give = {"reason": "已无查考价值", "confirmed": True, "actor": panel.leader}
    with pytest.raises(WrongInput, match="还没有打开"):
        opinions.give_opinion(panel.member("leader"), [item], "destroy", **give)
    panel.looks_at("business", [record])  # somebody else: does not count
    with pytest.raises(WrongInput, match="还没有打开"):
        opinions.give_opinion(panel.member("leader"), [item], "destroy", **give)
    panel.looks_at("leader", [record])
    assert opinions.give_opinion(panel.member("leader"), [item], "destroy", **give).sample == [str(record.pk)]


def test_a_group_opinion_states_a_sample_large_enough_and_really_opened(panel, settings):
    settings.GROUP_SAMPLE_PERCENT = 50
    opened = panel.opened([panel.due_record() for _ in range(8)])
    all_items = items(opened)
    chosen = [item.record for item in all_items[:4]]
    give = {"reason": "已无查考价值", "confirmed": True, "actor": panel.leader}

    def say(sample):
        pks = [record.pk for record in sample]
        return opinions.give_opinion(panel.member("leader"), all_items, "destroy", sample=pks, **give)

    with pytest.raises(WrongInput, match="至少打开查看 4 件，现在是 3 件"):
        say(chosen[:3])
    panel.looks_at("leader", chosen[:3])
    with pytest.raises(WrongInput, match="第 4 件.*还没有打开"):
        say(chosen)
    panel.looks_at("leader", chosen[3:])
    with pytest.raises(WrongInput, match="不在这份意见"):
        say([*chosen, panel.due_record()])
    with pytest.raises(WrongInput, match="现在是 3 件"):
        say([*chosen[:3], chosen[0]])  # one twice is one
    opinion = say(chosen)
    assert OpinionItem.objects.filter(opinion=opinion).count() == 8
    assert sorted(opinion.sample) == sorted(str(record.pk) for record in chosen)


def test_the_default_sample_is_five_in_a_hundred():
    assert django_settings.GROUP_SAMPLE_PERCENT == 5


def test_nobody_gives_an_opinion_on_his_own_file_on_screen_or_paper(panel):
    mine = records.NewParty(kind="person", name=panel.leader.name, id_no="441900199003071235")
    theirs = records.NewParty(kind="person", name="王处长")
    opened = panel.opened([panel.due_record(), panel.due_record(parties=(mine, theirs))])
    own, other = sorted(items(opened), key=lambda item: item.record.parties.count(), reverse=True)
    with pytest.raises(NotAllowed, match=f"第 {own.position} 件的当事人.*同名.*安全保密员"):
        panel.says("leader", [own, other], "destroy")
    with pytest.raises(NotAllowed, match="回避"):
        panel.on_paper([own], "destroy")
    panel.says("leader", [other], "destroy")
    panel.on_paper([other], "destroy")
    person = panel.member("leader").person
    persons.identify(person, "441900198003071231", actor=filed.an_actor("secadmin"))
    panel.says("leader", [own], "destroy")  # a namesake, now that the numbers differ


def test_a_record_of_a_members_own_needs_another_of_his_kind(panel):
    mine = records.NewParty(kind="person", name=panel.business.name)
    opened = panel.opened([panel.due_record(parties=(mine,))])
    for kind in ("leader", "archivist"):
        panel.says(kind, items(opened), "destroy")
    panel.on_paper(items(opened), "destroy")
    with pytest.raises(WrongState, match="还缺业务人员的意见"):
        appraisal.close(opened, actor=panel.manager)


def test_only_the_member_himself_speaks_on_the_screen_and_only_members_speak(panel):
    opened = panel.opened([panel.due_record()])
    give = {"reason": "已无查考价值", "confirmed": True}
    panel.looks_at("leader", [items(opened)[0].record])
    with pytest.raises((NotAllowed, WrongInput)):
        opinions.give_opinion(panel.member("leader"), items(opened), "destroy", actor=panel.business, **give)
    with pytest.raises(NotAllowed, match="密码"):
        panel.says("leader", items(opened), "destroy", confirmed=False)
    other = a_group(panel, four(panel)).members.get(kind="leader")
    with pytest.raises(NotAllowed, match="不是.*成员"):
        opinions.give_opinion(other, items(opened), "destroy", actor=panel.leader, **give)
    assert not Opinion.objects.exists()


@pytest.mark.parametrize(
    ("result", "said", "match"),
    [
        ("keep", {}, "应为"),
        ("destroy", {"reason": " "}, "理由"),
        ("destroy", {"period": "30"}, "不带期限"),
        ("extend", {}, "不是可以重新确定的期限"),
        ("extend", {"period": "10"}, "必须比原期限"),
    ],
)
def test_an_opinion_says_what_why_and_for_how_long(panel, result, said, match):
    opened = panel.opened([panel.due_record()])
    with pytest.raises(WrongInput, match=match):
        panel.says("leader", items(opened), result, **said)


def test_an_extension_that_ends_before_the_decision_is_refused(panel):
    opened = panel.opened([panel.due_record(formed_on=date(1970, 1, 1))])
    with pytest.raises(WrongInput, match="2000-12-31"):
        panel.says("leader", items(opened), "extend", period="30")
    panel.says("leader", items(opened), "extend", period="100")


def test_nobody_lets_go_what_the_class_now_keeps_for_longer(panel):
    record = panel.due_record(retention_key="item:dongguan/arrears")
    determinations.determine("item:dongguan/arrears", "50", basis="新期限表", actor=SYSTEM)
    determinations.confirm("item:dongguan/arrears", basis="核对", actor=SYSTEM)
    opened = panel.opened([record])
    with pytest.raises(WrongInput, match="现为50"):
        panel.says("leader", items(opened), "destroy")
    with pytest.raises(WrongInput, match="现为50"):
        panel.says("leader", items(opened), "extend", period="30")
    panel.says("leader", items(opened), "extend", period="50")


def test_the_newest_opinion_of_a_member_counts(panel):
    opened = panel.opened([panel.due_record()])
    panel.all_say(items(opened), "destroy")
    (outcome,) = tally.outcomes(opened).values()
    assert outcome.result == "destroy"
    panel.says("business", items(opened), "extend", period="30")
    (outcome,) = tally.outcomes(opened).values()
    assert (outcome.result, outcome.period) == ("extend", "30")
    panel.says("business", items(opened), "destroy")
    (outcome,) = tally.outcomes(opened).values()
    assert outcome.result == "destroy"


def test_an_opinion_on_paper_counts_once_confirmed_and_keeps_the_scan(panel):
    opened = panel.opened([panel.due_record()])
    for kind in panel.on_screen:
        panel.says(kind, items(opened), "destroy")
    opinion = panel.on_paper(items(opened), "destroy", confirm=False)
    with pytest.raises(WrongState, match="人社行政部门有关人员.*1 份纸质意见待另一人核对"):
        appraisal.close(opened, actor=panel.manager)
    signing.confirm_paper(opinion.signature, actor=panel.second)
    assert appraisal.close(opened, actor=panel.manager).state == "decided"
    paper = Paper.objects.get(kind="纸质签署扫描件")
    assert fonds_file.open_paper(paper, actor=SYSTEM).read().startswith(SCAN)


def test_a_sheet_cannot_be_signed_before_the_appraisal_began(panel):
    opened = panel.opened([panel.due_record()])
    with pytest.raises(WrongInput, match="不能早于"):
        panel.on_paper(items(opened), "destroy", signed_on=timezone.localdate() - timedelta(days=1))


# Closing


def test_every_record_needs_a_result_and_the_missing_are_named(panel):
    opened = panel.opened([panel.due_record(), panel.due_record()])
    one, two = items(opened)
    panel.all_say([one], "destroy")
    panel.says("leader", [two], "destroy")
    with pytest.raises(
        WrongState, match="有 1 件未作结论.*第 2 件还缺业务人员、档案管理人员、人社行政部门有关人员"
    ):
        appraisal.close(opened, actor=panel.manager)
    assert not Paper.objects.filter(kind="鉴定会议纪要").exists()


def test_only_the_manager_closes(panel):
    opened = panel.opened([panel.due_record()])
    panel.all_say(items(opened), "destroy")
    for actor in (panel.archivist, panel.leader, filed.an_actor("manager", fonds=filed.a_fonds("D020"))):
        with pytest.raises(NotAllowed):
            appraisal.close(opened, actor=actor)


def test_one_extending_voice_decides_and_the_record_gets_the_longer_class_from_its_original_start(panel):
    record = panel.due_record()
    opened = panel.opened([record])
    panel.all_say(items(opened), "destroy")
    panel.says("business", items(opened), "extend", period="30", reason="尚有争议")
    panel.says("leader", items(opened), "extend", period="50", reason="涉及历史欠费")
    appraisal.close(opened, actor=panel.manager)
    code = record.reference_code
    record.refresh_from_db()
    assert (record.retention, record.due_on, record.reference_code) == ("50", date(2059, 1, 1), code)
    assert record.formed_on == date(2008, 5, 4)
    item = opened.items.get()
    assert (item.result, item.period, item.reason, item.open) == ("extend", "50", "涉及历史欠费", False)
    assert (item.old_period, item.old_due_on) == ("10", date(2019, 1, 1)), "the old ones stay visible"
    event = Event.objects.get(action="record.extended")
    assert event.data["old_period"] == "10" and "2019-01-01" in event.data["old_due_on"]
    assert "鉴定" in event.data["basis"]


def test_what_is_extended_is_not_due_any_more_and_what_is_let_go_waits_for_a_register(panel):
    kept, gone = panel.due_record(), panel.due_record()
    opened = panel.opened([kept, gone])
    by_record = {item.record_id: item for item in items(opened)}
    panel.all_say([by_record[gone.pk]], "destroy")
    panel.all_say([by_record[kept.pk]], "extend", period="永久")
    appraisal.close(opened, actor=panel.manager)
    kept.refresh_from_db()
    gone.refresh_from_db()
    assert (kept.retention, kept.due_on) == ("永久", None)
    assert (gone.state, gone.retention, gone.due_on) == ("archived", "10", date(2019, 1, 1))


def test_the_locks_of_an_extended_record_grow_and_never_shrink(panel, settings):
    record = filed.a_record(
        panel.stores, formed_on=date(timezone.localdate().year - 11, 5, 4), retention="10", retention_key=KEY
    )
    assert not Copy.objects.filter(object__record=record, lock_until__isnull=False).exists(), (
        "past its end: no date"
    )
    panel.decided([record], "extend", period="30")
    assert Change.objects.filter(topic="locks", subject=record.pk).exists()
    assert extension.drain() == 1
    for copy in Copy.objects.filter(object__record=record):
        held = panel.stores["local"].head(copy.key, copy.version)
        assert held.lock_until == copy.lock_until and copy.lock_until.date() > in_two_years()
        before = copy.lock_until
    settings.LOCK_HORIZON_YEARS = 3  # now less would do
    extension.follow([record.pk])
    assert set(Copy.objects.filter(object__record=record).values_list("lock_until", flat=True)) == {before}


def test_the_minutes_lie_in_the_fonds_file_and_name_everything(panel):
    record = panel.due_record()
    decided = panel.decided([record])
    paper = decided.minutes
    assert (paper.kind, paper.about, paper.mime) == (
        "鉴定会议纪要",
        f"appraisal:{decided.pk}",
        "application/pdf",
    )
    text = text_of(fonds_file.open_paper(paper, actor=SYSTEM).read())
    for word in (
        "档案鉴定会议纪要", record.reference_code, "社保〔2026〕3号", "周局长", "吴业务", "郑档案", "王处长", "纸质签署",
        "屏幕签署", "同意销毁 1 件", "D019 D019社会保险经办机构", "第 1 页", "共 1 页", "打印日期",
    ):  # fmt: skip
        assert word.replace(" ", "") in text, word
    event = Event.objects.get(action="appraisal.closed")
    assert event.data["minutes"] == paper.sha256


def text_of(content: bytes) -> str:
    with pypdfium2.PdfDocument(content) as document:
        pages = [page.get_textpage().get_text_range() for page in document]
    return "".join("".join(pages).split())


def test_an_opinion_that_comes_while_the_minutes_are_printed_stops_the_closing(panel, monkeypatch):
    from retention import minutes

    opened = panel.opened([panel.due_record()])
    panel.all_say(items(opened), "destroy")
    honest = minutes.print_minutes

    def and_meanwhile(*args):
        panel.says("business", items(opened), "extend", period="30")
        return honest(*args)

    monkeypatch.setattr(minutes, "print_minutes", and_meanwhile)
    with pytest.raises(WrongState, match="新的意见"):
        appraisal.close(opened, actor=panel.manager)
    opened.refresh_from_db()
    assert opened.state == "open" and items(opened)[0].result == ""


def test_a_kill_between_the_decision_and_the_extensions_leaves_none_forgotten(panel, monkeypatch):
    some = [panel.due_record() for _ in range(3)]
    opened = panel.opened(some)
    panel.all_say(items(opened), "extend", period="30")

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(appraisal, "_extend", killed)
        with pytest.raises(KeyboardInterrupt):
            appraisal.close(opened, actor=panel.manager)
    opened.refresh_from_db()
    assert opened.state == "decided" and opened.items.filter(open=True).count() == 3
    assert appraisal.resume(actor=SYSTEM) == 1
    assert {records.Record.objects.get(pk=record.pk).retention for record in some} == {"30"}
    assert appraisal.resume(actor=SYSTEM) == 0
    assert Event.objects.filter(action="record.extended").count() == 3


def test_a_closed_or_cancelled_appraisal_takes_no_more(panel):
    decided = panel.decided([panel.due_record()])
    cancelled = appraisal.cancel(panel.opened([panel.due_record()]), "重来", actor=panel.archivist)
    for done in (decided, cancelled):
        with pytest.raises(WrongState):
            panel.says("leader", items(done), "destroy")
        with pytest.raises(WrongState):
            appraisal.close(done, actor=panel.manager)
        with pytest.raises(WrongState):
            appraisal.cancel(done, "撤销", actor=panel.archivist)


def test_cancelling_needs_a_reason_and_keeps_the_opinions(panel):
    opened = panel.opened([panel.due_record()])
    panel.says("leader", items(opened), "destroy")
    with pytest.raises(WrongInput, match="理由"):
        appraisal.cancel(opened, " ", actor=panel.archivist)
    appraisal.cancel(opened, "名单有误", actor=panel.archivist)
    assert Opinion.objects.count() == 1
    assert audit.sentence(Event.objects.get(action="appraisal.cancelled")) == "撤销鉴定：名单有误"


# The extension by itself


@pytest.mark.parametrize(("period", "match"), [("10", ""), ("会计", "不是可以"), ("", "不是可以")])
def test_the_extension_refuses_by_itself_what_is_none(panel, period, match):
    record = panel.due_record()
    if not match:  # the same period again is nothing to do
        assert extend(record, period).revision == record.revision
        return
    with pytest.raises(WrongInput, match=match):
        extend(record, period)


def extend(record, period, decided_on=None):
    decided_on = decided_on or timezone.localdate()
    return extension.extend(record.pk, period, basis="鉴定", decided_on=decided_on, actor=SYSTEM)


def test_the_extension_never_shortens_and_waits_for_no_destroyed_record(panel):
    record = panel.due_record(retention="50", formed_on=date(1960, 1, 1))
    with pytest.raises(WrongInput, match="必须比原期限"):
        extend(record, "30")
    records.move(
        record.pk, "disposing", actor=SYSTEM, action="record.held", data={"hold": "-", "reason": "-"}
    )
    with pytest.raises(WrongState, match="销毁执行中"):
        extend(record, "100")


# The ledger, and the database


def test_the_whole_way_stands_in_the_ledger_of_the_appraisal(panel):
    decided = panel.decided([panel.due_record()])
    told = Event.objects.filter(kind="appraisal", subject=str(decided.pk)).order_by("sequence")
    assert [event.action for event in told] == [
        "appraisal.opened",
        *["signature.given", "opinion.given"] * 3,
        "signature.entered", "opinion.given", "signature.confirmed",
        "appraisal.closed",
    ]  # fmt: skip


@pytest.mark.parametrize("model", [Appraisal, AppraisalItem, Group, Opinion, OpinionItem])
def test_nothing_of_a_decision_can_be_deleted(panel, model):
    panel.decided([panel.due_record()])
    with pytest.raises(DatabaseError), transaction.atomic():
        model.objects.all()._raw_delete("default")


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (Opinion, {"result": "extend"}), (Opinion, {"reason": "别的"}), (Opinion, {"sample": []}),
        (AppraisalItem, {"result": ""}), (AppraisalItem, {"reason": "别的"}), (AppraisalItem, {"old_period": "30"}),
        (Appraisal, {"state": "open"}), (Appraisal, {"number": 9}), (Group, {"decree_no": "别的"}),
    ],
)  # fmt: skip
def test_nothing_of_a_decision_can_be_changed(panel, model, change):
    panel.decided([panel.due_record()])
    with pytest.raises(DatabaseError), transaction.atomic():
        model.objects.update(**change)


def test_every_action_of_an_appraisal_has_a_name_and_somebody_who_may():
    codes = {
        code
        for code in permissions.actions()
        if code.split(".")[0] in ("appraisal", "opinion", "signature", "group")
    }
    assert codes >= {"appraisal.open", "appraisal.close", "opinion.give", "opinion.enter", "group.make"}
