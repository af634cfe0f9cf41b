"""全宗卷: what proves the decisions about a fonds: minutes, registers, receipts, approvals, destruction records.

Permanent, numbered without gaps in the fonds, never due. A paper's bytes lie in every configured store under
`fondsfile/<fonds>/<paper>`, locked to the horizon and read back, before its row exists: a kill in between leaves bytes
without a row, never a row without bytes. The locks are renewed at half the horizon (`renewal`); papers never end.
"""

import hashlib
import io
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from archive import audit, numbering, permissions, stores
from archive.errors import NotFound, StorageFailed, WrongInput
from archive.identifiers import new_id
from archive.models import Fonds, Paper
from archive.permissions import Actor
from archive.storage import Store

PREFIX = "fondsfile"
MAX_BYTES = 200 * 1024 * 1024


def keep_paper(
    fonds: Fonds, *, kind: str, title: str, content: bytes, mime: str, about: str, actor: Actor
) -> Paper:
    """Keep one paper. `about` names its subject: "register:<uuid>". Whoever calls has asked the permission.

    Call it outside a transaction: it talks to the stores. Keeping the same bytes of that kind about the same
    subject again returns the paper that is there, so that an interrupted verb may simply be repeated. Raises
    StorageFailed when a store does not keep its promise; then there is no paper.
    """
    if not content:
        raise WrongInput(field=kind, reason="文件是空的，没有存入全宗卷。")
    if len(content) > MAX_BYTES:
        raise WrongInput(field=kind, reason=f"文件超过 {MAX_BYTES // 1024 // 1024} MB，没有存入全宗卷。")
    sha256 = hashlib.sha256(content).hexdigest()
    there = Paper.objects.filter(fonds=fonds, about=about, kind=kind, sha256=sha256).order_by("number")
    if about and (found := there.first()):
        return found
    paper = Paper(
        id=new_id(),
        fonds=fonds,
        kind=kind[:40],
        title=title[:200],
        about=about,
        made_at=timezone.now(),
        made_by_name=actor.name,
        mime=mime[:120],
        bytes=len(content),
        sha256=sha256,
    )
    key = f"{PREFIX}/{fonds.code}/{paper.pk}"
    paper.copies = [_put(store, key, content, paper) for store in stores.configured().values()]
    with transaction.atomic():
        paper.number = numbering.draw(f"{PREFIX}:{fonds.code}")
        paper.save(force_insert=True)
        audit.record(
            actor=actor,
            action="paper.kept",
            kind="fonds",
            subject=fonds.code,
            name=paper.title,
            data={"number": paper.number, "kind": paper.kind, "title": paper.title, "sha256": sha256},
        )
    return paper


def _put(store: Store, key: str, content: bytes, paper: Paper) -> dict[str, str]:
    stored = store.put(
        key,
        io.BytesIO(content),
        size=len(content),
        sha256=paper.sha256,
        content_type=paper.mime,
        lock_until=stores.horizon(timezone.localdate()),
        mode=stores.lock_mode(paper.fonds),
        metadata={"paper": str(paper.pk), "about": paper.about},
    )
    _whole(store, stored.key, stored.version, paper)
    return {"store": store.name, "key": stored.key, "version": stored.version}


def _whole(store: Store, key: str, version: str, paper: Paper) -> bytes:
    with store.open(key, version) as stream:
        content = stream.read()
    if hashlib.sha256(content).hexdigest() != paper.sha256:
        raise StorageFailed(
            store=store.name,
            kind="changed",
            reason=f"全宗卷第 {paper.number or '—'} 号读出的内容与存入的不同。",
        )
    return content


def _in_store(store: Store, copy: dict[str, str], paper: Paper) -> bytes:
    """What was kept: the version of the row, else one that was put again since (`evidence`)."""
    try:
        return _whole(store, copy["key"], copy["version"], paper)
    except StorageFailed:
        for other in store.versions(copy["key"]):
            if other.version != copy["version"] and not other.marker:
                return _whole(store, other.key, other.version, paper)
        raise


def get_for(actor: Actor, pk: UUID | str) -> Paper:
    """The gate to a paper. Raises NotFound outside the fonds in which this actor may read papers."""
    paper = Paper.objects.select_related("fonds").filter(pk=pk).first()
    if paper is None or not actor.reaches("paper.read", paper.fonds.code):
        raise NotFound(what="这份全宗卷文件")
    permissions.require(actor, "paper.read")
    return paper


def open_paper(paper: Paper, *, actor: Actor) -> BinaryIO:
    """Its bytes, from the first copy that is what was kept; the reading stands in the ledger. Who may read was
    asked at the gate. Raises StorageFailed when no copy is whole."""
    fault: StorageFailed | None = None
    for copy in paper.copies:
        store = stores.configured().get(copy["store"])
        if store is None:
            continue
        try:
            content = _in_store(store, copy, paper)
        except StorageFailed as error:  # the next copy may be whole
            fault = error
            continue
        audit.access(actor=actor, action="paper.viewed", data={"number": paper.number, "title": paper.title})
        return io.BytesIO(content)
    raise fault or StorageFailed(
        store="—", kind="missing", reason="存放这份文件的存储不在当前配置中，请系统管理员检查。"
    )
