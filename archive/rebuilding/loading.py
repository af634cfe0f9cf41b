"""Rows of a snapshot into an empty table. What they refer to and is not there is left out, or the row is, and said."""

from collections.abc import Iterable
from uuid import UUID

from django.db import DatabaseError, models, transaction

from archive import catalogue, seals
from archive.models import User
from archive.rebuilding.report import Report


class Loader:
    def __init__(self, report: Report) -> None:
        self.report = report

    def load(self, label: str, rows: Iterable[dict]) -> None:
        """Inside a transaction. Rows that refer to others of their own table get that column afterwards."""
        model = catalogue.models_by_label()[label]
        own: list[tuple[models.Field, object, object]] = []
        for part in seals.batches(rows):
            made = [row for values in part if (row := self._row(model, values)) is not None]
            for field in model._meta.concrete_fields:
                if not field.is_relation:
                    continue
                if field.related_model is model:
                    own += [(field, row.pk, value) for row in made if (value := getattr(row, field.attname))]
                    for row in made:
                        row.__dict__[field.attname] = None
                else:
                    made = self._attached(model, field, made)
            self._insert(model, made)
        for field, pk, value in own:
            model._base_manager.filter(pk=pk).update(**{field.attname: value})

    def _row(self, model: type[models.Model], values: dict) -> models.Model | None:
        try:
            row = catalogue.row_of(model, values)
        except ValueError as fault:
            self.report.problem(model._meta.label_lower, f"{values.get('id')}：读不懂（{fault}）")
            return None
        if isinstance(row, User):
            close(row)
        return row

    def _attached(self, model: type[models.Model], field: models.Field, rows: list) -> list:
        """The rows whose target is there; without it where the column may be empty."""
        target = field.related_model
        wanted = {value for row in rows if (value := getattr(row, field.attname)) is not None}
        there = set(target._base_manager.filter(pk__in=wanted).values_list("pk", flat=True))
        if target is User:
            for pk in wanted - there:
                unknown_user(pk)
            return rows
        kept = []
        for row in rows:
            value = getattr(row, field.attname)
            if value is not None and value not in there:
                self.report.problem(model._meta.label_lower, f"{row.pk}：所指的{field.verbose_name}不在")
                if not field.null:
                    continue
                row.__dict__[field.attname] = None
            kept.append(row)
        return kept

    def _insert(self, model: type[models.Model], rows: list) -> None:
        try:
            with transaction.atomic():
                insert(model, rows)
        except DatabaseError:
            for row in rows:  # one of them: all the others are brought in
                try:
                    with transaction.atomic():
                        insert(model, [row])
                except DatabaseError as fault:
                    self.report.problem(model._meta.label_lower, f"{row.pk}：{fault}")
                    self.report.counts[model._meta.label_lower] -= 1
        self.report.counts[model._meta.label_lower] += len(rows)


def insert(model: type[models.Model], rows: list) -> None:
    """With every column as given, also those that a new row would fill by itself."""
    filled = [field.attname for field in model._meta.concrete_fields if getattr(field, "auto_now_add", False)]
    given = [{name: getattr(row, name) for name in filled if getattr(row, name)} for row in rows]
    model._base_manager.bulk_create(rows, batch_size=500)
    for row, values in zip(rows, given, strict=True):
        if values:
            model._base_manager.filter(pk=row.pk).update(**values)


def close(user: User) -> None:
    """Rights and secrets do not come back: nobody signs in before somebody has let him in again."""
    user.is_active = user.is_staff = user.is_superuser = False
    user.set_unusable_password()


def unknown_user(pk: UUID, username: str = "", name: str = "") -> None:
    """A row for whom rows speak of, where nothing more is known of him."""
    if User.objects.filter(pk=pk).exists():
        return
    if not username or User.objects.filter(username=username).exists():
        username = f"unknown-{pk}"
    user = User(id=pk, username=username, name=name or "重建前的用户")
    close(user)
    user.save(force_insert=True)
