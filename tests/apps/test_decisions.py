"""decide: what follows from an examination, and what a package's name means when it comes again."""

from datetime import date

import pytest

from archive import determinations, holdings, privacy
from archive.models import Event, Record, Relation, SourceSystem
from config.demonstration import bags, cases, light
from config.demonstration.people import People
from ingest import outcomes, pipeline, receiving, settling, staging
from ingest.models import FindingRow, Submission
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores", "site")]


@pytest.fixture
def hand_in(tmp_path, fence, actor):
    """Take one package all the way it goes by itself; the line that the command would print."""
    handed = iter(range(1000))

    def take(**changes) -> dict:
        break_ = changes.pop("break_", None)
        folder = tmp_path / str(next(handed))
        path = factories.a_bag(folder, factories.a_submission(**changes), zip=True, break_=break_)
        received = receiving.receive_path(path, actor=actor, fence=fence, channel="cli")
        if not received.duplicate:
            pipeline.process(received.submission.pk, fence, actor=actor)
        submission = Submission.objects.get(pk=received.submission.pk)
        return outcomes.outcome(submission, str(path), duplicate=received.duplicate)

    return take


def failed(line) -> set[str]:
    return {row["check"] for row in line["findings"] if row["verdict"] == "failed"}


WRONG = {"fields": {"合同开始时间": "20201301"}}


def test_one_failed_finding_returns_the_package_and_makes_no_record(hand_in):
    line = hand_in(**WRONG)
    assert line["state"] == "returned" and failed(line) == {"GD-1-3"}
    assert not Record.objects.exists()
    submission = Submission.objects.get()
    assert submission.blob and submission.reason and submission.report


def test_a_warning_returns_nothing(hand_in):
    line = hand_in(fields={"没有这一栏": "有"})
    assert line["state"] == "archived"
    assert "warning" in {row["verdict"] for row in line["findings"]}


@pytest.mark.parametrize("fonds", ["X999", None])
def test_a_package_for_no_fonds_of_ours_is_returned(hand_in, fonds):
    line = hand_in(fonds=fonds)
    assert (line["state"], failed(line)) == ("returned", {"X-fonds"})


def test_a_source_that_may_deliver_elsewhere_only_is_returned(hand_in, actor):
    other, _ = holdings.make_fonds("D020", "另一个", actor=actor)
    holdings.load_sources({"dongguan": "网上服务系统"})
    SourceSystem.objects.get(code="dongguan").fonds.add(other)
    assert failed(hand_in()) == {"X-fonds"}


# The same case again


def test_a_higher_revision_supersedes_the_returned_one(hand_in):
    first = hand_in(**WRONG)
    second = hand_in(revision=2)
    assert second["state"] == "archived"
    earlier = Submission.objects.get(pk=first["submission"])
    assert earlier.state == "superseded" and str(earlier.superseded_by_id) == second["submission"]
    assert Event.objects.filter(subject=first["submission"], action="submission.superseded").count() == 1
    assert not Relation.objects.exists()


def test_a_lower_revision_than_one_received_is_refused(hand_in):
    hand_in(revision=2)
    assert hand_in(revision=1)["state"] == "refused"
    assert Record.objects.count() == 1


def test_a_higher_revision_after_filing_is_a_record_of_its_own_that_corrects(hand_in):
    first, second = hand_in(), hand_in(revision=2, title="更正后的题名")
    assert (first["state"], second["state"]) == ("archived", "archived")
    relation = Relation.objects.get()
    assert (str(relation.record_id), str(relation.earlier_id), relation.kind) == (
        second["record"],
        first["record"],
        "更正",
    )
    assert Submission.objects.get(pk=first["submission"]).state == "archived"


def test_a_refused_package_comes_again_as_the_same_refusal(hand_in):
    hand_in()
    one, other = hand_in(title="甲"), hand_in(title="甲")
    assert one["state"] == "refused" and other["state"] == "duplicate" and other["first_state"] == "refused"
    assert Submission.objects.filter(state="refused").count() == 1


# What waits


