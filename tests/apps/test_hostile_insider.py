"""Somebody who may sign in, and tries for more: other people's records, other people's names, everybody's time."""

import io
import logging
import sys
import threading
import time

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.urls import reverse

from archive import records, renditions
from archive.errors import NotFound
from archive.inspection.fence import Fence
from archive.models import Event, Relation
from config.logs import Masked
from ingest import receiving
from ingest.models import Submission
from tests import arrived, factories, filed
from tests.pages import NUMBER, PHONE, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
HERE, THERE = "参保登记科", "待遇科"


def two_records(kind="更正"):
    """(what a reader of HERE may see, what he may not): the second says of the first that it corrects it."""
    here = filed.a_record(department=filed.a_department(HERE))
    there = filed.a_record(
        department=filed.a_department(THERE),
        relates=((here.business_no, kind),),
        retention="30",
        title="别科的题名",
    )
    return here, there


def clerk(department=HERE, role="clerk"):
    return reader(role, departments=[filed.a_department(department).pk])


# --- names of records outside the scope ------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["", "?tab=history", "print/"])
def test_a_record_outside_the_scope_is_named_nowhere_on_a_page_of_its_relation(page):
    here, there = two_records()
    told = text(clerk().get(f"/records/{here.pk}/{page}"))
    assert there.reference_code not in told and there.title not in told and str(there.pk) not in told
    assert there.reference_code in text(reader("archivist").get(f"/records/{here.pk}/?tab=history"))


def test_a_finding_names_another_record_only_to_whoever_may_read_it():
    here, there = two_records()
    message = f"馆内已有同样的文件：档号 {here.reference_code}、{there.reference_code}。已照常处理。"
    row = arrived.a_submission("archived", record=here, findings=[("GD-1-8", "warning", message)])
    url = reverse("ingest:submission", args=[row.pk])
    for client, page in ((clerk(), url), (clerk(), f"/records/{here.pk}/?tab=findings")):
        told = text(client.get(page))
        assert here.reference_code in told and there.reference_code not in told
        assert "另一件档案" in told
    assert there.reference_code in text(reader("archivist").get(url))


def test_how_a_record_was_examined_is_told_where_that_right_reaches():
    """A reader of two fonds, in one of them by a role that does not see packages."""
    other = filed.a_fonds("L010")
    client = reader("clerk")
    client.user.assignments.create(role="appraiser", fonds=other)
    record = filed.a_record(fonds=other)
    assert client.get(f"/records/{record.pk}/").status_code == 200
    assert "tab=findings" not in text(client.get(f"/records/{record.pk}/"))


def test_a_code_that_exists_elsewhere_is_answered_like_one_that_does_not():
    _, there = two_records()
    actor = filed.an_actor("clerk", departments=[filed.a_department(HERE).pk])
    answers = []
    for code in (there.reference_code, there.reference_code[:-1] + "9"):
        with pytest.raises(NotFound) as fault:
            records.get_by_code(actor, code)
        answers.append(str(fault.value).replace(code, "…"))
    assert len(set(answers)) == 1


def test_nobody_marks_a_record_of_another_fonds():
    elsewhere = filed.a_record(fonds=filed.a_fonds("L010"))
    mine = filed.a_record(relates=((elsewhere.business_no, "更正"),))
    assert Relation.objects.get(record=mine).earlier is None
    assert not Event.objects.filter(action="record.related").exists()


def test_whoever_keeps_the_machines_learns_no_names_of_files():
    record = filed.a_record()
    item = record.digital_objects.first()
    item.path = "data/张三身份证.pdf"
    item.save()
    item.copies.create(store="local", key="k", state="damaged")
    assert "张三" not in text(reader("sysadmin").get("/copies/damaged/"))
    assert "张三" in text(reader("archivist").get("/copies/damaged/"))


# --- handing in ------------------------------------------------------------------------------------------------


def a_zip(tmp_path, **changes):
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    return factories.a_bag(folder, factories.a_submission(**changes), zip=True)


def hand_in(path, actor):
    with Fence() as fence, path.open("rb") as stream:
        return receiving.receive_stream(
            stream, path.name, actor=actor, fence=fence, channel="web", claim=False
        ).submission


