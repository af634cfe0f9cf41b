"""An appraisal comes to its result: minutes, extensions, what is let go; nothing of it is changed afterwards."""

from datetime import date, timedelta

import pypdfium2
import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from archive import audit, extension, fonds_file, permissions, records
from archive.errors import NotAllowed, WrongInput, WrongState
from archive.models import Change, Copy, Event, Paper
from retention import appraisal, places, signing
from retention.models import Appraisal, AppraisalItem, Group, Opinion, OpinionItem
from tests import filed
from tests.appraised import KEY, SYSTEM, Panel, items

pytestmark = pytest.mark.django_db


@pytest.fixture
def panel(stores):
    return Panel(stores)


def in_two_years() -> date:
    return timezone.localdate() + timedelta(days=730)


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


def test_nothing_is_concluded_while_an_opinion_on_paper_waits_for_its_confirmation(panel):
    opened = panel.opened([panel.due_record()])
    panel.all_say(items(opened), "destroy")
    dissent = panel.on_paper(items(opened), "extend", period="30", confirm=False)
    with pytest.raises(WrongState, match="1 份纸质意见待另一人核对"):
        appraisal.close(opened, actor=panel.manager)
    assert "鉴定意见已齐，可以作出结论" not in {todo["label"] for todo in places.todos(panel.manager)}
    signing.confirm_paper(dissent.signature, actor=panel.second)
    assert "鉴定意见已齐，可以作出结论" in {todo["label"] for todo in places.todos(panel.manager)}
    assert appraisal.close(opened, actor=panel.manager).items.get().result == "extend"


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


def test_the_minutes_say_what_each_member_said(panel):
    one, two = panel.due_record(), panel.due_record()
    opened = panel.opened([one, two])
    first, second = items(opened)
    panel.all_say([first, second], "destroy")
    panel.says("business", [second], "extend", period="30")
    closed = appraisal.close(opened, actor=panel.manager)
    text = text_of(fonds_file.open_paper(closed.minutes, actor=SYSTEM).read())
    assert "同意销毁1件；延长至30年1件" in text and text.count("同意销毁2件") == 3
    assert "D019社会保险经办机构2026" not in text and text.count("D019社会保险经办机构") == 4, (
        "place of three, and the foot"
    )


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


def test_many_are_extended_a_step_at_a_time_so_that_nobody_waits_for_all(panel, monkeypatch):
    monkeypatch.setattr(appraisal, "STEP", 2)
    opened = panel.opened([panel.due_record() for _ in range(5)])
    panel.all_say(items(opened), "extend", period="30")
    appraisal.close(opened, actor=panel.manager)
    left = []
    while appraisal.resume(actor=SYSTEM):
        left.append(opened.items.filter(open=True).count())
    assert left == [1, 0]


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
