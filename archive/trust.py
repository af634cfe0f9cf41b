"""The trust store: root certificates in which the chain of a signature must end. Kept by the security administrator.

A root is believed because a person says so, with a basis (a published list, a letter, a fingerprint compared by
telephone): so the basis is part of the row and of the event. What is removed stays as a row; reports name their engine
and their time, so an old verdict is understood by the roots of its day.

With a root stand the lists of certificates that it has revoked: handed in as files, believed by its signature, the newest
of each scope. Nothing is fetched.
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
    """The roots that are trusted now, without their lists, which may be long."""
    return TrustedRoot.objects.filter(removed_at=None).defer("revocations").order_by("not_after", "name")


def lists() -> list[tuple[str, dict]]:
    """(name of the root, list) of those held; a list as `probes.revocations` tells it, with `count`, `added_at`,
    `added_by`."""
    rows = TrustedRoot.objects.filter(removed_at=None).exclude(revocations={}).order_by("name")
    return [(row.name, one) for row in rows for one in row.revocations.values()]


def revocations() -> dict[str, list[dict]]:
    """Digest of an issuer's name → its lists: what `facts["revocations"]` of an examination calls where it finds a
    signature."""
    found: dict[str, list[dict]] = {}
    for _, one in lists():
        found.setdefault(one["issuer"], []).append(one)
    return found


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
    return _read(content, fence, "证书", "read_certificates")["certificates"]


def _read(content: bytes, fence: Fence, field: str, function: str, **options) -> dict:
    with tempfile.NamedTemporaryFile(prefix="certificate-") as file:
        file.write(content)
        file.flush()
        answer = fence.call(function, path=file.name, **options)
    if fault := answer.get("fault") or answer.get("crashed"):
        raise WrongInput(field=field, reason=f"{fault}。")
    return answer


@transaction.atomic
def add_list(content: bytes, *, fence: Fence, actor: Actor) -> tuple[TrustedRoot, dict]:
    """Hold a list of revoked certificates in the place of the older one of its scope. Raises WrongInput where no trusted
    root has signed it, or a newer one is held."""
    permissions.require(actor, "trust.manage")
    one = _read(content, fence, "吊销列表", "read_revocations", trusted=roots())
    row = TrustedRoot.objects.select_for_update().filter(removed_at=None, sha256=one.pop("root")).first()
    if row is None:
        raise WrongInput(field="吊销列表", reason="签发它的证书刚刚移出了信任库。")
    old = row.revocations.get(one["scope"])
    if old and datetime.fromisoformat(old["this_update"]) > datetime.fromisoformat(one["this_update"]):
        day = old["this_update"][:10]
        raise WrongInput(field="吊销列表", reason=f"已有更新的一份，签发于 {day}。请上传最新的列表。")
    one |= {"count": len(one["entries"]), "added_at": timezone.now().isoformat(), "added_by": actor.name}
    row.revocations[one["scope"]] = one
    row.save(update_fields=["revocations"])
    data = {"count": one["count"], "sha256": one["sha256"]}
    data |= {key: one[key][:10] for key in ("this_update", "next_update")}
    _say(row, "trust.list_added", actor, **data)
    return row, one


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
            _say(row, "trust.added", actor, serial=row.serial, basis=row.basis, sha256=row.sha256)
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
    _say(row, "trust.removed", actor, serial=row.serial, reason=row.removed_reason)
    return row


def _say(row: TrustedRoot, action: str, actor: Actor, **data: object) -> None:
    audit.record(
        actor=actor,
        action=action,
        kind="site",
        subject="trust",
        name=row.name,
        data={"name": row.name} | data,
    )
