"""The packs as data: loading, versions, refusing wrong ones, and reading a submission through its item."""

import csv
from datetime import date
from pathlib import Path

import pytest

from archive import profiles, terms
from archive.errors import WrongPack
from archive.profiles import _keys
from tests.pure.metadata_cases import clean, examine, rows, sample, sample_files

PACK = """
source = "town"
system = "某镇"
version = "1"
valid_from = 2020-01-01
[groups]
form = [
  { label = "姓名", required = true, role = "name" },
  { label = "证件号码", code = "AAC002", type = "idno", role = "idno" },
  { label = "性别", type = "choice", dictionary = "性别" },
  { label = "年度工资", type = "number" },
  { label = "开始", type = "date" },
  { label = "结束", type = "date" },
  { label = "比对", aliases = ["公安比对"] },
]
[[item]]
code = "one"
title = "登记"
subject = "person"
stage = "参保登记"
schedule_classes = ["1-2", "2-?"]
groups = ["form"]
needs_person = [{ when = [{ field = "比对", equals = "失败" }], reason = "公安比对失败，须人工核对证件材料。" }]
materials = [
  { code = "form", name = "年度登记表", required = true, main = true },
  { code = "card", name = "身份证", copies_needed = 2, sealed_required = "copies", required_when = [{ handled_before = 2021-01-01 }] },
  { code = "photo", name = "照片", required_when = [{ material_is_copy = "card" }] },
  { code = "account", name = "凭证", required_when = [{ division = "420102" }] },
]
[[rule]]
id = "先后"
rule = "date_order"
first = "开始"
then = "结束"
severity = "failed"
sentence = "{field}“{value}”早于{first}。"
"""


def put(folder: Path, text: str, source: str = "town", version: str = "1", **dictionaries: str) -> Path:
    place = folder / source / version
    (place / "dictionaries").mkdir(parents=True, exist_ok=True)
    (place / "pack.toml").write_text(text, encoding="utf-8")
    for name, content in dictionaries.items():
        (place / "dictionaries" / f"{name}.csv").write_text(content, encoding="utf-8")
    return folder


def test_the_product_brings_three_sources():
    assert {"dalian", "dongguan", "universal"} <= set(profiles.registry().sources())


def test_every_item_of_the_three_sources_is_there():
    codes = {
        source: [item.code for item in profiles.registry().packs(source)[0].items]
        for source in ("dongguan", "dalian", "universal")
    }
    assert len(codes["dongguan"]) == 2 and len(codes["dalian"]) == 12 and len(codes["universal"]) == 5


@pytest.mark.samples
def test_items_agree_with_the_list_of_items_that_was_handed_over():
    path = Path(__file__).parents[3] / "shared" / "reference" / "items.csv"
    if not path.exists():
        pytest.skip("the list of items is not beside the project")
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if not profiles.registry().packs(row["source"]):
                continue
            item = profiles.registry().packs(row["source"])[-1].item(row["item"])
            listed = [row["main_form"], *filter(None, row["other_materials"].split("|"))]
            assert (item.title, item.subject, item.stage) == (row["title"], row["subject"], row["stage"])
            assert (item.insurance, item.basis) == (row["insurance"], row["basis"])
            assert item.schedule_classes == (row["schedule_class"],)
            assert [("" if m.required else "?") + m.name for m in item.materials] == listed


def test_codes_of_materials_are_plain_and_every_stage_has_a_code():
    for source in profiles.registry().sources():
        for pack in profiles.registry().packs(source):
            for item in pack.items:
                assert item.stage in terms.STAGE_CODES
                assert [material.main for material in item.materials].count(True) == 1


