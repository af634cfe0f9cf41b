"""Every address of the house, and who may open it by which method: one line each. A new address without a line fails.

What lies behind a door for whom (departments, security levels) is held elsewhere; here it is the door itself.
"""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern

from archive import permissions
from archive.permissions import ROLES
from ingest.models import Submission
from search.engine import engine
from tests import arrived, filed
from tests.pages import reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
READ, GET, BOTH, POST = ("GET", "HEAD"), ("GET",), ("GET", "POST"), ("POST",)
FORM = ("GET", "HEAD", "POST", "OPTIONS")
ANYBODY, SIGNED_IN = "anybody", "signed in"

DOORS = {
    "home": (READ, SIGNED_IN),
    "login": (FORM, ANYBODY),
    "logout": (("POST", "OPTIONS"), SIGNED_IN),
    "password_change": (FORM, SIGNED_IN),
    "password_change_done": (("GET", "HEAD", "OPTIONS"), SIGNED_IN),
    "search:find": (("GET", "HEAD", "POST"), "record.read"),
    "search:party": (POST, "record.read"),
    "search:purpose": (POST, "record.reveal"),
    "search:purpose_end": (POST, SIGNED_IN),
    "record": (READ, "record.read"),
    "record_print": (READ, "record.read"),
    "reading:read": (READ, "record.read"),
    "reading:page": (READ, "record.read"),
    "reading:original": (READ, "record.download"),
    "exports:list": (GET, "record.export"),
    "exports:new": (BOTH, "record.export"),
    "exports:one": (GET, "record.export"),
    "exports:package": (GET, "record.export"),
    "exports:again": (POST, "record.export"),
    "exports:drop": (POST, "record.export"),
    "ingest:list": (GET, "submission.read"),
    "ingest:submission": (GET, "submission.read"),
    "ingest:report": (GET, "submission.read"),
    "ingest:report_pdf": (GET, "submission.read"),
    "ingest:report_json": (GET, "submission.read"),
    "ingest:batch": (GET, "submission.read"),
    "ingest:batch_pdf": (GET, "submission.read"),
    "ingest:batch_json": (GET, "submission.read"),
    "ingest:picture": (GET, "submission.examine"),
    "ingest:again": (BOTH, "submission.examine"),
    "ingest:recheck": (POST, "submission.examine"),
    "ingest:original": (GET, "submission.examine"),
    "ingest:examine": (POST, "submission.examine"),
    "ingest:confirm": (POST, "submission.confirm"),
    "ingest:retry": (POST, "submission.examine"),
    "ingest:upload": (BOTH, "submission.hand_in"),
    "ingest:direct_begin": (POST, "submission.hand_in"),
    "ingest:direct_parts": (POST, "submission.hand_in"),
    "ingest:direct_finish": (POST, "submission.hand_in"),
    "ingest:direct_stop": (POST, "submission.hand_in"),
    "ingest:progress": (GET, "submission.hand_in"),
    "ingest:handover": (BOTH, "submission.take_over"),
    "ingest:batches": (BOTH, "submission.confirm"),
    "ingest:confirmations": (BOTH, "confirmation.read"),
    "ingest:withdraw_confirmation": (POST, "confirmation.give"),
    "ingest:samples": (GET, "submission.sample"),
    "ingest:sample": (BOTH, "submission.sample"),
    "copies:damaged": (GET, "fixity.read"),
    "copies:owed": (GET, "fixity.read"),
    "copies:order": (BOTH, "copy.restore"),
    "copies:loss": (BOTH, "copy.lost"),
    "copies:check": (POST, "fixity.run"),
    "copies:fonds_list": (GET, "fonds.stores"),
    "copies:fonds_stores": (BOTH, "fonds.stores"),
    "periods:list": (GET, "determination.read"),
    "periods:one": (BOTH, "determination.read"),
    "retirements:one": (BOTH, "retirement.read"),
    "retirements:withdraw": (POST, "retirement.withdraw"),
    "retirements:confirm": (POST, "retirement.confirm"),
    "system:state": (GET, "system.read"),
    "system:storage": (GET, "system.read"),
    "system:fixity": (BOTH, "fixity.read"),
    "encryption:list": (GET, "encryption.read"),
    "encryption:decide": (POST, "encryption.set"),
    "locks:list": (GET, "lock_mode.read"),
    "locks:one": (GET, "lock_mode.read"),
    "locks:ask": (POST, "lock_mode.change"),
    "locks:withdraw": (POST, "lock_mode.change"),
    "locks:confirm": (POST, "lock_mode.change"),
    "locks:order": (POST, "lock_mode.change"),
    "trust:list": (BOTH, "trust.read"),
    "trust:remove": (POST, "trust.manage"),
    "trust:add-list": (POST, "trust.manage"),
    "audit:events": (GET, "audit.read"),
    "audit:accesses": (GET, "audit.read"),
    "audit:seals": (GET, "audit.read"),
    "audit:seal_now": (POST, "audit.seal"),
    "people:list": (GET, "people.read"),
    "people:new": (BOTH, "people.manage"),
    "people:one": (GET, "people.read"),
    "people:assign": (POST, "people.manage"),
    "people:deactivate": (POST, "people.manage"),
    "people:activate": (POST, "people.manage"),
    "people:password": (POST, "people.manage"),
    "people:unassign": (POST, "people.manage"),
    "hold_search": (BOTH, "hold.place"),
    "retention:due": (GET, "due.read"),
    "retention:holds": (GET, "hold.read"),
    "retention:hold_new": (BOTH, "hold.place"),
    "retention:hold": (GET, "hold.read"),
    "retention:hold_end": (POST, "hold.end"),
    "retention:groups": (GET, "appraisal.read"),
    "retention:group_new": (BOTH, "group.make"),
    "retention:group": (GET, "appraisal.read"),
    "retention:group_dissolve": (POST, "group.make"),
    "retention:appraisals": (GET, "appraisal.read"),
    "retention:submit": (BOTH, "appraisal.open"),
    "retention:appraisal": (GET, "appraisal.read"),
    "retention:opinion_choose": (POST, "opinion.give"),
    "retention:opinion": (BOTH, "opinion.give"),
    "retention:opinion_paper": (BOTH, "opinion.enter"),
    "retention:appraisal_close": (POST, "appraisal.close"),
    "retention:appraisal_cancel": (POST, "appraisal.open"),
    "retention:registers": (GET, "register.read"),
    "retention:register_new": (BOTH, "register.make"),
    "retention:register": (GET, "register.read"),
    "retention:register_take_out": (POST, "register.make"),
    "retention:register_freeze": (POST, "register.make"),
    "retention:register_withdraw": (POST, "register.make"),
    "retention:register_file": (BOTH, "register.file"),
    "retention:decide": (BOTH, "register.approve"),
    "retention:decision_paper": (BOTH, "signature.enter"),
    "retention:supervise": (BOTH, "register.supervise"),
    "retention:supervision_paper": (BOTH, "signature.enter"),
    "retention:execute": (BOTH, "register.execute"),
    "retention:progress": (GET, "register.execute"),
    "retention:pause": (POST, "register.execute"),
    "retention:signatures": (GET, "signature.confirm"),
    "retention:signature": (BOTH, "signature.confirm"),
    "retention:signature_withdraw": (POST, "signature.confirm"),
    "retention:papers": (GET, "paper.read"),
    "retention:paper": (GET, "paper.read"),
}
"""name → (methods, action that opens it). Which roles have an action stands in the tables of `permissions`."""

