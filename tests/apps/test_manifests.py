"""Editions of a manifest: one at filing, one at each decision, none without; each an object like any other."""

import gzip
import io
import json
from datetime import date

import pytest
from django.utils import timezone
from lxml import etree

from archive import catalogue, changes, contents, eep, extension, fonds_file, keeping, manifests, records
from archive.errors import StorageFailed
from archive.models import (
    Block,
    Copy,
    DigitalObject,
    Event,
    Fonds,
    MadeContent,
    Paper,
    Record,
    RecordParty,
    Relation,
)
from archive.permissions import system_actor
from retention import disposal, execution, holds, stubs
from search.engine import engine
from tests import filed
from tests.registers import House

pytestmark = pytest.mark.django_db(databases="__all__")

SYSTEM = system_actor("测试")
NUMBER = "441900199003071234"
NS = {"e": eep.NAMESPACE}


def editions(record, role="manifest"):
    return list(record.digital_objects.filter(role=role).order_by("position"))


def said(item) -> dict:
    with contents.open_object(item) as stream:
        return manifests.parse(stream.read())


def a_record(stores, **changed):
    parties = (records.NewParty(kind="person", name="张三", id_type="身份证", id_no=NUMBER),)
    return filed.a_record(stores, department=filed.a_department(), parties=parties, **changed)


def follow():
    while keeping.drain(actor=SYSTEM):
        pass


def test_a_record_is_filed_with_its_first_edition_in_every_store(two_stores):
    record = a_record(two_stores)
    (manifest,), (package,) = editions(record), editions(record, "eep")
    data = said(manifest)
    assert (data["edition"], data["previous"]) == (1, "")
    assert data["objects"][-1]["id"] == str(package.pk) and data["objects"][-1]["sha256"] == package.sha256
    assert {copy.state for item in (manifest, package) for copy in item.copies.all()} == {"stored"}
    assert Copy.objects.filter(object=manifest, lock_until__isnull=False).count() == 2
    assert not MadeContent.objects.exists(), "the bytes lie in the stores"


LEFT_OUT = {
    Record: {"fonds": "by its code", "department": "by its name", "handed_in_by": "with his name"},
    DigitalObject: {"record": "the manifest's own"},
    RecordParty: {"id": "a number of the database", "record": "the manifest's own"},
    Relation: {"id": "a number of the database", "record": "the manifest's own"},
    Block: {"record": "the manifest's own"},
    Fonds: {"id": "a number of the database"},
    Event: {},
}


def test_every_column_of_a_record_and_of_what_hangs_on_it_stands_in_the_manifest(stores):
    earlier = a_record(stores)
    record = a_record(stores, relates=((earlier.business_no, "补充"),))
    holds.place(
        record.fonds, "record", reason="诉讼", authority="法院函", actor=filed.an_actor("manager"),
        records=[record.pk],
    )  # fmt: skip
    follow()
    data = said(editions(record)[-1])
    shown = {
        Record: data["record"], DigitalObject: data["objects"][0], RecordParty: data["parties"][0],
        Relation: data["relates"][0], Block: data["blocks"][0], Fonds: data["fonds"], Event: data["events"][0],
    }  # fmt: skip
    for model, values in shown.items():
        wanted = {field.attname for field in catalogue.columns(model, LEFT_OUT[model])}
        assert wanted <= set(values), model


def test_no_number_of_a_person_stands_in_clear_in_manifest_or_package(stores):
    record = a_record(stores, description={"fields": {"电话": "13800138000"}}, personal=frozenset({"电话"}))
    for item in (*editions(record), *editions(record, "eep")):
        with contents.open_object(item) as stream:
            text = stream.read().decode()
        assert NUMBER not in text and "13800138000" not in text
    assert "enc:" in json.dumps(manifests.build(full(record), header(1)))
    assert "enc:" not in json.dumps(manifests.stub(full(record), record.archived_at))


def full(record):
    return Record.objects.select_related("fonds", "department", "handed_in_by").get(pk=record.pk)


def header(edition):
    return manifests.Header(edition, timezone.now())