def test_the_version_valid_on_the_day_applies_and_the_oldest_governs_what_was_before(tmp_path):
    put(tmp_path, PACK)
    put(
        tmp_path,
        PACK.replace('version = "1"', 'version = "2"').replace("2020-01-01", "2022-07-01"),
        version="2",
    )
    registry = profiles.load(tmp_path)
    versions = [
        registry.pack("town", date(*day)).version for day in ((1999, 1, 1), (2022, 6, 30), (2022, 7, 1))
    ]
    assert versions == ["1", "1", "2"]
    assert registry.pack("nowhere", date(2020, 1, 1)) is None
    assert registry.pack("town", date(2020, 1, 1)).item("two") is None


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('title = "登记"', 'title = "登记"\ncolour = "red"', "colour"),
        ('title = "登记"', "", "title"),
        ('title = "登记"', "title = 5", "title"),
        ('title = "登记"', 'title = " "', "title"),
        ("2020-01-01", '"2020-01-01"', "valid_from"),
        ("2020-01-01", "2020-13-01", "pack"),
        ("[groups]", "[groups", "pack"),
        ('source = "town"', 'source = "city"', "source"),
        ('version = "1"', 'version = "9"', "version"),
        ('stage = "参保登记"', 'stage = "午休"', "stage"),
        ('subject = "person"', 'subject = "dog"', "subject"),
        ('subject = "person"', 'subject = "person"\ninsurance = "火险"', "insurance"),
        ('schedule_classes = ["1-2", "2-?"]', 'schedule_classes = ["eleven"]', "schedule_classes"),
        ('groups = ["form"]', 'groups = ["from"]', "groups"),
        ('dictionary = "性别"', 'dictionary = "星座"', "dictionary"),
        ('type = "choice", dictionary = "性别"', 'type = "choice"', "dictionary"),
        ('type = "number"', 'type = "colour"', "type"),
        ('type = "number"', 'type = "text", pattern = "("', "pattern"),
        ('type = "number"', 'type = "date", formats = ["DDMM"]', "formats"),
        ('role = "name"', 'role = "boss"', "role"),
        ("required = true, role", 'required = "yes", role', "required"),
        ('label = "结束"', 'label = "开始"', "groups"),
        ('rule = "date_order"', 'rule = "date_disorder"', "rule"),
        ('then = "结束"', 'then = "终点"', "then"),
        ('then = "结束"', "", "then"),
        ('then = "结束"', 'then = "结束"\nloud = true', "loud"),
        ('severity = "failed"', 'severity = "terrible"', "severity"),
        ("[[rule]]", '[[rule]]\nitems = ["two"]', "items"),
        ('{ field = "比对", equals', '{ field = "没有", equals', "没有"),
        ('{ field = "比对", equals = "失败" }', '{ field = "比对" }', "needs_person"),
        ('material_is_copy = "card"', 'material_is_copy = "cart"', "cart"),
        ('code = "photo"', 'code = "card"', "materials"),
        ("main = true", "main = false", "materials"),
        ('sealed_required = "copies"', 'sealed_required = "often"', "sealed_required"),
        ("sentence =", "sentences =", "sentence"),
        ("早于{first}", "早于{nothing}", "sentence"),
    ],
)
def test_a_wrong_pack_is_refused_with_its_file_and_key(tmp_path, old, new, key):
    assert old in PACK
    with pytest.raises(WrongPack) as refusal:
        profiles.load(put(tmp_path, PACK.replace(old, new, 1)))
    assert refusal.value.fields["file"] == "town/1/pack.toml"
    assert key in f"{refusal.value.fields['key']} {refusal.value.fields['reason']}"


def test_a_duplicate_item_is_refused(tmp_path):
    item = PACK[PACK.index("[[item]]") : PACK.index("[[rule]]")]
    with pytest.raises(WrongPack, match="one"):
        profiles.load(put(tmp_path, PACK + item))


@pytest.mark.parametrize("change", ['version = "1"', "2020-01-01"])
def test_overlapping_versions_are_refused(tmp_path, change):
    put(tmp_path, PACK)
    later = PACK.replace('version = "1"', 'version = "2"')
    if change == "2020-01-01":
        with pytest.raises(WrongPack, match="重叠"):
            profiles.load(put(tmp_path, later, version="2"))
    else:
        put(tmp_path, later.replace("2020-01-01", "2021-01-01"), version="2")
        assert len(profiles.load(tmp_path).packs("town")) == 2