POSTED = {
    "periods:one": "determination.set",
    "system:fixity": "fixity.run",
    "retirements:one": "retirement.ask",
    "ingest:confirmations": "confirmation.give",
    "trust:list": "trust.manage",
}
"""Doors through which more is needed to post than to look. (A form without content may be refused before.)"""
NOTHING_THERE = (
    "retention:",
    "copies:order",
    "copies:loss",
    "copies:fonds_stores",
    "exports:",
    "people:",
    "locks:",
    "retirements:",
    "encryption:",
    "periods:one",
    "ingest:report",
    "ingest:picture",
    "ingest:original",
)
"""Doors behind which there is nothing in these tests: open, but not found."""
METHODS, NOBODYS = ("GET", "HEAD", "POST", "OPTIONS"), ("PUT", "PATCH", "DELETE", "TRACE")


def doors():
    def walk(patterns, space=""):
        for entry in patterns:
            if isinstance(entry, URLPattern):
                yield space + (entry.name or str(entry.pattern)), entry.pattern.converters
            else:
                yield from walk(
                    entry.url_patterns, f"{space}{entry.namespace}:" if entry.namespace else space
                )

    return dict(walk(get_resolver().url_patterns))


@pytest.fixture(autouse=True)
def remembered(settings, tmp_path):
    """As in the product, what waits for somebody is not counted anew for every page."""
    cache = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(tmp_path)}
    settings.CACHES = {"default": cache}


