"""Records, users and scopes for tests, made by the product's own verbs. Plain functions with small defaults.

record = a_record(stores)                      one kept record with one file in every store
manager = an_actor("manager")                  a signed-in person with that role over the whole fonds D019
"""

import hashlib
import io
from datetime import date
from itertools import count

from archive import keeping, records
from archive.identifiers import new_id
from archive.models import Assignment, Department, Fonds, Record, User
from archive.permissions import Actor, system_actor

_number = count(1)


def a_fonds(code: str = "D019", scheme: str = "stage") -> Fonds:
    values = {"name": f"{code}社会保险经办机构", "scheme": scheme}
    return Fonds.objects.get_or_create(code=code, defaults=values)[0]


def a_department(name: str = "参保登记科", fonds: Fonds | None = None) -> Department:
    return Department.objects.get_or_create(fonds=fonds or a_fonds(), name=name)[0]


def a_user(username: str = "", name: str = "李四") -> User:
    username = username or f"user{next(_number)}"
    return User.objects.create_user(username, password="eight-places-and-two", name=name)


def an_actor(*roles: str, fonds: Fonds | None = None, **narrowed) -> Actor:
    """A person with these roles over the whole fonds, or a part of it: `departments=[…]`, `security=2` …"""
    user = a_user()
    for role in roles:
        Assignment.objects.create(user=user, role=role, fonds=fonds or a_fonds(), **narrowed)
    return Actor.of(user)


def an_object(content: bytes, path: str = "data/form.pdf", **changed) -> records.NewObject:
    values = {
        "id": new_id(), "role": "original", "path": path, "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(), "sm3": hashlib.new("sm3", content).hexdigest(),
        "material": "参加社会保险人员增减表", "material_code": "increase-form", "mime": "application/pdf", "pages": 1,
    }  # fmt: skip
    return records.NewObject(**(values | changed))


def a_new_record(**changed) -> records.NewRecord:
    values = {
        "id": new_id(), "fonds": changed.get("fonds") or a_fonds(), "title": "东莞市某某电子有限公司职工增员2019年12月",
        "formed_on": date(2019, 12, 10), "retention": "100", "retention_key": "1-2", "provisional": False,
        "source": "dongguan", "item": "online-increase", "item_title": "职工增员",
        "business_no": f"DG{next(_number):06d}", "stage": "DJ", "insurance": "ZO", "insurances": ("GS", "YL"),
    }  # fmt: skip
    return records.NewRecord(**(values | changed))


def a_record(stores=None, *, contents: tuple[bytes, ...] = (b"%PDF-1.7 a form",), **changed) -> Record:
    """A record with these files, filed and kept in `stores` (by name; without them only filed)."""
    files = {an_object(content, f"data/{number}.pdf"): content for number, content in enumerate(contents)}
    by_id = {item.id: content for item, content in files.items()}
    new = a_new_record(objects=tuple(files), **changed)
    actor = system_actor("测试")
    record = records.create(new, actor=actor, store_names=list(stores or ()))
    if stores:
        assert keeping.keep(record.id, lambda item: io.BytesIO(by_id[item.id]), actor=actor)
    return record