@pytest.mark.parametrize(
    "content",
    [
        "code,name\n1,甲\n",
        "code,label\n1,甲,乙\n",
        "code,label\n1,\n",
        "code,label\n1,甲\n1,乙\n",
        "code,label,aliases\n1,甲,乙\n2,丙,乙\n",
        "code,label,aliases,insurance\n1,甲,,火险\n",
        "code,label\n",
        'code,label\n1,"甲\n',
    ],
)
def test_a_wrong_dictionary_is_refused(tmp_path, content):
    with pytest.raises(WrongPack) as refusal:
        profiles.load(put(tmp_path, PACK, 星座=content))
    assert refusal.value.fields["file"] == "星座.csv"


def test_a_dictionary_that_is_no_utf8_is_refused(tmp_path):
    put(tmp_path, PACK)
    (tmp_path / "town/1/dictionaries/坏.csv").write_bytes("code,label\n1,甲\n".encode("gb18030"))
    with pytest.raises(WrongPack):
        profiles.load(tmp_path)


def test_a_site_may_override_a_common_dictionary(tmp_path):
    put(tmp_path, PACK, 性别="code,label\nM,雄\n")
    item = profiles.load(tmp_path).packs("town")[0].item("one")
    assert item.field_for("性别").dictionary.resolve("M").label == "雄"


def town(tmp_path: Path, **change) -> profiles.Normalised:
    item = profiles.load(put(tmp_path, PACK)).packs("town")[0].item("one")
    submission = {**clean(source="town", item="one"), "fields": {"姓名": "张三"}, **change}
    return profiles.normalise(item, submission)


def broken(case: profiles.Normalised) -> set[tuple[str, str | None]]:
    return {(row.kind, row.field) for row in profiles.judge(case)}


def file(**more):
    return {"path": "data/a.jpg", "pages": None, "bytes": 1, "sha256": "0" * 64, **more}


def test_a_year_may_stand_before_a_yearly_name_but_not_a_year_that_is_still_to_come(tmp_path):
    item = profiles.load(put(tmp_path, PACK)).packs("town")[0].item("one")
    assert item.material_for("2014年度登记表", 2014).code == "form"
    assert item.material_for("form", 2014).code == "form"
    assert item.material_for("2019年度登记表", 2014) is None
    assert item.material_for("2014年身份证", 2014) is None
    assert item.field_for("2014年度工资", 2014).label == "年度工资"


def test_materials_that_a_condition_asks_for(tmp_path):
    form = {"name": "年度登记表", "files": [file()]}
    assert ("material", "身份证") in broken(town(tmp_path, materials=[form], handled_on="2020-12-31"))
    assert ("material", "身份证") not in broken(town(tmp_path, materials=[form], handled_on="2021-01-01"))
    wuhan = {"name": "某", "uscc": "91420102MA4UABCD9M"}
    assert ("material", "凭证") in broken(town(tmp_path, materials=[form], unit=wuhan))


def test_copies_are_added_up_and_every_copy_needs_its_seal(tmp_path):
    card = {
        "name": "身份证",
        "files": [file(original=False, sealed=True), file(original=False, sealed=False)],
    }
    found = [row for row in profiles.judge(town(tmp_path, materials=[card])) if row.field == "身份证"]
    assert [row.rule for row in found] == ["加盖公章"]
    assert ("material", "照片") in broken(town(tmp_path, materials=[card]))
    once = {"name": "身份证", "files": [file(original=True)]}
    assert ("material", "身份证") in broken(town(tmp_path, materials=[once]))
    twice = {"name": "身份证", "files": [file(original=True, copies=2)]}
    assert ("material", "身份证") not in broken(town(tmp_path, materials=[twice]))


def test_a_material_without_a_file_is_a_missing_material(tmp_path):
    assert ("material", "年度登记表") in broken(town(tmp_path, materials=[{"code": "form", "files": []}]))


def test_what_only_a_person_can_settle_is_said(tmp_path):
    assert profiles.waiting_reasons(town(tmp_path, fields={"姓名": "张三"})) == ()
    waits = town(tmp_path, fields={"姓名": "张三", "公安比对": "失败"})
    assert profiles.waiting_reasons(waits) == ("公安比对失败，须人工核对证件材料。",)