def test_each_decision_makes_an_edition_that_names_the_one_before(stores):
    manager = filed.an_actor("manager")
    record = a_record(stores, formed_on=date(2008, 5, 4), retention="10")
    extension.extend(record.pk, "30", basis="鉴定", decided_on=date(2026, 1, 5), actor=SYSTEM)
    follow()
    hold = holds.place(
        record.fonds, "record", reason="诉讼", authority="法院函", actor=manager, records=[record.pk]
    ).hold
    follow()
    holds.end(hold, "审结", actor=manager)
    follow()
    a_record(stores, relates=((record.business_no, "更正"),))
    follow()
    found = editions(record)
    told = [said(item) for item in found]
    assert [one["edition"] for one in told] == [1, 2, 3, 4, 5]
    assert [one["previous"] for one in told] == ["", *(item.sha256 for item in found[:-1])]
    assert told[1]["record"]["retention"] == "30" and told[0]["record"]["retention"] == "10"
    assert told[2]["blocks"][0]["lifted_at"] is None and told[3]["blocks"][0]["lifted_at"]
    assert told[4]["related_by"][0]["kind"] == "更正"
    assert len(editions(record, "eep")) == 5
    ids = list(record.digital_objects.order_by("pk").values_list("role", flat=True))
    assert ids[-1] == "manifest", "a rebuild finds the newest by its id"


def test_where_nothing_differs_nothing_is_written(stores):
    record = a_record(stores)
    changes.announce(manifests.TOPIC, record.pk)
    assert keeping.drain(actor=SYSTEM) == 1
    assert len(editions(record)) == 1


def test_a_record_whose_destruction_has_begun_gets_no_edition(stores):
    engine().ensure()
    house = House(stores)
    due = house.due(1)
    house.execute(house.supervised(due))
    before = DigitalObject.objects.filter(record=due[0]).count()
    changes.announce(manifests.TOPIC, due[0].pk)
    follow()
    assert DigitalObject.objects.filter(record=due[0]).count() == before
    assert not list(stores["local"].iterate(f"D019/{due[0].pk}/"))


def test_an_edition_that_comes_while_a_register_waits_does_not_keep_its_record(stores):
    """A hold that was placed and lifted leaves an edition; the record is as it was frozen, and goes."""
    engine().ensure()
    house = House(stores)
    register = house.supervised(house.due(2))
    record = register.rows.first().record
    changes.announce("search", record.pk)
    Record.objects.filter(pk=record.pk).update(responsible="社保局")
    changes.announce(manifests.TOPIC, record.pk)
    follow()
    assert len(editions(record)) == 2
    Record.objects.filter(pk=record.pk).update(responsible="")
    assert house.execute(register).state == "executed"
    assert not list(stores["local"].iterate(f"D019/{record.pk}/")), "both editions are gone"


def test_what_a_dead_store_did_not_take_is_written_when_it_answers_again(two_stores, monkeypatch):
    record = a_record(two_stores, formed_on=date(2008, 5, 4), retention="10")
    extension.extend(record.pk, "30", basis="鉴定", decided_on=date(2026, 1, 5), actor=SYSTEM)

    def refuse(*_, **__):
        raise StorageFailed(store="second", kind="unreachable", reason="连不上。")

    with monkeypatch.context() as patch:
        patch.setattr(two_stores["second"], "put", refuse)
        keeping.drain(actor=SYSTEM)
    newest = editions(record)[-1]
    assert MadeContent.objects.filter(object=newest).exists(), "kept until every store has it"
    Copy.objects.update(try_after=None)
    follow()
    assert {copy.state for copy in newest.copies.all()} == {"stored"}
    assert not MadeContent.objects.exists()


def test_the_same_manifest_gives_the_same_bytes_and_reads_back(stores):
    manifest = manifests.build(full(a_record(stores)), header(1))
    again = manifests.parse(manifests.encode(manifest))
    assert again == manifest and manifests.encode(again) == manifests.encode(manifest)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"null", b'{"format":"archive-manifest/2"}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_manifest_is_refused_in_words(content):
    with pytest.raises(ValueError, match="清单|Expecting"):
        manifests.parse(content)


# EEP


def package_of(record) -> etree._Element:
    with contents.open_object(editions(record, "eep")[-1]) as stream:
        return etree.fromstring(stream.read())


def one(root, path):
    (found,) = root.xpath(
        "/e:电子文件封装包/" + "/".join(f"e:{name}" for name in path.split("/")), namespaces=NS
    )
    return found


