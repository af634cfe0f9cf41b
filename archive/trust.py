"""The trust store: root certificates in which the chain of a signature must end. Kept by the security administrator.

A root is believed because a person says so, with a basis (a published list, a letter, a fingerprint compared by
telephone): so the basis is part of the row and of the event. What is removed stays as a row; reports name their engine
and their time, so an old verdict is understood by the roots of its day.
"""

import tempfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from archive import audit, permissions
from archive.errors import NotFound, WrongInput
from archive.inspection.fence import Fence
from archive.models import TrustedRoot
from archive.permissions import Actor

SOON = timedelta(days=90)
"""A new certificate takes letters and weeks: so long before the end of a root it is time to ask for it."""


def held() -> Iterable[TrustedRoot]:
    """The roots that are trusted now."""
    return TrustedRoot.objects.filter(removed_at=None).order_by("not_after", "name")


def roots() -> list[str]:
    """The trusted roots, Base64 of DER, in a steady order: what `facts["trusted"]` of an examination wants."""
    return list(TrustedRoot.objects.filter(removed_at=None).order_by("sha256").values_list("der", flat=True))


def add(content: bytes, *, basis: str, fence: Fence, actor: Actor) -> list[TrustedRoot]:
    """Trust every certificate of the file. Raises WrongInput when one is no certificate authority's or has run out;
    then none is trusted. One that is trusted already is passed over."""
    permissions.require(actor, "trust.manage")
    if not basis.strip():
        raise WrongInput(field="依据", reason="请写明凭什么信任这张证书。")
    found = read(content, fence)
    now = timezone.now()
    for entry in found:
        if not entry["ca"]:
            reason = f"“{entry['name']}”不是签发机构的证书，不能作为根。请上传签发机构的根证书或中间证书。"
            raise WrongInput(field="证书", reason=reason)
        if datetime.fromisoformat(entry["not_after"]) < now:
            until = entry["not_after"][:10]
            reason = f"“{entry['name']}”已在 {until} 失效。请核对后上传有效的证书。"
            raise WrongInput(field="证书", reason=reason)
    return [row for entry in found if (row := _trust(entry, basis.strip(), actor))]


def read(content: bytes, fence: Fence) -> list[dict]:
    """The certificates of a file, as `probes.certificates` tells them. Raises WrongInput when it holds none."""
    with tempfile.NamedTemporaryFile(prefix="certificate-") as file:
        file.write(content)
        file.flush()
        answer = fence.call("read_certificates", path=file.name)
    if fault := answer.get("fault") or answer.get("crashed"):
        raise WrongInput(field="证书", reason=f"{fault}。")
    return answer["certificates"]


def _trust(entry: dict, basis: str, actor: Actor) -> TrustedRoot | None:
    try:
        with transaction.atomic():
            row = TrustedRoot.objects.create(
                name=entry["name"],
                serial=entry["serial"],
                sha256=entry["sha256"],
                der=entry["der"],
                not_before=entry["not_before"],
                not_after=entry["not_after"],
                basis=basis[:300],
                added_at=timezone.now(),
                added_by_name=actor.name,
            )
            audit.record(
                actor=actor,
                action="trust.added",
                kind="site",
                subject="trust",
                name=row.name,
                data={"name": row.name, "serial": row.serial, "basis": row.basis, "sha256": row.sha256},
            )
    except IntegrityError:  # trusted already
        return None
    return row


@transaction.atomic
def withdraw(pk: UUID | str, *, reason: str, actor: Actor) -> TrustedRoot:
    """Trust it no longer. What was examined before keeps its report. Done already: nothing happens."""
    permissions.require(actor, "trust.manage")
    row = TrustedRoot.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise NotFound(what="这张根证书")
    if row.removed_at is not None:
        return row
    if not reason.strip():
        raise WrongInput(field="原因", reason="请写明为什么不再信任它。")
    row.removed_at, row.removed_by_name = timezone.now(), actor.name
    row.removed_reason = reason.strip()[:300]
    row.save(update_fields=["removed_at", "removed_by_name", "removed_reason"])
    audit.record(
        actor=actor,
        action="trust.removed",
        kind="site",
        subject="trust",
        name=row.name,
        data={"name": row.name, "serial": row.serial, "reason": row.removed_reason},
    )
    return row