def test_one_field_under_two_keys_with_two_values_is_failed(tmp_path):
    case = town(
        tmp_path, fields={"姓名": "张三", "证件号码": "441900199001011231", "AAC002": "441900199001011258"}
    )
    assert ("reason", "证件号码") in broken(case)
    case = town(
        tmp_path,
        fields={"姓名": "张三", "证件号码": "441900199001011231", "ＡＡＣ００２": "441900199001011231"},
    )
    assert broken(case) & {("reason", "证件号码")} == set()


def test_a_number_under_an_unknown_label_is_personal_too(tmp_path):
    case = town(tmp_path, fields={"姓名": "张三", "备注": "本人441900199001011231", "紧急联系电话": "123"})
    assert {"证件号码", "备注", "紧急联系电话"} <= case.personal_fields


@pytest.mark.parametrize(
    ("declared", "of_form", "filed", "listed"),
    [
        (["工伤"], [], "工伤", ("工伤",)),
        ([], ["工伤保险"], "工伤", ("工伤",)),
        (["失业"], ["工伤保险"], "工伤", ("工伤",)),
        ([], ["基本医疗", "住院补充医疗", "子女基本医疗", "医疗个人账户"], "医疗", ("医疗",)),
        ([], "基本医疗保险（用人单位）、生育", "综合", ("医疗", "生育")),
        ([], [], "综合", ()),
    ],
)
def test_exactly_one_insurance_files_under_it_else_under_the_combined_one(declared, of_form, filed, listed):
    submission = clean(insurances=declared, fields={"应参保险种": of_form})
    case = profiles.normalise(profiles.registry().packs("dongguan")[0].item("online-increase"), submission)
    assert (case.insurance, case.insurances) == (filed, listed)


def test_an_items_own_insurance_wins():
    submission = clean(
        "dalian/2015-01/samples/person-file-clean", item="pension-approval", insurances=["养老", "工伤"]
    )
    case = profiles.normalise(profiles.registry().packs("dalian")[0].item("pension-approval"), submission)
    assert case.insurance == "养老" and set(case.insurances) == {"养老", "工伤"}


def test_the_title_is_made_of_unit_persons_item_and_month_and_never_holds_a_number():
    item = profiles.registry().packs("dongguan")[0].item("online-increase")
    two = [{"name": "张三"}, {"name": "李四"}]
    assert (
        profiles.normalise(item, clean(persons=two)).title
        == "东莞市某某电子有限公司张三等2人网上增员2019年12月"
    )
    assert profiles.normalise(item, clean(unit=None, persons=[])).title == "网上增员2019年12月"
    given = profiles.normalise(item, clean(title="关于441900199001011231的增员（补）")).title
    assert given == "关于4419**********1231的增员（补）"
    assert len(profiles.normalise(item, clean(unit={"name": "长" * 900})).title) <= 300


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_the_samples_of_every_pack_are_judged_as_they_say(path):
    data = sample(path)
    found = examine(data["submission"])
    assert rows(found) == {tuple(row) for row in data["expect"]}, [row.message for row in found]
    source, item = data["submission"]["source"], data["submission"]["item"]
    day = date.fromisoformat(data["submission"]["handled_on"])
    case = profiles.normalise(profiles.registry().pack(source, day).item(item), data["submission"])
    assert case.title == data.get("title", case.title)
    assert case.insurance == data.get("insurance", case.insurance)


def test_the_readme_lists_every_key_every_rule_and_every_type():
    text = (profiles.PACKS.parent / "README.md").read_text(encoding="utf-8")
    for table, keys in _keys.TABLES.items():
        section = text.split(f"### `{table}`", 1)[1].split("\n##", 1)[0]
        listed = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
        assert listed == set(keys), table
    section = text.split("## Rules", 1)[1].split("\n## ", 1)[0]
    listed = {line.split("`")[1]: line for line in section.splitlines() if line.startswith("| `")}
    assert set(listed) == set(profiles.RULES)
    for name, rule in profiles.RULES.items():
        for parameter in rule.parameters:
            assert f"`{parameter}`" in listed[name], (name, parameter)
    section = text.split("## Types", 1)[1].split("\n## ", 1)[0]
    listed = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
    assert listed == set(profiles.TYPES)
