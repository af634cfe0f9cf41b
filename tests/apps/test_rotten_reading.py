"""Bytes that read otherwise than they were archived, on the local store: shown to nobody, copied nowhere, and told."""

import os
from pathlib import Path

import pytest
from django.urls import reverse

from archive import contents, fixity, renditions
from archive.errors import StorageFailed
from archive.models import Copy, Damage
from tests import bags, filed
from tests.pages import reader, text

pytestmark = pytest.mark.django_db(databases="__all__")


def rot(copy: Copy) -> None:
    name = copy.key.rpartition("/")[2]
    below = Path(os.environ[f"{copy.store.upper()}_PATH"])
    path = next(path for path in below.rglob(f"{name}@{copy.version}*") if path.suffix != ".json")
    path.chmod(0o600)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.fixture
def record(stores):
    return filed.a_record(stores, contents=(bags.pdf("one"),))


def test_a_page_of_a_rotten_file_is_not_drawn_but_told(record):
    item = record.digital_objects.order_by("position").first()
    rot(item.copies.get())
    page = reverse("reading:page", args=[record.pk, item.pk, 1, renditions.PAGE])
    response = reader("clerk").get(page)
    assert response.status_code == 503 and "读出的内容与归档时的不同" in text(response)
    with pytest.raises(StorageFailed), contents.open_object(item) as stream:
        stream.read()


def test_a_store_that_lets_nothing_be_read_damages_nothing(record, stores, actor, monkeypatch):
    def refusing(*arguments, **named):
        raise StorageFailed(store="local", kind="denied", reason="没有读写权限。")

    with monkeypatch.context() as changed:
        changed.setattr(type(stores["local"]), "open", refusing)
        with pytest.raises(StorageFailed, match="没有把副本记为受损"):
            fixity.sweep(actor=actor, everything=True)
    assert not Damage.objects.exists() and not Copy.objects.exclude(state="stored").exists()
    assert fixity.sweep(actor=actor, everything=True).damaged == 0
