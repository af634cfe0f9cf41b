"""人员与授权: given by somebody else, over an extent; the three administrators are three persons."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.urls import reverse

from archive import people
from archive.errors import NotAllowed, NotFound, WrongInput
from archive.identifiers import new_id
from archive.models import Assignment, Event, User
from archive.people import Extent
from archive.permissions import ROLES, Actor, system_actor
from tests import filed
from tests.pages import client_of, queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
URL = "/people/"


def url(name: str, user: User) -> str:
    return reverse(f"people:{name}", args=[user.pk])


def test_people_are_managed_by_the_secadmin_and_looked_at_by_the_auditor():
    person = filed.a_user()
    for role in ROLES:
        client = reader(role)
        expected = 200 if role in ("secadmin", "auditor") else 403
        assert client.get(URL).status_code == client.get(url("one", person)).status_code == expected, role
        assert client.get(reverse("people:new")).status_code == (200 if role == "secadmin" else 403)
        for name in ("assign", "deactivate", "activate", "password"):
            if role != "secadmin":
                assert client.post(url(name, person)).status_code == 403, (role, name)


def test_a_person_is_found_by_a_part_of_the_name_or_of_the_user_name():
    filed.a_user("zhaowei", "赵薇薇")
    filed.a_user("qianwei", "钱为")
    for asked, found in (("薇", {"zhaowei"}), ("WEI", {"zhaowei", "qianwei"}), ("无此人\0", set())):
        response = reader("secadmin").get(URL, {"who": asked})
        assert {row["user"].username for row in response.context["users"]} == found, asked


def test_a_new_person_gets_a_password_that_is_shown_once_and_works():
    client = reader("secadmin")
    response = client.post(reverse("people:new"), {"username": "wangwu", "name": "王五"})
    password = response.context["password"]
    assert password in text(response) and "no-store" in response["Cache-Control"]
    user = User.objects.get(username="wangwu")
    assert user.check_password(password) and not user.assignments.exists()
    for page in (URL, url("one", user), "/audit/events/"):
        assert password not in text(client.get(page))
    assert password not in str(list(Event.objects.values_list("data", flat=True)))
    assert "还没有授权" in text(client.get(url("one", user)))


@pytest.mark.parametrize(
    ("username", "name", "said"),
    [
        ("a", "王五", "2 至 40"),
        ("wang wu", "王五", "不含空格"),
        ("王" * 41, "王五", "40"),
        ("ok-name", " ", "姓名"),
    ],
)
def test_a_person_with_an_impossible_name_is_said_at_the_field(username, name, said):
    response = reader("secadmin").post(reverse("people:new"), {"username": username, "name": name})
    assert response.status_code == 422 and said in text(response)
    assert not User.objects.filter(name="王五").exists()


def test_a_taken_user_name_is_refused_whatever_its_letters():
    filed.a_user("Zhang")
    with pytest.raises(WrongInput, match="已经有人使用"):
        people.make_user("zhang", "另一个", actor=system_actor())


def give(client, person: User, **changed):
    filed.a_fonds()
    sent = {"role": "clerk", "fonds": "D019", "security": "1"} | changed
    return client.post(url("assign", person), sent, follow=True)


def test_a_role_is_given_over_a_part_of_a_fonds_and_taken_back():
    department = filed.a_department("待遇科")
    client, person = reader("secadmin"), filed.a_user()
    html = text(give(client, person, departments=[department.pk], stages=["DJ"], valid_until="2099-12-31"))
    assert "已授予经办人员" in html and "D019，待遇科，参保登记，密级至内部，至2099-12-31" in html
    row = Assignment.objects.get(user=person)
    assert (row.departments, row.stages, row.insurances) == ([department.pk], ["DJ"], None)
    assert Actor.of(person).roles == {"clerk"}
    client.post(reverse("people:unassign", args=[row.pk]))
    assert Actor.of(person).roles == set()
    said = list(
        Event.objects.filter(kind="user", subject=str(person.pk))
        .order_by("sequence")
        .values_list("action", flat=True)
    )
    assert said == ["user.assigned", "user.unassigned"]


def test_an_assignment_taken_back_twice_is_told_and_no_fault():
    client, person = reader("secadmin"), filed.a_user()
    give(client, person)
    address = reverse("people:unassign", args=[Assignment.objects.get(user=person).pk])
    assert client.post(address).status_code == 302
    assert client.post(address).status_code == 404


def test_nobody_is_two_of_the_three_administrators():
    client, person = reader("secadmin"), filed.a_user(name="许系统")
    give(client, person, role="sysadmin", fonds="")
    response = give(client, person, role="auditor", fonds="")
    assert response.status_code == 422 and "许系统已是系统管理员" in text(response)
    assert "不同的人担任" in text(response)
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.create(user=person, role="auditor")


def test_nobody_changes_his_own_rights_or_account():
    filed.a_fonds()
    client = reader("secadmin")
    assert "自己的账户" in text(client.get(url("one", client.user)))
    own = Assignment.objects.get(user=client.user)
    for address in (url("assign", client.user), url("deactivate", client.user), url("password", client.user),
                    reverse("people:unassign", args=[own.pk])):  # fmt: skip
        response = client.post(address, {"role": "clerk", "fonds": "D019", "security": "1", "reason": "x"})
        assert response.status_code == 403 and "另一位安全保密员" in text(response), address
    assert list(Assignment.objects.filter(user=client.user)) == [own]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"role": "clerk", "fonds": ""}, "必须属于一个全宗"),
        ({"role": "auditor", "fonds": "D019"}, "管全系统"),
        ({"valid_from": "2026-05-01", "valid_until": "2026-04-01"}, "止期早于起期"),
        ({"role": "emperor"}, "emperor"),
        ({"stages": ["XX"]}, "XX"),
    ],
)
def test_an_assignment_that_does_not_fit_is_said_at_the_form(changed, said):
    person = filed.a_user()
    filed.a_fonds()
    response = give(reader("secadmin"), person, **changed)
    assert response.status_code == 422 and said in text(response)
    assert not person.assignments.exists()


def test_a_department_of_another_fonds_cannot_be_given():
    elsewhere = filed.a_department("登记科", filed.a_fonds("L010"))
    response = give(reader("secadmin"), filed.a_user(), departments=[elsewhere.pk])
    assert response.status_code == 422 and "不属于这个全宗" in text(response)


def test_the_same_assignment_twice_is_refused():
    client, person = reader("secadmin"), filed.a_user()
    give(client, person)
    assert give(client, person).status_code == 422
    assert person.assignments.count() == 1


def test_whoever_is_deactivated_is_out_at_once_and_may_be_taken_back():
    person = filed.a_user()
    Assignment.objects.create(user=person, role="clerk", fonds=filed.a_fonds())
    theirs, client = client_of(person), reader("secadmin")
    assert theirs.get("/").status_code == 200
    assert client.post(url("deactivate", person), {"reason": " "}).status_code == 400
    client.post(url("deactivate", person), {"reason": "调离"})
    assert theirs.get("/").status_code == 302, "sent to the sign-in page"
    assert client.post(url("deactivate", person), {"reason": "调离"}).status_code == 409
    client.post(url("activate", person))
    assert User.objects.get(pk=person.pk).is_active


def test_a_new_password_ends_the_open_sessions():
    person = filed.a_user()
    theirs, client = client_of(person), reader("secadmin")
    password = client.post(url("password", person)).context["password"]
    assert theirs.get("/").status_code == 302
    assert User.objects.get(pk=person.pk).check_password(password)


def test_an_unknown_person_is_not_found():
    with pytest.raises(NotFound):
        people.deactivate(new_id(), reason="x", actor=filed.an_actor("secadmin"))


def test_the_verbs_ask_for_the_right_themselves():
    with pytest.raises(NotAllowed):
        people.assign(
            filed.a_user().pk, "clerk", Extent(fonds=filed.a_fonds()), actor=filed.an_actor("sysadmin")
        )


def test_the_list_filters_by_role_and_costs_the_same_for_many():
    client = reader("secadmin")
    clerk, archivist = reader("clerk", name="何经办").user, reader("archivist", name="陈档").user
    html = text(client.get(URL, {"role": "clerk"}))
    assert clerk.username in html and archivist.username not in html
    few = queries(client, URL)
    for _ in range(12):
        reader("clerk")
    assert queries(client, URL) == few <= 30


# --- the first of all ---------------------------------------------------------------------------------------------


def first_user(monkeypatch, line: str, *words: str) -> None:
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.StringIO(line))
    call_command("first_user", "anquan", "--name", "安保密", "--password-stdin", *words)


def test_on_an_empty_system_the_first_secadmin_is_made_and_can_make_the_others(monkeypatch):
    first_user(monkeypatch, "a long enough phrase\n")
    user = User.objects.get(username="anquan")
    assert user.check_password("a long enough phrase") and Actor.of(user).roles == {"secadmin"}
    assert client_of(user).get(reverse("people:new")).status_code == 200


def test_where_there_is_one_already_the_command_refuses(monkeypatch, capsys):
    reader("secadmin")
    with pytest.raises(SystemExit) as stopped:
        first_user(monkeypatch, "a long enough phrase\n")
    assert stopped.value.code == 1 and not User.objects.filter(username="anquan").exists()


def test_a_weak_first_password_is_refused_and_nothing_is_made(monkeypatch):
    with pytest.raises(SystemExit):
        first_user(monkeypatch, "12345\n")
    assert not User.objects.filter(username="anquan").exists()
