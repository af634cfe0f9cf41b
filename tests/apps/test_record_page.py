"""The record page: through its gate, numbers masked until a purpose is recorded, every opening in the ledger."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from archive.models import Access, Assignment, Block, Record
from archive.records import NewParty
from search import reading
from tests import bags, filed
from tests.pages import NUMBER, PHONE, a_person, queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")

DESCRIPTION = {
    "fields": {"姓名": "张三", "证件号码": NUMBER, "联系电话": PHONE, "应参保险种": ["工伤", "失业"]},
    "lines": [{"姓名": "张三", "公民身份号码": NUMBER, "备注": f"原号码{NUMBER}"}],
    "process": [{"action": "受理", "actor": "王经办", "at": "2019-12-10T09:31:00+08:00"}],
}


@pytest.fixture
def record(stores):
    return filed.a_record(
        stores,
        contents=(bags.pdf("one"), bags.pdf("two")),
        title=f"张三职工增员 {NUMBER}",
        department=filed.a_department(),
        parties=(
            NewParty(kind="unit", name="东莞市某某电子有限公司", uscc="91441900MA4UABCD9M"),
            a_person(),
        ),
        description=DESCRIPTION,
        personal=frozenset({"证件号码", "联系电话", "公民身份号码"}),
    )


def page(record: Record, tab: str = "") -> str:
    return reverse("record", args=[record.pk]) + (f"?tab={tab}" if tab else "")


TABS = ("", "findings", "copies", "history", "readings")


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_and_no_number_stands_on_it(record, tab):
    response = reader("archivist").get(page(record, tab))
    html = text(response)
    assert response.status_code == 200
    assert record.reference_code in html
    assert NUMBER not in html and PHONE not in html
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_the_description_shows_what_a_reader_needs_with_numbers_masked(record):
    html = text(reader("archivist").get(page(record)))
    for words in (
        "100年（至2119-12-31）",
        "2120-01-01",
        "东莞市某某电子有限公司",
        "4401**********1231",
        "工伤、失业",
    ):
        assert words in html
    assert "2019-12-10 09:31" in html


@pytest.mark.parametrize("name", ["record", "record_print"])
def test_a_record_of_another_department_is_not_found_and_tells_nothing(record, name):
    other = reader("clerk", departments=[filed.a_department("待遇科").pk])
    response = other.get(reverse(name, args=[record.pk]))
    assert response.status_code == 404
    assert "张三" not in text(response) and record.reference_code not in text(response)
    assert not Access.objects.exists()


def test_whoever_may_not_read_at_all_learns_no_more(record):
    assert reader("auditor").get(page(record)).status_code == 404


def test_opening_a_record_is_in_the_ledger_and_its_tabs_are_the_same_reading(record):
    client = reader("archivist")
    client.get(page(record))
    client.get(page(record, "history"))
    client.get(page(record, "copies"))
    assert list(Access.objects.values_list("action", "record", "actor")) == [
        ("record.viewed", record.pk, client.user.pk)
    ]
    client.get(page(record))
    assert Access.objects.count() == 2


def say_why(client, purpose="张三本人窗口核实参保时间", next_url="/"):
    return client.post(reverse("search:purpose"), {"purpose": purpose, "next": next_url})


def test_with_a_purpose_numbers_are_shown_and_the_ledger_says_why(record):
    client = reader("clerk")
    back = say_why(client, next_url=page(record))
    assert (back.status_code, back["Location"]) == (303, page(record))
    html = text(client.get(page(record)))
    assert NUMBER in html and PHONE in html
    assert "张三本人窗口核实参保时间" in html
    revealed = Access.objects.get(action="number.revealed")
    assert (revealed.record, revealed.purpose) == (record.pk, "张三本人窗口核实参保时间")


def test_a_purpose_ends_by_hand_by_time_and_at_sign_out(record, monkeypatch):
    client = reader("clerk")
    say_why(client)
    client.post(reverse("search:purpose_end"))
    assert NUMBER not in text(client.get(page(record)))
    say_why(client)
    later = timezone.now() + timedelta(minutes=reading.MINUTES, seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert NUMBER not in text(client.get(page(record)))
    monkeypatch.undo()
    say_why(client)
    client.post(reverse("logout"))
    client.force_login(client.user, backend="django.contrib.auth.backends.ModelBackend")
    assert NUMBER not in text(client.get(page(record)))


def test_a_purpose_shows_nothing_to_whoever_may_not_see_numbers(record):
    client = reader("inspector")
    assert say_why(client).status_code == 403
    assert NUMBER not in text(client.get(page(record)))


def test_a_purpose_shows_numbers_only_where_that_right_reaches(record):
    client = reader("inspector")
    elsewhere = [filed.a_department("待遇科").pk]
    Assignment.objects.create(user=client.user, role="clerk", fonds=record.fonds, departments=elsewhere)
    assert say_why(client).status_code == 303
    assert NUMBER not in text(client.get(page(record)))
    assert not Access.objects.filter(action="number.revealed").exists()


def test_a_purpose_that_says_nothing_is_refused_and_one_with_a_number_is_masked(record):
    client = reader("clerk")
    refused = say_why(client, "查")
    assert refused.status_code == 400 and "请写明为谁" in text(refused)
    say_why(client, f"为{NUMBER}核实参保")
    client.get(page(record))
    assert not Access.objects.filter(purpose__contains=NUMBER).exists()
    assert NUMBER not in str(dict(client.session))


@pytest.mark.parametrize(
    "next_url", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", ""]
)
def test_after_a_purpose_one_is_sent_to_this_house_only(record, next_url):
    assert say_why(reader("clerk"), next_url=next_url)["Location"] == "/"


def test_a_corrected_record_says_so_on_top_and_names_only_what_the_reader_may_see(record, stores):
    secret = filed.a_department("信访科")
    later = filed.a_record(
        stores, title="更正后的张三增员", department=secret, relates=((record.business_no, "更正"),)
    )
    seen = text(reader("archivist").get(page(record)))
    assert "被更正" in seen and later.reference_code in seen
    narrow = text(reader("clerk", departments=[record.department_id]).get(page(record)))
    assert "被更正" in narrow and "更正后的张三增员" not in narrow
    assert str(later.pk) not in narrow
    assert record.reference_code in text(reader("archivist").get(page(later)))


def test_a_block_is_said_on_top(record):
    Block.objects.create(
        record=record,
        kind="hold",
        reference=record.pk,
        reason="劳动争议仲裁 114 号",
        placed_at=timezone.now(),
    )
    html = text(reader("archivist").get(page(record)))
    assert "暂缓销毁" in html and "劳动争议仲裁 114 号" in html


def test_readings_are_shown_to_those_who_may_see_them_only(record):
    reader("clerk", name="赵柜员").get(page(record))
    assert "赵柜员" in text(reader("manager").get(page(record, "readings")))
    clerk = text(reader("clerk").get(page(record, "readings")))
    assert "赵柜员" not in clerk and "利用记录" not in clerk


def test_copies_tell_store_state_and_lock(record):
    html = text(reader("archivist").get(page(record, "copies")))
    assert "local" in html and "完好" in html and "manifest" in html


def test_the_printed_sheet_is_masked_and_in_the_ledger(record):
    client = reader("archivist")
    html = text(client.get(reverse("record_print", args=[record.pk])))
    assert "业务档案著录单" in html and "4401**********1231" in html and NUMBER not in html
    assert Access.objects.filter(action="record.viewed").count() == 1


def test_everything_of_a_person_is_one_click_and_no_number_travels(record):
    client = reader("clerk")
    position = record.parties.get(kind="person").position
    response = client.post(reverse("search:party", args=[record.pk, position]))
    assert response.status_code == 303 and NUMBER not in response["Location"]
    other = reader("clerk", departments=[filed.a_department("待遇科").pk])
    assert other.post(reverse("search:party", args=[record.pk, position])).status_code == 404


def test_the_page_costs_the_same_however_much_is_on_it(record, stores):
    large = filed.a_record(
        stores,
        contents=tuple(bags.pdf(str(number)) for number in range(12)),
        department=record.department,
        parties=tuple(a_person(f"李{number}", f"4401061990030712{number:02d}") for number in range(12)),
    )
    client = reader("archivist")
    client.get(page(record))
    for tab in ("", "copies", "history"):
        assert queries(client, page(large, tab)) <= queries(client, page(record, tab)) + 1
