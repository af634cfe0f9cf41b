"""Who sees which submission, and who may settle it: one queryset method, held for every awkward case."""

import pytest

from archive.errors import NotAllowed, NotFound
from archive.models import Event
from archive.permissions import Actor, system_actor
from archive.scopes import HIGHEST
from ingest import settling
from ingest.models import Submission
from ingest.moves import get_for
from tests import filed
from tests.arrived import CONFIRM, PERIOD, a_submission

pytestmark = pytest.mark.django_db


def seen(actor: Actor) -> set:
    return set(Submission.objects.visible_to(actor).values_list("pk", flat=True))


def test_an_archivist_sees_his_fonds_and_no_other():
    here, there = a_submission(), a_submission(fonds=filed.a_fonds("L010"))
    assert seen(filed.an_actor("archivist")) == {here.pk}
    assert seen(filed.an_actor("archivist", fonds=filed.a_fonds("L010"))) == {there.pk}


def test_a_clerk_sees_his_department_and_what_he_handed_in_himself():
    department = filed.a_department("待遇科")
    clerk = filed.an_actor("clerk", departments=[department.pk])
    mine = a_submission(received_by_id=clerk.id, department_name="参保登记科")
    ours = a_submission(department_name="待遇科")
    a_submission(department_name="参保登记科")
    a_submission(department_name="待遇科", fonds=filed.a_fonds("L010"))
    assert seen(clerk) == {mine.pk, ours.pk}


def test_what_is_more_secret_than_the_clearance_is_not_seen():
    secret = a_submission(security=2)
    assert seen(filed.an_actor("archivist")) == set()
    assert seen(filed.an_actor("archivist", security=2)) == {secret.pk}


def test_a_grant_of_some_stages_shows_what_was_filed_there():
    filed_there = a_submission("archived", record=filed.a_record(stage="DJ"))
    a_submission("archived", record=filed.a_record(stage="BG"))
    a_submission("waiting")
    assert seen(filed.an_actor("archivist", stages=["DJ"])) == {filed_there.pk}


def test_what_names_no_fonds_is_seen_by_whoever_examines():
    junk = a_submission("refused", fonds=None, business_no="")
    assert seen(filed.an_actor("archivist")) == {junk.pk}
    assert seen(filed.an_actor("manager", fonds=filed.a_fonds("L010"))) == {junk.pk}
    assert seen(filed.an_actor("clerk")) == set()
    assert seen(filed.an_actor("inspector")) == set()


@pytest.mark.parametrize("role", ["sysadmin", "secadmin", "auditor", "approver", "supervisor", "appraiser"])
def test_who_may_not_read_submissions_sees_none_not_even_his_own(role):
    actor = filed.an_actor(role)
    a_submission(received_by_id=actor.id)
    assert seen(actor) == set()


def test_the_system_sees_everything():
    rows = {a_submission().pk, a_submission(fonds=None).pk, a_submission(security=HIGHEST).pk}
    assert seen(system_actor()) == rows


def test_the_gate_does_not_tell_what_exists_elsewhere():
    there = a_submission(fonds=filed.a_fonds("L010"))
    with pytest.raises(NotFound):
        get_for(filed.an_actor("archivist"), there.pk)


@pytest.mark.parametrize("verb", ["confirm", "examine_again", "try_again", "sample_seen"])
def test_nobody_settles_in_a_fonds_where_he_only_reads(verb):
    """A clerk here who is archivist elsewhere: the right counts where the package lies."""
    user = filed.a_user()
    for role, fonds in (("clerk", "D019"), ("archivist", "L010")):
        filed.Assignment.objects.create(user=user, role=role, fonds=filed.a_fonds(fonds))
    row = a_submission("waiting", findings=(CONFIRM,))
    details = {"confirm": {"note": "核对过"}, "sample_seen": {"verdict": ""}}.get(verb, {})
    with pytest.raises(NotAllowed, match="不在您"):
        getattr(settling, verb)(row.pk, actor=Actor.of(user), **details)
    row.refresh_from_db()
    assert row.state == "waiting"


def test_only_what_waits_for_a_period_is_judged_again_when_one_is_determined():
    period = a_submission("waiting", findings=(PERIOD,), fonds=filed.a_fonds("L010"))
    confirm = a_submission("waiting", findings=(CONFIRM,))
    returned = a_submission("returned", findings=(("X-retention", "warning", "写的期限较短"),))
    assert settling.examine_waiting(actor=filed.an_actor("archivist")) == 1
    states = dict(Submission.objects.values_list("pk", "state"))
    assert states == {period.pk: "received", confirm.pk: "waiting", returned.pk: "returned"}
    assert Event.objects.filter(action="submission.again", subject=str(period.pk)).count() == 1


def test_a_period_to_be_determined_comes_before_the_confirmation():
    both = a_submission("waiting", findings=(PERIOD, CONFIRM))
    ready = a_submission("waiting", findings=(CONFIRM, ("X-retention", "warning", "写的期限较长")))
    assert list(Submission.objects.awaiting_confirmation()) == [ready]
    assert list(Submission.objects.awaiting_period()) == [both]


def test_what_the_worker_gave_up_can_be_taken_up_again_but_nothing_else():
    archivist = filed.an_actor("archivist")
    stuck, well = a_submission("accepted", attempts=5), a_submission("received", attempts=1)
    assert list(Submission.objects.stuck()) == [stuck]
    assert settling.try_again(stuck.pk, actor=archivist).attempts == 0
    with pytest.raises(Exception, match="没有停住"):
        settling.try_again(well.pk, actor=archivist)