def test_the_package_has_the_elements_of_da_t_48_in_their_order(stores):
    record = a_record(stores, contents=(b"%PDF one", b"%PDF two"))
    root = package_of(record)
    assert [etree.QName(child).localname for child in root] == ["封装包格式描述", "版本", "被签名对象"]
    assert one(root, "被签名对象").get("eep版本") == "2009"
    assert one(root, "被签名对象/封装包类型").text == "原始型"
    entity = one(root, "被签名对象/封装内容/文件实体块/文件实体")
    assert [etree.QName(child).localname for child in entity][:9] == [
        "聚合层次", "来源", "电子文件号", "档号", "内容描述", "形式特征", "存储位置", "权限管理", "信息系统描述",
    ]  # fmt: skip
    assert one(root, "被签名对象/封装内容/文件实体块/文件实体/档号").text == record.reference_code
    files = root.xpath("//e:文档", namespaces=NS)
    assert len(files) == 2
    digests = [file.xpath(".//e:反编码关键字", namespaces=NS)[0].text for file in files]
    objects = record.digital_objects.filter(role="original").order_by("position")
    assert digests == [f"sha256:{item.sha256} sm3:{item.sm3}" for item in objects]
    ids = root.xpath("//@文档数据ID | //@编码ID | //@编码数据ID")
    assert len(ids) == len(set(ids)) == 6
    assert root.xpath("//e:业务实体/e:业务行为", namespaces=NS)[0].text == "record.filed"


def test_a_later_package_says_that_it_is_an_amended_one(stores):
    record = a_record(stores, formed_on=date(2008, 5, 4), retention="10")
    extension.extend(record.pk, "30", basis="鉴定", decided_on=date(2026, 1, 5), actor=SYSTEM)
    follow()
    root = package_of(record)
    assert one(root, "被签名对象/封装包类型").text == "修改型"
    assert one(root, "被签名对象/封装内容/文件实体块/文件实体/档号/保管期限").text == "30"


def test_characters_that_xml_cannot_hold_do_not_break_the_package(stores):
    record = filed.a_record(stores, title="题名\x0b有控制符<&>")
    assert "题名" in one(package_of(record), "被签名对象/封装内容/文件实体块/文件实体/内容描述/题名").text


def test_the_source_is_not_asked_for_what_the_archive_made(stores):
    asked = []
    item = filed.an_object(b"%PDF a form")
    record = records.create(filed.a_new_record(objects=(item,)), actor=SYSTEM, store_names=list(stores))

    def source(wanted):
        asked.append(wanted.role)
        return io.BytesIO(b"%PDF a form")

    assert keeping.keep(record.pk, source, actor=SYSTEM)
    assert asked == ["original"]


# Destruction


def test_the_stubs_lie_in_the_fonds_file_before_anything_is_destroyed_and_hold_no_number(stores):
    engine().ensure()
    house = House(stores)
    party = records.NewParty(kind="person", name="张三", id_type="身份证", id_no=NUMBER)
    register = house.execute(house.supervised(house.due(3, parties=(party,))))
    paper = Paper.objects.get(kind="销毁留证目录")
    assert paper.about == f"{manifests.STUBS}{register.pk}:0"
    assert paper.made_at < register.rows.order_by("marked_at").first().marked_at
    with fonds_file.open_paper(paper, actor=SYSTEM) as stream:
        lines = gzip.decompress(stream.read()).splitlines()
    told = {manifests.parse(line)["record"]["reference_code"] for line in lines}
    assert told == set(register.rows.values_list("record__reference_code", flat=True))
    assert b"enc:" not in b"".join(lines) and "张三".encode() in lines[0]
    assert stubs.write(register.pk, actor=SYSTEM) == 0


def test_a_record_that_got_an_edition_since_it_was_looked_at_is_looked_at_again(stores):
    engine().ensure()
    house = House(stores)
    register = house.executing(house.due(2))
    rows = list(register.rows.select_related("record__fonds"))
    looked = disposal.places_of([row.record_id for row in rows])
    looked[rows[0].record_id] = looked[rows[0].record_id][1:]
    marked, kept = execution._mark(register, rows, looked, SYSTEM)
    assert [row.pk for row in marked] == [rows[1].pk] and not kept
    assert register.rows.get(pk=rows[0].pk).state == "listed", "put off, not taken out"
