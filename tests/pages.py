"""Pages as a signed-in person asks for them, for tests. `reader("clerk", departments=[…])` is a client with that
role; every page a client gets can be searched for what must not be on it."""

from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from archive.models import Assignment, Fonds, User
from tests import filed

NUMBER = "440106199003071231"
"""An invented identity number with a right check digit."""
PHONE = "13800138000"


def reader(*roles: str, fonds: Fonds | None = None, name: str = "李四", **narrowed) -> Client:
    """A client signed in as somebody with these roles over the whole fonds, or a part of it."""
    user = filed.a_user(name=name)
    for role in roles:
        site = role in ("sysadmin", "secadmin", "auditor")
        Assignment.objects.create(
            user=user, role=role, fonds=None if site else fonds or filed.a_fonds(), **narrowed
        )
    return client_of(user)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.user = user
    return client


def text(response) -> str:
    return response.content.decode()


def queries(client: Client, url: str) -> int:
    """How many statements the page costs, over all databases."""
    captured = [CaptureQueriesContext(connections[alias]) for alias in connections]
    for one in captured:
        one.__enter__()
    response = client.get(url)
    for one in captured:
        one.__exit__(None, None, None)
    assert response.status_code == 200, text(response)
    return sum(len(one) for one in captured)


def a_person(name: str = "张三", number: str = NUMBER):
    from archive.records import NewParty

    return NewParty(kind="person", name=name, id_type="居民身份证", id_no=number)
