"""file and keep: one transaction, gapless numbers, nothing personal in clear, no copy believed that was not read back."""

import io
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from archive import keeping, numbering, privacy, records, stores
from archive import stores as archive_stores
from archive.models import Copy, Counter, Event, ObjectText, Record, RecordParty
from archive.storage import StoreConfig
from archive.storage.local import LocalStore
from tests.filed import a_new_record, a_record, an_object

NUMBER = "44190019900101123X"
PHONE = "13800138000"


class Refused(Exception):
    """Something that breaks a filing at its end."""


def numbers() -> list[int]:
    return sorted(Record.objects.values_list("number", flat=True))


def file_and_break(actor):
    with pytest.raises(Refused), transaction.atomic():
        records.create(a_new_record(), actor=actor, store_names=[])
        raise Refused


@pytest.mark.django_db
def test_a_filing_that_is_rolled_back_gives_its_number_back(actor):
    for turn in range(5):
        records.create(a_new_record(), actor=actor, store_names=[])
        if turn % 2:
            file_and_break(actor)
    assert numbers() == [1, 2, 3, 4, 5]
    assert Counter.objects.get().last == 5


@pytest.mark.usefixtures("committed")
def test_a_number_is_drawn_only_inside_the_transaction_that_uses_it():
    with pytest.raises(RuntimeError):
        numbering.draw("D019-ZY·DJ·2019·D100")
    assert not Counter.objects.exists()


@pytest.mark.usefixtures("committed")
def test_create_is_one_transaction_whoever_calls_it(actor):
    """A fault in the last row takes the number, the record and the event back."""
    twice = an_object(b"same")
    with pytest.raises(Exception, match="(?i)unique|duplicate"):
        records.create(a_new_record(objects=(twice, twice)), actor=actor, store_names=["local"])
    assert not (Record.objects.exists() or Counter.objects.exists() or Event.objects.exists())


@pytest.mark.django_db
def test_each_scope_counts_by_itself_and_a_block_of_numbers_is_drawn_whole(actor):
    with transaction.atomic():
        assert numbering.draw("A") == 1
        assert numbering.draw("A", 10) == 2
        assert numbering.draw("A") == 12
        assert numbering.draw("B") == 1


@pytest.mark.django_db
def test_the_same_id_is_filed_once(actor):
    new = a_new_record()
    first, second = (records.create(new, actor=actor, store_names=[]) for _ in range(2))
    assert first.pk == second.pk and numbers() == [1]


@pytest.mark.django_db
def test_a_record_falls_due_by_its_formation_and_class(actor):
    new = a_new_record(formed_on=date(2012, 7, 1), retention="10")
    assert records.create(new, actor=actor, store_names=[]).due_on == date(2023, 1, 1)


@pytest.mark.django_db
def test_no_personal_number_lies_in_clear_in_any_table(actor):
    new = a_new_record(
        title=f"张三 {NUMBER} 增员",
        description={
            "fields": {"证件": NUMBER, "备注": f"电话 {PHONE}", "数": int(PHONE)},
            "lines": [{"1": NUMBER}],
            "process": [],
        },
        personal=frozenset({"证件"}),
        parties=(records.NewParty(kind="person", name="张三", id_type="居民身份证", id_no=NUMBER),),
        objects=(an_object(b"x", f"data/{NUMBER}.pdf", text=f"姓名 张三 身份证 {NUMBER} 电话 {PHONE}"),),
    )
    record = records.create(new, actor=actor, store_names=["local"])
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                assert NUMBER not in str(row) and PHONE not in str(row), table
    party = RecordParty.objects.get()
    assert privacy.decrypt(party.id_no) == NUMBER and party.id_token == privacy.number_token(NUMBER)
    assert privacy.decrypt(record.description["fields"]["证件"]) == NUMBER
    assert privacy.number_token(NUMBER) in ObjectText.objects.get().tokens