def test_a_package_of_another_department_cannot_be_superseded_from_outside(tmp_path):
    department, other = filed.a_department(HERE), filed.a_department(THERE)
    owner = filed.an_actor("clerk", departments=[department.pk])
    first = hand_in(a_zip(tmp_path, business_no="DG1", department=HERE), owner)
    stranger = filed.an_actor("window", departments=[other.pk])
    forged = hand_in(a_zip(tmp_path, business_no="DG1", department=THERE, revision=2), stranger)
    assert forged.state == "refused" and "不在您的范围内" in forged.reason
    assert Submission.objects.get(pk=first.pk).state == "received"
    colleague = filed.an_actor("clerk", departments=[department.pk])
    assert (
        hand_in(a_zip(tmp_path, business_no="DG1", department=HERE, revision=2), colleague).state
        == "received"
    )
    assert Submission.objects.get(pk=first.pk).state == "superseded"


def test_a_file_name_with_a_number_is_masked_in_what_the_upload_says():
    client = reader("clerk")
    for content in (b"", b"no zip"):
        file = io.BytesIO(content)
        file.name = f"{NUMBER}.zip"
        answer = client.post("/intake/upload/", {"files": [file]}, follow=False)
        assert NUMBER not in str(answer.cookies) and NUMBER not in text(client.get("/intake/upload/"))
        file.seek(0)
        as_json = client.post("/intake/upload/", {"files": [file]}, headers={"Accept": "application/json"})
        assert NUMBER not in text(as_json)


# --- the door --------------------------------------------------------------------------------------------------


def tried(username, **extra):
    return Client().post(reverse("login"), {"username": username, "password": "wrong"}, **extra)


def test_a_number_typed_as_a_user_name_lies_nowhere():
    tried(NUMBER)
    assert AccessAttempt.objects.count() == 1
    assert NUMBER not in str(list(AccessAttempt.objects.values()))
    assert NUMBER not in str(list(Event.objects.values()))


def test_a_name_that_nobody_has_is_locked_and_answered_like_any_other(settings):
    filed.a_user("chenjing")
    pages = {
        name: [tried(name) for _ in range(settings.AXES_FAILURE_LIMIT + 1)] for name in ("chenjing", "nobody")
    }
    for known, unknown in zip(*pages.values(), strict=True):
        assert known.status_code == unknown.status_code
    assert pages["nobody"][-1].status_code == 429
    assert (
        Event.objects.filter(action="user.unknown").count()
        == Event.objects.filter(action="user.refused").count()
    )


def test_the_lock_is_not_opened_by_a_forged_address(settings):
    filed.a_user("chenjing")
    for number in range(settings.AXES_FAILURE_LIMIT):
        tried("chenjing", headers={"X-Forwarded-For": f"10.0.0.{number}"})
    assert tried("chenjing", headers={"X-Forwarded-For": "10.9.9.9"}).status_code == 429


def test_behind_our_proxy_the_ledger_and_the_lock_know_the_readers_own_address(settings):
    settings.BEHIND_PROXY = True
    filed.a_user("chenjing")
    tried("chenjing", headers={"X-Forwarded-For": "1.1.1.1, 10.0.0.7"})
    assert Event.objects.get(action="user.refused").address == "10.0.0.7"
    tried("chenjing", headers={"X-Forwarded-For": "<script>"})
    assert Event.objects.filter(action="user.refused").latest("sequence").address == "127.0.0.1"


def test_signing_in_gives_a_fresh_session():
    user, client = filed.a_user("chenjing"), Client()
    client.session["planted"] = "x"
    client.session.save()
    before = client.cookies.get("sessionid")
    words = {"username": user.username, "password": "eight-places-and-two"}
    client.post(reverse("login"), words)
    assert client.cookies["sessionid"].value != (before and before.value)
    assert "planted" not in client.session


def test_a_changed_password_ends_the_other_sessions_and_stands_in_the_ledger():
    here = reader("clerk")
    elsewhere = Client()
    words = {"username": here.user.username, "password": "eight-places-and-two"}
    elsewhere.post(reverse("login"), words)
    assert elsewhere.get("/").status_code == 200
    new = "a-longer-word-4-all"
    here.post(
        reverse("password_change"),
        {"old_password": words["password"], "new_password1": new, "new_password2": new},
    )
    assert here.get("/").status_code == 200 and elsewhere.get("/").status_code == 302
    assert Event.objects.filter(action="user.password_changed", subject=str(here.user.pk)).count() == 1


def test_an_assignment_that_ends_takes_its_records_away_at_once():
    client, record = reader("clerk"), filed.a_record()
    assert client.get(f"/records/{record.pk}/").status_code == 200
    client.user.assignments.update(valid_until="2020-01-01")
    assert client.get(f"/records/{record.pk}/").status_code == 404


