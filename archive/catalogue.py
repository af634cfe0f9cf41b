"""目录: which tables make the catalogue, and how one of their rows is written down and read again.

Every concrete model of the project stands either in TABLE (a snapshot holds its rows, `rebuilding` brings them back) or
in APART (with the reason why not). `tests/apps/test_snapshots.py` asserts that none is in neither.

A row is written as JSON by field name. Cipher text is left out, so that a snapshot says of a record no more than the
stub that stays of it after its destruction: old snapshots never keep alive what was destroyed. The cipher text lies in
the manifests beside the bytes, and goes with them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models


@dataclass(frozen=True)
class Table:
    """`path`: the lookup from a row to its fonds; "" = a row of the whole site. `loose`: the fonds may be unknown; those
    rows are of the site as well. `without`: columns that are never written."""

    label: str
    path: str = ""
    loose: bool = False
    without: tuple[str, ...] = ()


TABLE: tuple[Table, ...] = (
    Table("archive.user", without=("password", "last_login", "is_superuser", "is_staff", "is_active")),
    Table("archive.storeretirement"),
    Table("archive.fonds", "pk"),
    Table("archive.department", "fonds"),
    Table("archive.lockmodechange", "fonds"),
    Table("archive.sourcesystem"),
    Table("archive.sourcesystem_fonds"),
    Table("archive.trustedroot"),
    Table("archive.manualconfirmation", "fonds", loose=True),
    Table("archive.retentionclass"),
    Table("archive.determination"),
    Table("archive.counter"),
    Table("archive.cataloguesnapshot", "fonds", loose=True),
    Table("archive.paper", "fonds"),
    Table("archive.record", "fonds"),
    Table("archive.recordparty", "record__fonds"),
    Table("archive.relation", "record__fonds"),
    Table("archive.block", "record__fonds"),
    Table("archive.digitalobject", "record__fonds"),
    Table("archive.pdfaclaim", "object__record__fonds"),
    Table("archive.copy", "object__record__fonds"),
    Table("archive.quarantinedversion", "copy__object__record__fonds"),
    Table("archive.fixityrun"),
    Table("archive.damage", "copy__object__record__fonds"),
    Table("retention.person"),
    Table("retention.signature"),
    Table("retention.group", "fonds"),
    Table("retention.member", "group__fonds"),
    Table("retention.appraisal", "fonds"),
    Table("retention.appraisalitem", "appraisal__fonds"),
    Table("retention.opinion", "appraisal__fonds"),
    Table("retention.opinionitem", "opinion__appraisal__fonds"),
    Table("retention.register", "fonds"),
    Table("retention.edition", "register__fonds"),
    Table("retention.registerrow", "register__fonds"),
    Table("retention.supervision", "register__fonds"),
    Table("retention.hold", "fonds"),
    Table("ingest.submission", "fonds", loose=True),
    Table("ingest.findingrow", "submission__fonds", loose=True),
    Table("archive.storereading"),
    Table("archive.backup"),
)
"""In the order in which they are loaded: what a row refers to comes before it."""

APART: dict[str, str] = {
    "archive.event": "账本：随封存存入 ledger/",
    "archive.access": "账本：随封存存入 ledger/",
    "archive.seal": "账本：封存文件本身在 seals/",
    "archive.chainhead": "由变更事件算出",
    "archive.change": "队列",
    "archive.madecontent": "队列：还没有写好的内容",
    "archive.evidencelock": "由存储的列表算出，可弃",
    "archive.objecttext": "可弃：检索用的全文，可由文件重新提取；留着会比档案活得久",
    "archive.recognition": "可弃：识别到一半的文字；文件还在，可以再识别",
    "archive.objectkey": "密钥：只在密钥库里，销毁之后别处不得再有",
    "archive.assignment": "权限",
    "archive.user_groups": "权限",
    "archive.user_user_permissions": "权限",
    "auth.permission": "权限",
    "auth.group": "权限",
    "auth.group_permissions": "权限",
    "contenttypes.contenttype": "由迁移建立",
    "sessions.session": "会话",
    "axes.accessattempt": "登录锁定，可弃",
    "axes.accessattemptexpiration": "登录锁定，可弃",
    "axes.accessfailurelog": "登录锁定，可弃；登录记在账本里",
    "axes.accesslog": "登录锁定，可弃；登录记在账本里",
    "django_q.ormq": "队列",
    "django_q.schedule": "由 setup 建立",
    "django_q.task": "队列：运行历史，可弃",
    "django_q.success": "队列：运行历史，可弃",
    "django_q.failure": "队列：运行历史，可弃",
}


@cache
def models_by_label() -> dict[str, type[models.Model]]:
    return {model._meta.label_lower: model for model in apps.get_models(include_auto_created=True)}


def columns(model: type[models.Model], without: Iterable[str] = ()) -> list[models.Field]:
    return [field for field in model._meta.concrete_fields if field.name not in without]


def line(value) -> bytes:
    """Canonical JSON: the same value gives the same bytes."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_word
    ).encode()


def _word(value) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a catalogue")


def values_of(row: models.Model, without: Iterable[str] = ()) -> dict:
    """A row by column name."""
    return {field.attname: getattr(row, field.attname) for field in columns(type(row), without)}


def plain(value):
    """As it will come out of JSON."""
    return json.loads(line(value))


def row_of(model: type[models.Model], values: dict) -> models.Model:
    """The unsaved row. Columns that the file does not have take their defaults; those that the model has not any
    more are passed over. Raises ValueError for a value that is none of the column's."""
    row = model()
    for field in model._meta.concrete_fields:
        if field.attname in values:
            row.__dict__[field.attname] = read(field, values[field.attname])
    return row


def read(field: models.Field, value):
    """A column's value out of JSON. Raises ValueError."""
    if value is None:
        return None
    target = field.target_field if field.is_relation else field
    try:
        return target.to_python(value)
    except (ValidationError, TypeError, OverflowError) as fault:
        raise ValueError(f"{field.name}: {type(fault).__name__}") from fault