@pytest.mark.django_db
def test_what_a_pack_marks_as_personal_is_encrypted_whatever_it_looks_like(actor):
    new = a_new_record(description={"fields": {"户籍": "松山湖大道1号"}}, personal=frozenset({"户籍"}))
    kept = records.create(new, actor=actor, store_names=[]).description["fields"]["户籍"]
    assert kept.startswith(privacy.PREFIX) and privacy.decrypt(kept) == "松山湖大道1号"


# keep


class Forgetful(LocalStore):
    """A disk that gives back one byte otherwise than it took it."""

    def open(self, key, version, **part):
        with super().open(key, version, **part) as stream:
            content = bytearray(stream.read())
        content[0] ^= 1
        return io.BytesIO(bytes(content))


class Short(LocalStore):
    """A disk that loses the end."""

    def open(self, key, version, **part):
        with super().open(key, version, **part) as stream:
            return io.BytesIO(stream.read()[:-1])


@pytest.fixture
def one_store(tmp_path, monkeypatch):
    """The store of the kind asked for, as the only configured one."""

    def of(kind):
        store = kind(StoreConfig(name="local", path=str(tmp_path / "store")))
        monkeypatch.setattr(archive_stores, "opened", lambda: {"local": store})
        return store

    return of


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [Forgetful, Short])
def test_a_copy_that_reads_back_otherwise_is_failed_and_work_until_done(one_store, actor, kind):
    one_store(kind)
    new = a_new_record(objects=(an_object(b"a form"),))
    record = records.create(new, actor=actor, store_names=["local"])
    assert not keeping.keep(record.pk, lambda item: io.BytesIO(b"a form"), actor=actor)
    copies = Copy.objects.filter(object__record=record)
    assert set(copies.values_list("state", flat=True)) == {"failed"}
    assert all("内容与写入的不同" in fault for fault in copies.values_list("fault", flat=True))
    assert copies.filter(try_after__gt=timezone.now()).count() == copies.count()
    one_store(LocalStore)
    copies.update(try_after=None)
    assert keeping.keep(record.pk, lambda item: io.BytesIO(b"a form"), actor=actor)
    assert set(copies.values_list("state", flat=True)) == {"stored"}


@pytest.mark.django_db
def test_every_copy_is_locked_to_the_end_of_its_period_or_the_horizon(stores, actor):
    today = timezone.localdate()
    far, near = (
        a_record(stores, retention="100"),
        a_record(stores, formed_on=today - timedelta(days=3290), retention="10"),
    )
    past = a_record(stores, formed_on=date(2009, 1, 1), retention="10")
    locked = {
        row.pk: set(Copy.objects.filter(object__record=row).values_list("lock_until", flat=True))
        for row in (far, near, past)
    }
    assert [until.year for until in locked[far.pk]] == [today.year + 10]
    assert {timezone.localtime(until).date() for until in locked[near.pk]} == {
        date(near.formed_on.year + 10, 12, 31)
    }
    assert locked[past.pk] == {None}, "what is past its period gets no date lock"


@pytest.mark.django_db
def test_a_provisional_period_locks_for_a_year_only(stores, actor):
    record = a_record(stores, provisional=True)
    until = Copy.objects.filter(object__record=record).first().lock_until
    assert timezone.localtime(until).year == timezone.localdate().year + 1


@pytest.mark.django_db
def test_a_version_that_a_killed_attempt_left_is_adopted_not_doubled(stores, actor):
    record = a_record(stores)
    store = stores["local"]
    before = sorted(item.version for item in store.iterate())
    Copy.objects.filter(object__record=record).update(state="pending", version="", attempts=1)
    assert keeping.keep(record.pk, lambda item: io.BytesIO(b"%PDF-1.7 a form"), actor=actor)
    assert sorted(item.version for item in store.iterate()) == before


def test_a_key_names_fonds_record_and_object():
    assert stores.key_of("D019", "r", "o") == "D019/r/o"