def test_an_undetermined_period_waits_and_a_determination_lets_it_go_on(tmp_path, fence, actor):
    holdings.make_fonds("G003", "贵州省社会保险事业局", actor=actor)
    draft = cases.summary(People(3), handled_on=date(2016, 5, 4), number=1, department="统计科", count=2)
    light.print_drafts([draft])
    path = bags.write(
        bags.Bag(submission=draft.submission, files=draft.files).tree(), tmp_path / "s.zip", zip=True
    )
    submission = receiving.receive_path(path, actor=actor, fence=fence, channel="cli").submission
    submission = pipeline.process(submission.pk, fence, actor=actor)
    assert submission.state == "waiting" and "保管期限待定" in submission.reason
    assert not Record.objects.exists()
    key = f"item:{submission.source}/{submission.item}"
    determinations.determine(key, "10", basis="本单位期限表", actor=actor)
    assert settling.examine_waiting(actor=actor) == 1
    assert pipeline.process(submission.pk, fence, actor=actor).state == "archived"
    record = Record.objects.get()
    assert (record.retention, record.retention_key) == ("10", key)


def test_a_sources_confirmation_per_batch_keeps_it_waiting_until_somebody_confirms(hand_in, fence, actor):
    holdings.load_sources({"dongguan": "网上服务系统"})
    SourceSystem.objects.filter(code="dongguan").update(confirm_per_batch=True)
    line = hand_in()
    assert line["state"] == "waiting" and "X-confirm" in {row["check"] for row in line["findings"]}
    settling.confirm(line["submission"], note="与目录核对无误", actor=actor)
    pipeline.process(line["submission"], fence, actor=actor)
    assert Submission.objects.get(pk=line["submission"]).state == "archived"


def test_an_unscanned_package_waits_where_the_site_demands_a_scan(hand_in, settings):
    settings.REQUIRE_SCAN = True
    line = hand_in()
    assert line["state"] == "waiting" and not Record.objects.exists()


# What the business system says of the period


@pytest.mark.parametrize(("declared", "kept"), [("10", "100"), ("永久", "永久"), ("100", "100")])
def test_a_declared_period_never_shortens_and_is_never_silently_replaced(hand_in, declared, kept):
    line = hand_in(retention=declared)
    said = [row for row in line["findings"] if row["field"] == "retention"]
    assert (line["state"], line["retention"]) == ("archived", kept)
    assert bool(said) == (declared != "100")


# The daily sample


@pytest.mark.parametrize(("percent", "sampled"), [(0, 0), (100, 3)])
def test_the_share_of_the_sites_setting_is_laid_before_an_archivist(hand_in, settings, percent, sampled):
    settings.SAMPLE_PERCENT = percent
    for number in range(3):
        assert hand_in(business_no=f"DG-{number}")["state"] == "archived"
    assert Submission.objects.filter(sampled_on__isnull=False).count() == sampled


# Kills


def test_a_kill_between_deciding_and_filing_is_taken_up(hand_in, fence, actor, monkeypatch):
    from ingest import acceptance

    class Killed(BaseException):
        pass

    def die(*args, **more):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(acceptance, "file", die)
        with pytest.raises(Killed):
            hand_in()
    submission = Submission.objects.get()
    assert submission.state == "accepted" and not Record.objects.exists()
    pipeline.process(submission.pk, fence, actor=actor)
    submission.refresh_from_db()
    assert submission.state == "archived" and Record.objects.count() == 1
    assert not submission.blob and not list(staging.work_folder(submission.pk).glob("*"))


# Nothing personal in what is told


def test_neither_rows_nor_report_hold_the_number_of_a_wrong_person(hand_in):
    number = factories.a_submission()["persons"][0]["id_no"]
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    person = factories.a_submission()["persons"][0] | {"id_no": wrong}
    line = hand_in(persons=[person], business_no=f"DG{wrong}")
    assert "X-IDENTITY" in failed(line)
    report = staging.read_report(Submission.objects.get().report)
    rows = FindingRow.objects.values_list("message", "value", "field")
    for told in (line["findings"], report["findings"], list(rows)):
        assert wrong not in str(told) and privacy.mask_number(wrong) in str(told)