@pytest.fixture
def addresses(stores):
    """name → address: of things that exist where this is about records and packages, else of nothing."""
    engine().ensure()
    record = filed.a_record(stores)
    package = arrived.a_submission("archived", record=record, batch_no="2026-07")
    Submission.objects.filter(pk=package.pk).update(sampled_on="2026-01-01")
    item = record.digital_objects.get(role="original")
    known = {
        "record": record.pk,
        "item": item.pk,
        "position": 0,
        "page": 1,
        "width": 144,
        "assignment": 10**6,
    }

    def of(name, arguments):
        pk = record.pk if name.startswith("record") else package.pk if name.startswith("ingest:") else uuid4()
        return reverse(name, kwargs={key: known.get(key, pk) for key in arguments})

    return {name: of(name, arguments) for name, arguments in doors().items()}


def may(role: str, opens: str) -> bool:
    return opens in (ANYBODY, SIGNED_IN) or role in permissions.actions()[opens].roles


def test_every_address_has_its_line_and_every_line_its_address():
    assert set(doors()) == set(DOORS)


def test_no_door_opens_to_a_stranger_by_any_method(addresses):
    for name, url in addresses.items():
        for method in METHODS + NOBODYS:
            response = Client().generic(method, url)
            if DOORS[name][1] == ANYBODY:
                assert response.status_code in (200, 405), (name, method)
            else:
                assert response.status_code == 302, (name, method, response.status_code)
                assert response["Location"].startswith(reverse("login")), (name, method)


@pytest.mark.parametrize("roles", [(), ("archivist", "manager", "clerk"), ("sysadmin",)])
def test_a_method_that_no_door_has_is_answered_by_none(roles, addresses):
    client = reader(*roles, security=3)
    for name, url in addresses.items():
        for method in NOBODYS:
            status = client.generic(method, url).status_code
            assert status == (302 if name == "login" else 405), (method, name)


@pytest.mark.parametrize("role", ["", *ROLES])
def test_a_role_opens_its_own_doors_and_no_other(role, addresses):
    client = reader(*([role] if role else []), security=3) if role else reader()
    for name, url in addresses.items():
        methods, opens = DOORS[name]
        if name == "logout":
            continue
        for method in METHODS:
            status = client.generic(method, url).status_code
            said = (role, method, name, status)
            if name == "login":  # whoever is signed in is led home
                assert status == 302, said
            elif method not in methods:
                assert status == 405, said
            elif not may(role, opens):
                assert status in (403, 404), said
            elif method == "POST":
                assert status < 500 and status != 405, said
                assert status != 403 or not may(role, POSTED.get(name, opens)), said
            else:
                assert status in (200, 302, 400, 404, 422) and (
                    status != 404 or name.startswith(NOTHING_THERE)
                ), said


def test_what_lies_outside_the_scope_is_answered_word_for_word_like_what_does_not_exist(stores):
    record = filed.a_record(stores, title="别科的题名", department=filed.a_department("待遇科"))
    package = arrived.a_submission("archived", record=record, department_name="待遇科", title="别科的题名")
    item = record.digital_objects.get(role="original").pk
    client = reader("archivist", departments=[filed.a_department("参保登记科").pk])
    for name, arguments in doors().items():
        if not arguments or not name.startswith(("record", "reading:", "search:party", "ingest:")):
            continue
        answers = []
        for exists in (True, False):
            pk = package.pk if name.startswith("ingest:") else record.pk
            values = {"pk": pk, "record": record.pk, "item": item, "position": 0, "page": 1, "width": 1240}
            if not exists:
                values |= {"pk": uuid4(), "record": uuid4()}
            url = reverse(name, kwargs={key: values[key] for key in arguments})
            method = "POST" if DOORS[name][0] == POST else "GET"
            response = client.generic(method, url)
            body = text(response)
            for secret in ("别科的题名", record.reference_code, package.business_no):
                assert secret not in body, name
            start = body.find('class="refusal')
            answers.append((response.status_code, body[start : start + 600] if start >= 0 else ""))
        assert answers[0] == answers[1] and answers[0][0] == 404 and answers[0][1], name
