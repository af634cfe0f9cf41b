"""A form that is not right: it says of which field what is wrong and what to do, and a refusal leads back to it."""

import pytest
from django.urls import reverse

from tests.pages import reader, text

pytestmark = pytest.mark.django_db(databases="__all__")


def test_an_empty_form_says_of_every_field_what_to_do_and_the_focus_goes_there():
    page = text(reader("archivist").post(reverse("ingest:confirmations")))
    assert "请填写日期。" in page and "请选择。" in page and "请填写。" in page
    assert "这个字段是必填项" not in page
    assert 'class="error-summary" role="alert" tabindex="-1" data-focus' in page


def test_what_is_too_long_or_no_date_is_said_in_plain_words():
    sent = {"statement": "查" * 501, "valid_until": "明天"}
    page = text(reader("archivist").post(reverse("ingest:confirmations"), sent))
    assert "最多 500 个字，现在有 501 个，请缩短。" in page and "不是日期，请写成 2026-03-02 的样子。" in page


def test_a_field_for_a_day_shows_the_day_it_suggests():
    page = reader("archivist").get(reverse("ingest:confirmations"))
    suggested = page.context["form"].fields["valid_until"].initial
    assert f'value="{suggested:%Y-%m-%d}"' in text(page)  # the browser understands no other way of writing it


@pytest.mark.parametrize(
    ("referer", "back"), [("http://testserver/exports/", True), ("http://evil.example/", False)]
)
def test_a_refusal_leads_back_to_the_page_it_was_asked_on_and_nowhere_else(referer, back):
    client = reader("archivist")
    page = text(client.post(reverse("search:purpose"), {"purpose": ""}, headers={"referer": referer}))
    assert (f'href="{referer}"' in page) == back and ("返回</a>" if back else "回到待办</a>") in page
