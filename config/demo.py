"""The living archive of `make demo`: filled through the system's own verbs, twice without harm.

Everything is invented (config/demonstration). Periods are never altered to make something due: what has fallen due was
really formed so long ago.
"""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from archive import holdings, people
from archive.errors import NotAllowed
from archive.inspection.fence import Fence
from archive.models import Assignment, Fonds, ManualConfirmation, User
from archive.permissions import Actor, system_actor
from config import demo_decisions, worker
from config.demonstration.catalogue import DEPARTMENTS, FONDS, demo_packages
from config.demonstration.staff import PASSWORD, STAFF
from ingest import confirmations, pipeline, receiving

Say = Callable[[str], None]


def refuse_beside_real_records() -> None:
    """Invented records and a known password must never stand beside real ones."""
    if settings.PRODUCTION:
        raise NotAllowed(reason="正式环境不能装入演示数据，请另设 ARCHIVE_DATA 和 DATABASE_URL。")
    if Fonds.objects.exclude(code__in=FONDS).exists():
        raise NotAllowed(reason="这里已有其他全宗，不能装入演示数据，请另设 ARCHIVE_DATA 和 DATABASE_URL。")


def fill(say: Say) -> dict[str, int]:
    """Departments, people, packages. Returns how many packages ended in which state, new ones only."""
    actor = system_actor("演示")
    for code, names in DEPARTMENTS.items():
        fonds = Fonds.objects.get(code=code)
        for name in names:
            holdings.department(fonds, name, actor=actor)
    for staff in STAFF:
        _employ(staff, actor)
    say("正在制作信息包（第一次约十秒）…")
    packages = demo_packages(settings.ARCHIVE_DATA / "demonstration")
    counts: dict[str, int] = {}
    sender = Actor.of(User.objects.get(username=STAFF[0].username), address="127.0.0.1")
    _confirm_environment(sender)
    with Fence() as fence:
        for number, planned in enumerate(packages, 1):
            received = receiving.receive_path(
                planned.path, actor=sender, fence=fence, channel="folder", batch_no="演示批次"
            )
            if received.duplicate:
                continue
            submission = pipeline.process(received.submission.pk, fence, actor=actor)
            word = submission.get_state_display()
            counts[word] = counts.get(word, 0) + 1
            if number % 10 == 0:
                say(f"  已处理 {number}/{len(packages)} 个信息包")
    demo_decisions.decide(say, actor)
    worker.follow_changes()
    return counts


def _confirm_environment(archivist: Actor) -> None:
    """What the archivist has looked at himself, so that the reports cite it; the carrier stays 人工待检."""
    if ManualConfirmation.objects.exists():
        return
    today = timezone.localdate()
    for checks, statement in (
        (["GD-3-5", "GD-4-1"], "逐台查看接收用机：系统版本、阅读软件合规，杀毒软件已装，病毒库三天内更新。"),
        (["GD-4-7"], "移交、接收由专人办理，账号实名，操作记入审计；现场抽查两次，符合保密要求。"),
    ):
        confirmations.confirm(
            checks=checks,
            extent="site",
            reference="",
            verdict="passed",
            statement=statement,
            valid_until=today + timedelta(days=180),
            actor=archivist,
        )


def _employ(staff, actor: Actor) -> None:
    user = User.objects.filter(username=staff.username).first()
    if user is None:
        user, _ = people.make_user(staff.username, staff.name, password=PASSWORD, actor=actor)
    held = set(Assignment.objects.filter(user=user).values_list("role", "fonds__code"))
    for role, code, names in staff.grants:
        if (role, code) in held:
            continue
        fonds = Fonds.objects.get(code=code) if code else None
        departments = fonds.departments.filter(name__in=names).values_list("pk", flat=True) if names else None
        extent = people.Extent(
            fonds=fonds, departments=tuple(departments) if departments is not None else None, security=2
        )
        people.assign(user.pk, role, extent, actor=actor)
