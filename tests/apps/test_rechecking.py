"""A filed record examined again from its stored bytes, beside the report of the day of filing."""

import json

import pytest
from django.urls import reverse

from archive.errors import WrongState
from archive.models import PdfaClaim
from archive.permissions import Actor
from ingest import rechecking
from tests.damaged import copies, damage
from tests.handing import WRONG, archivist, at
from tests.pages import text

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("stores", "site")]


def test_a_filed_record_is_examined_again_from_its_stored_bytes_and_the_first_report_stays(hand_in, fence):
    row = hand_in()
    client = archivist()
    mine = client.post(at("recheck", row))
    assert mine.headers["Location"].endswith("?tab=findings")
    event = rechecking.recheck(row.pk, fence, actor=Actor.of(client.user))
    assert event.action == "record.rechecked" and event.data["verdict"] == "没有不通过项", event.data
    html = text(client.get(mine.headers["Location"]))
    assert "以后的检测" in html and "没有不通过项" in html and "?stored=1" in html
    told = json.loads(client.get(at("report_json", row) + "?stored=1").content)
    assert (
        told["stage"] == "长期保存"
        and {"check": "GD-1-1", "verdict": "passed"}.items() <= told["items"][0].items()
    )
    assert "归档以后第 1 次检测" in text(client.get(at("report", row) + "?stored=1"))
    assert json.loads(client.get(at("report_json", row)).content)["stage"] == "归档"
    assert client.get(at("report", row) + "?stored=2").status_code == 404


def test_bytes_that_are_not_those_that_were_filed_are_told_in_the_chain(stores, hand_in, fence, actor):
    row = hand_in()
    damage(stores, copies(row.record)[0], "changed")
    event = rechecking.recheck(row.pk, fence, actor=actor)
    assert event.action == "record.recheck_failed" and "归档时的不同" in event.data["reason"]
    assert "没有完成" in text(archivist().get(reverse("record", args=[row.record_id]) + "?tab=findings"))


def test_nothing_but_a_filed_record_is_examined_as_one(hand_in, fence, actor):
    row = hand_in(**WRONG)
    with pytest.raises(WrongState):
        rechecking.recheck(row.pk, fence, actor=actor)
    assert archivist().post(at("recheck", row)).status_code == 409


def test_the_later_word_on_a_pdfa_claim_stands_on_the_record(hand_in):
    row = hand_in()
    item = row.record.digital_objects.filter(role="original").first()
    PdfaClaim.objects.create(object=item, claim="2b", state="refuted", why="第 6.1 条")
    html = text(archivist().get(reverse("record", args=[row.record_id]) + "?tab=findings"))
    assert "自称 PDF/A-2b，验证未通过" in html and "第 6.1 条" in html
