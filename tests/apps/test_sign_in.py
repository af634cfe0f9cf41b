"""Signing in and out: the door, the lock, and what the ledger says of both."""

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from archive.models import Event
from tests import filed
from tests.pages import reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
PASSWORD = "eight-places-and-two"


def sign_in(client, username, password, **more):
    return client.post(reverse("login"), {"username": username, "password": password, **more})


def told(user) -> list[str]:
    return list(
        Event.objects.filter(kind="user", subject=str(user.pk))
        .order_by("sequence")
        .values_list("action", flat=True)
    )


def addresses():
    """Every address of the site, with made-up values where it takes any."""
    from django.urls.resolvers import URLPattern

    def walk(patterns, before=""):
        for entry in patterns:
            route = before + str(entry.pattern)
            if isinstance(entry, URLPattern):
                yield route
            else:
                yield from walk(entry.url_patterns, route)

    for route in walk(get_resolver().url_patterns):
        for kind, value in (("uuid", "01a20157-5b32-7e04-9496-1430dcc11c91"), ("int", "1"), ("str", "x")):
            while f"<{kind}:" in route:
                start = route.index(f"<{kind}:")
                route = route[:start] + value + route[route.index(">", start) + 1 :]
        yield "/" + route


def test_nobody_gets_past_the_door_without_signing_in():
    open_to_all = {reverse("login")}
    tried = [url for url in addresses() if url not in open_to_all and "<" not in url]
    assert len(tried) > 10
    for url in tried:
        response = Client().get(url)
        assert response.status_code == 302 and response["Location"].startswith(reverse("login")), url


def test_signing_in_leads_home_and_both_ways_are_in_the_ledger():
    user, client = filed.a_user("chenjing"), Client()
    assert sign_in(client, "chenjing", PASSWORD)["Location"] == "/"
    assert client.get("/").status_code == 200
    client.post(reverse("logout"))
    assert client.get("/").status_code == 302
    assert told(user) == ["user.signed_in", "user.signed_out"]


def test_one_comes_back_to_the_page_one_wanted_but_never_to_another_site():
    filed.a_user("chenjing")
    assert sign_in(Client(), "chenjing", PASSWORD, next="/search/?q=a")["Location"] == "/search/?q=a"
    assert sign_in(Client(), "chenjing", PASSWORD, next="https://elsewhere.example/")["Location"] == "/"


def test_a_wrong_password_is_said_in_the_form_and_in_the_ledger():
    user, client = filed.a_user("chenjing"), Client()
    response = sign_in(client, "chenjing", "wrong")
    assert response.status_code == 200 and "error-summary" in text(response)
    assert told(user) == ["user.refused"]


def test_a_name_that_nobody_has_is_not_written_down_because_it_may_be_a_password():
    sign_in(Client(), "my secret password", "x")
    assert not Event.objects.filter(kind="user").exists()


def test_after_too_many_wrong_passwords_the_account_is_locked_and_the_page_says_what_to_do(settings):
    filed.a_user("chenjing")
    client = Client()
    for _ in range(settings.AXES_FAILURE_LIMIT):
        response = sign_in(client, "chenjing", "wrong")
    assert "账号已锁定" in text(response) and response.status_code in (403, 429)
    assert "账号已锁定" in text(sign_in(client, "chenjing", PASSWORD))


def test_a_disabled_account_does_not_get_in():
    user = filed.a_user("chenjing")
    user.is_active = False
    user.save()
    assert sign_in(Client(), "chenjing", PASSWORD).status_code == 200


def test_one_changes_ones_own_password():
    client = reader("clerk")
    page = client.get(reverse("password_change"))
    assert "修改密码" in text(page)
    words = {
        "old_password": PASSWORD,
        "new_password1": "a-longer-word-4-all",
        "new_password2": "a-longer-word-4-all",
    }
    assert client.post(reverse("password_change"), words)["Location"] == reverse("password_change_done")
    assert "密码已修改" in text(client.get(reverse("password_change_done")))
    assert sign_in(Client(), client.user.username, "a-longer-word-4-all")["Location"] == "/"


def test_signing_out_is_posted_only():
    assert reader("clerk").get(reverse("logout")).status_code == 405


def test_every_page_carries_the_strict_policy_and_is_kept_by_no_cache():
    client = reader("archivist")
    for url in (
        "/",
        "/search/",
        reverse("password_change"),
        "/no-such-page/",
        "/records/01a20157-5b32-7e04-9496-1430dcc11c91/",
    ):
        response = client.get(url)
        policy = response["Content-Security-Policy"]
        assert "script-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert response["Cache-Control"] == "no-store"


def test_a_refusal_is_a_page_a_part_or_json_as_it_was_asked_for():
    client = reader("clerk")
    url = "/records/01a20157-5b32-7e04-9496-1430dcc11c91/"
    page = client.get(url)
    assert page.status_code == 404 and "没有找到这件档案" in text(page) and "not-found" in text(page)
    asked = client.get(url, headers={"Accept": "application/json"})
    assert asked.json() == {"code": "not-found", "message": "没有找到这件档案，或者它不在您的查看范围内。"}
    assert 'class="refusal"' in text(client.get(url, headers={"HX-Request": "true"}))