def test_a_number_in_an_address_does_not_travel_to_the_door():
    location = Client().get("/search/", {"q": f"张三 {NUMBER}"})["Location"]
    assert NUMBER not in location and location.startswith(reverse("login"))
    assert "q%3Dabc" in Client().get("/search/", {"q": "abc"})["Location"]


# --- what every answer carries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["/static/css/archive.css", "/static/favicon.svg", "/static/nothing", "/nothing", "/"]
)
def test_every_answer_is_fenced_in_also_errors_and_static_files(url):
    for client in (Client(), reader("clerk")):
        response = client.get(url)
        assert "script-src 'self'" in response["Content-Security-Policy"]
        assert response["X-Frame-Options"] == "DENY" and response["X-Content-Type-Options"] == "nosniff"
        assert response["Referrer-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in response


def test_a_body_that_no_form_of_ours_has_is_refused_before_it_is_read(settings):
    settings.MAX_FORM_BYTES = 1000
    for client in (Client(enforce_csrf_checks=True), reader("clerk")):
        for length in ("1001", "9" * 30):
            response = client.generic("POST", "/sign-in/", b"x", CONTENT_LENGTH=length)
            assert response.status_code == 413, length
    assert Client().post(reverse("login"), {"username": "x"}).status_code == 200


def test_a_fault_shows_nothing_of_itself(monkeypatch, settings):
    def fault(*_, **__):
        raise ValueError(f"{NUMBER} 张三")

    monkeypatch.setattr("config.navigation.waiting_for", fault)
    client = reader("clerk")
    client.raise_request_exception = False
    response = client.get("/")
    assert response.status_code == 500 and settings.DEBUG is False
    assert NUMBER not in text(response) and "张三" not in text(response) and "Traceback" not in text(response)
    assert (
        "script-src 'self'" in response["Content-Security-Policy"] and response["Cache-Control"] == "no-store"
    )


def test_no_log_line_shows_a_number_not_even_in_a_traceback_and_none_forges_another():
    lines = Masked("{levelname} {message}", style="{")
    try:
        int(f"{NUMBER}x")
    except ValueError:
        made = logging.LogRecord("x", logging.ERROR, "", 1, "a\nERROR forged %s", (PHONE,), sys.exc_info())
    line = lines.format(made)
    assert NUMBER not in line and PHONE not in line and "ValueError" in line
    assert line.splitlines()[0].startswith("ERROR a\\x0aERROR forged 138")


# --- everybody's time ----------------------------------------------------------------------------------------------


class Slow:
    """A fence whose calls last until they are let go."""

    def __init__(self):
        self.begun, self.go, self.calls = threading.Event(), threading.Event(), 0

    def call(self, name, *, seconds, **arguments):
        self.calls += 1
        self.begun.set()
        self.go.wait(600)
        return {"crashed": "处理超过 12 秒，已中止"}


def test_one_hostile_page_holds_one_thread_and_the_others_are_told_to_come_back():
    hands = renditions.Hands(Slow())
    hands.PATIENCE, answers = 600, []

    def view(number):
        try:
            answers.append(hands.call("render", number))
        except renditions.Busy as fault:
            answers.append(fault.status)

    first, *others = [threading.Thread(target=view, args=(number,)) for number in range(20)]
    first.start()
    hands.fence.begun.wait()
    hands.PATIENCE = 0.05
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    assert answers == [503] * 19
    hands.fence.go.set()
    first.join()
    assert len(answers) == 20 and hands.fence.calls == 1


def test_a_file_that_held_everybody_up_is_not_tried_again_for_a_while():
    hands = renditions.Hands(Slow())
    hands.fence.go.set()
    answer = hands.fence.call

    def late(name, **arguments):
        hands.began -= 2 * hands.PATIENCE
        return answer(name, **arguments)

    hands.fence.call = late
    first = hands.call("render", "hostile")
    assert hands.call("render", "hostile") == first and hands.fence.calls == 1
    hands.call("render", "sound")
    assert hands.fence.calls == 2


def test_behind_a_page_that_takes_long_nobody_even_queues():
    hands = renditions.Hands(Slow())
    hands.fence.go.set()
    hands.began = time.monotonic() - 2 * hands.PATIENCE
    with pytest.raises(renditions.Busy):
        hands.call("render", "sound")
    assert hands.fence.calls == 0
