"""审计 to read: everything for the auditor, his own fonds for an inspector, nothing for anybody else."""

import pytest
from django.db import transaction
from django.urls import reverse

from archive import audit
from archive.models import Seal
from archive.permissions import ROLES
from tests import filed
from tests.arrived import a_submission
from tests.pages import NUMBER, queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
EVENTS, ACCESSES, SEALS = "/audit/events/", "/audit/accesses/", "/audit/seals/"


def test_the_ledgers_are_open_to_auditor_and_inspector_only():
    for role in ROLES:
        expected = 200 if role in ("auditor", "inspector") else 403
        for url in (EVENTS, ACCESSES, SEALS):
            assert reader(role).get(url).status_code == expected, (role, url)


def test_the_auditor_reads_who_did_what_to_which():
    record = filed.a_record(title="东莞市某某公司张三增员2019年12月")
    audit.access(actor=filed.an_actor("clerk"), action="record.viewed", record=record, purpose="窗口核实")
    html = text(reader("auditor").get(EVENTS))
    assert f"归档：档号 {record.reference_code}" in html and "张三增员" in html
    html = text(reader("auditor").get(ACCESSES))
    assert "查看档案" in html and "窗口核实" in html and record.reference_code in html


def test_an_inspector_reads_his_fonds_and_no_titles():
    mine, theirs = (
        filed.a_record(title="一月增员"),
        filed.a_record(title="二月增员", fonds=filed.a_fonds("L010")),
    )
    for record in (mine, theirs):
        audit.access(actor=filed.an_actor("clerk"), action="record.viewed", record=record)
    package = a_submission(fonds=filed.a_fonds("L010"))
    client = reader("inspector")
    for url in (EVENTS, ACCESSES):
        html = text(client.get(url))
        assert mine.reference_code in html and theirs.reference_code not in html
        assert "增员" not in html and package.business_no not in html


def test_an_inspector_of_one_department_reads_none_because_a_ledger_cannot_be_parted():
    record = filed.a_record()
    client = reader("inspector", departments=[filed.a_department().pk])
    html = text(client.get(EVENTS))
    assert record.reference_code not in html and "没有覆盖整个全宗" in html


def test_events_are_filtered_by_kind_action_person_and_date():
    filed.a_record()
    person = filed.an_actor("clerk")
    with_name = reader("auditor", name="沈审计")  # signing in is an event too
    with transaction.atomic():
        audit.record(actor=person, action="user.signed_out", kind="user", subject=person.id, name="李四")
    kinds = {row["row"].kind for row in with_name.get(EVENTS, {"kind": "user"}).context["rows"]}
    assert kinds == {"user"}
    assert len(with_name.get(EVENTS, {"action": "user.signed_out"}).context["rows"]) == 1
    assert len(with_name.get(EVENTS, {"action": "record.filed"}).context["rows"]) == 1
    assert len(with_name.get(EVENTS, {"who": "李四"}).context["rows"]) == 1
    assert with_name.get(EVENTS, {"until": "2001-01-01"}).context["rows"] == []
    assert len(with_name.get(EVENTS, {"since": "2001-01-01", "kind": "nonsense"}).context["rows"]) >= 2


def test_every_action_can_be_chosen_by_a_word():
    for url in (EVENTS, ACCESSES):
        for action, word in reader("auditor").get(url).context["sieve"].fields["action"].choices:
            assert word.strip() and "{" not in word, action


def test_no_ledger_shows_a_number():
    record = filed.a_record(title=f"张三 {NUMBER} 增员")
    audit.access(
        actor=filed.an_actor("clerk"), action="record.viewed", record=record, purpose=f"核对 {NUMBER}"
    )
    for url in (EVENTS, ACCESSES):
        assert NUMBER not in text(reader("auditor").get(url))


def test_the_pager_walks_through_the_ledger_once():
    for _ in range(60):
        a_submission()
    client, found, url = reader("auditor"), [], EVENTS
    while url:
        response = client.get(url)
        found += [row["row"].pk for row in response.context["rows"]]
        after = response.context["pager"]["next_url"]
        url = EVENTS + after if after else ""
    assert len(found) == len(set(found)) >= 60


def test_the_ledger_costs_the_same_for_one_event_and_for_forty():
    client = reader("auditor")
    a_submission()
    few = queries(client, EVENTS)
    for _ in range(40):
        a_submission()
    assert queries(client, EVENTS) == few <= 20


@pytest.mark.usefixtures("stores")
def test_the_auditor_seals_by_hand_and_an_inspector_may_not():
    filed.a_record()
    assert reader("inspector").post(reverse("audit:seal_now")).status_code == 403
    client = reader("auditor")
    assert "已封存到第 1 号" in text(client.post(reverse("audit:seal_now"), follow=True))
    assert Seal.objects.count() == 1
    html = text(client.get(SEALS))
    assert Seal.objects.get().root[:12] in html and "local" in html
    assert "没有需要封存的" in text(client.post(reverse("audit:seal_now"), follow=True))
