"""Setting up whose archive it is: fonds, departments, source systems. Verbs for `setup` and the pages."""

import re

from django.db import transaction

from archive import audit, keks, terms
from archive.errors import NotAllowed, NotFound, WrongInput, WrongState
from archive.models import Department, Fonds, Record, SourceSystem
from archive.permissions import Actor
from archive.stores import OWN


@transaction.atomic
def make_fonds(code: str, name: str, *, actor: Actor, scheme: str = "stage") -> tuple[Fonds, bool]:
    """The fonds of that code, made when it is new. Its scheme may still change while nothing is filed in it.

    Returns (fonds, made). Raises WrongInput for a code that DA/T 13 does not allow or an unknown scheme.
    """
    code, name = code.strip(), name.strip()
    if not re.fullmatch(r"[A-Za-z0-9]{1,12}", code):
        raise WrongInput(field="全宗号", reason=f"“{code}”应由 1 至 12 位字母和数字组成，例如 D019。")
    if f"{code.lower()}/" in OWN:
        raise WrongInput(field="全宗号", reason=f"“{code}”是系统自己的文件在存储里的名字，请另取一个。")
    if not name:
        raise WrongInput(field="全宗名称", reason="不能为空。")
    if scheme not in terms.SCHEMES:
        raise WrongInput(field="分类方案", reason=f"“{scheme}”应为 {' 或 '.join(terms.SCHEMES)}。")
    fonds = Fonds.objects.select_for_update().filter(code=code).first()
    alike = Fonds.objects.filter(code__iexact=code).exclude(code=code).first()
    if alike is not None:  # folders and search tokens know no difference between them
        raise WrongInput(field="全宗号", reason=f"“{code}”与已有的 {alike.code} 只有大小写之差。")
    if fonds is not None:
        if fonds.scheme != scheme and Record.objects.filter(fonds=fonds).exists():
            raise WrongState(what=f"全宗 {code}", state="已有档案", verb="更改分类方案")
        if (fonds.name, fonds.scheme) != (name, scheme):
            fonds.name, fonds.scheme = name, scheme
            fonds.save(update_fields=["name", "scheme"])
        return fonds, False
    fonds = Fonds.objects.create(code=code, name=name, scheme=scheme)
    data = {"code": code, "name": name, "scheme": terms.SCHEMES[scheme]}
    audit.record(actor=actor, action="fonds.made", kind="fonds", subject=code, name=name, data=data)
    return fonds, True


@transaction.atomic
def set_encryption(code: str, encrypted: bool, *, actor: Actor) -> Fonds:
    """Whether the files that are filed in this fonds from now on are stored encrypted. What is stored stays as it is.

    Raises NotFound, NotAllowed, and NotConfigured when there is no key that could wrap theirs.
    """
    fonds = Fonds.objects.select_for_update().filter(code=code).first()
    if fonds is None:
        raise NotFound(what=f"全宗 {code}")
    if not actor.reaches("encryption.set", code):
        raise NotAllowed(reason="加密存放由安全保密员决定。")
    if encrypted:
        keks.current()
    if fonds.encrypted != encrypted:
        fonds.encrypted = encrypted
        fonds.save(update_fields=["encrypted"])
        data = {"state": "加密存放" if encrypted else "不加密存放"}
        audit.record(
            actor=actor, action="fonds.encryption_set", kind="fonds", subject=code, name=fonds.name, data=data
        )
    return fonds


def department(fonds: Fonds, name: str, *, actor: Actor) -> Department | None:
    """The department of that name, made when it is new; None for an empty name."""
    name = name.strip()
    if not name:
        return None
    found = Department.objects.filter(fonds=fonds, name=name).first()
    if found:
        return found
    with transaction.atomic():
        # Not the whole row: a filing that refers to the fonds, and holds a counter, must not wait for this.
        Fonds.objects.select_for_update(no_key=True).get(pk=fonds.pk)
        made, new = Department.objects.get_or_create(fonds=fonds, name=name)
        if new:
            data = {"name": name}
            audit.record(actor=actor, action="department.made", kind="fonds", subject=fonds.code, data=data)
    return made


def load_sources(names: dict[str, str]) -> int:
    """A row for every source system that a profile pack describes; the site's own choices stay. Returns new ones."""
    there = set(SourceSystem.objects.values_list("code", flat=True))
    new = [SourceSystem(code=code, name=name) for code, name in names.items() if code not in there]
    SourceSystem.objects.bulk_create(new)
    return len(new)
