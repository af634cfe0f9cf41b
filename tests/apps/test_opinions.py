"""What a member says of records: on screen or on paper, of a sample that was opened, never on his own file."""

from datetime import date, timedelta

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from archive import determinations, extension, fonds_file, records
from archive.errors import NotAllowed, WrongInput, WrongState
from archive.models import Paper
from retention import appraisal, opinions, persons, signing, tally
from retention.models import Opinion, OpinionItem
from tests import filed
from tests.appraised import SCAN, SYSTEM, items

pytestmark = pytest.mark.django_db


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
    other = panel.another_group().members.get(kind="leader")
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


def extend(record, period, decided_on=None):
    decided_on = decided_on or timezone.localdate()
    return extension.extend(record.pk, period, basis="鉴定", decided_on=decided_on, actor=SYSTEM)
