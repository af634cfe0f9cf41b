"""The words in a file against the declaration. A false alarm sends a good case back: it must not happen."""

import pytest

from archive.inspection.probes.report import TEXT_LIMIT
from archive.inspection.text_layer import Declared, contradictions, masked

ZHANG = {"name": "张三", "id_type": "居民身份证", "id_no": "441900199001011231"}
LI = {"name": "李四", "id_type": "居民身份证", "id_no": "441900198803052210"}
UNIT = {"name": "东莞市某某电子有限公司", "uscc": "91441900MA4UABCD9M"}


def found(text, *persons, unit=None, **more):
    declared = Declared({"persons": list(persons), "unit": unit, **more})
    return [(row.field, row.found, row.said) for row in contradictions(text, declared)]


@pytest.mark.parametrize(
    "text",
    [
        "姓名：李四",
        "姓名:李四\n性别:男",
        "姓名 李四 公民身份号码 441900199001011231",
        "姓　　名： 李 四",
        "姓名\n李四\n性别\n男",
        "*姓名：李四",
        "职工姓名 李四",
        "本人姓名：欧阳小花",
    ],
)
def test_another_name_behind_the_label_contradicts(text):
    assert [field for field, _, _ in found(text, ZHANG)] == ["姓名"]


@pytest.mark.parametrize(
    "text",
    [
        "公民身份号码：441900198803052210",
        "姓名 张三 证件号码 441900198803052210",
        "身份证号码 4419 0019 8803052210",
        "证件号码：４４１９００１９８８０３０５２２１０",
        "社会保障号码\n44190019880305221x",
    ],
)
def test_another_number_behind_the_label_contradicts(text):
    assert [field for field, _, _ in found(text, ZHANG)] == ["证件号码"]


def test_another_credit_code_contradicts():
    assert [f for f, _, _ in found("统一社会信用代码 91441900MA4UWXYD1A", ZHANG, unit=UNIT)] == [
        "统一社会信用代码"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "参加社会保险人员增减表",
        "姓名：张三 公民身份号码：441900199001011231",
        "姓 名 张 三",
        "姓名：张三（本人签字）",
        "姓名：  性别：  证件号码：",  # an empty form
        "序号 姓名 性别 证件号码 单位\n1 张三 男 441900199001011231 某某公司",
        "序号 姓名 金额 关系 文化程度\n1 赵六 10 本人 大专\n2 张三 10 本人 大专",
        "姓名 证件类型 证件号码\n居民身份证",
        "姓名 个人编号 4400001",
        "姓名 国籍 中国",
        "姓名：4419**********1231",
        "证件号码：4419**********1231",
        "经办人姓名：李四",
        "经办人 姓名 李四",
        "法定代表人：王五 身份证号码：441900198803052210",
        "甲方（用人单位）某公司 法定代表人 姓名 王五",
        "配偶姓名 李四 证件号码 441900198803052210",
        "联系人姓名：李四 证件号码：441900198803052210",
        "银行账号 6222000011112222333",
        "单位编号 1900123456",
        "身份证号码 441900 发证机关 东莞市公安局",
        "姓名：李四 姓名：张三",  # several persons, one of them declared
        "姓名 性别 民族 出生 住址 公民身份号码",
        "姓名\n曾用名\n性别\n民族\n",
        "姓名 单位名称 银行账号 平均工资",
        "工作人员李四为您服务",
    ],
)
def test_in_doubt_there_is_no_contradiction(text):
    assert found(text, ZHANG) == []


def test_the_value_of_any_declared_person_is_fine():
    assert found("姓名 李四 证件号码 441900198803052210", ZHANG, LI) == []


def test_a_value_declared_anywhere_is_fine():
    assert found("姓名 王五", ZHANG, lines=[{"姓名": "王五"}]) == []


def test_without_a_declared_person_there_is_nothing_to_contradict():
    assert found("姓名 李四 证件号码 441900198803052210") == []


def test_a_passport_declared_is_not_held_against_an_identity_number():
    assert found("证件号码 441900198803052210", {"name": "张三", "id_no": "G12345678"}) == []


def test_a_minority_name_reads_the_same_with_any_dot():
    assert found("姓名：阿卜杜•热西提", {"name": "阿卜杜·热西提"}) == []


@pytest.mark.parametrize(
    "submission", [None, {}, {"persons": None}, {"persons": [1, {"name": 5}]}, {"unit": []}]
)
def test_a_declaration_of_any_shape_is_survived(submission):
    assert list(contradictions("姓名 李四", Declared(submission))) == []


CONTRACT = {
    "fields": {"合同开始时间": "20191115", "出生日期": "1990-01-01", "就业形式": "雇佣就业"},
    "handled_on": "2019-12-10",
}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("合同开始时间：2019年11月16日", "合同开始时间"),
        ("合同开始时间 2019-11-16", "合同开始时间"),
        ("合同开始时间：２０１９．１１．１６", "合同开始时间"),
        ("合同开始时间 20191116 合同结束时间 20221115", "合同开始时间"),
        ("合同开始时间：2019 年 11 月 16 日", "合同开始时间"),
        ("办结日期：2019年12月11日", "办结日期"),
        ("办结时间 2019/12/11 10:05", "办结时间"),
    ],
)
def test_another_day_behind_the_label_of_a_declared_one_contradicts(text, field):
    assert [(where, said) for where, _, said in found(text, ZHANG, **CONTRACT)] == [
        (field, "2019-11-15" if field == "合同开始时间" else "2019-12-10")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "合同开始时间：2019年11月15日",
        "合同开始时间：2019年11月16日 更正为 2019-11-15",  # the declared one stands there too
        "合同开始时间：2019 年 11 月 15 日",
        "合同开始时间：2019年12月10日",  # declared, though of something else
        "合同开始时间：    年   月   日",
        "合同开始时间：长期",
        "合同开始时间 合同结束时间\n2019-11-16 2022-11-15",  # a table: the value is not behind its label
        "合同结束时间：2022年11月15日",  # not declared
        "填表日期：2019年11月16日 受理日期 2019-12-09",
        "出生日期：1990年1月2日",  # the files may know another day than the identity card
        "合同开始时间：2019年6月31日",
        "合同开始时间：201911169999",
        "变更前 合同开始时间：2019年11月16日",
        "经办人 合同开始时间 2019年11月16日",
    ],
)
def test_in_doubt_of_a_day_there_is_no_contradiction(text):
    assert found(text, ZHANG, **CONTRACT) == []


@pytest.mark.parametrize(
    "fields", [None, [], {"合同开始时间": 5}, {"合同开始时间": "长期"}, {"合同开始时间": ["20191115"]}]
)
def test_a_day_declared_in_any_shape_is_survived(fields):
    assert found("合同开始时间：2019年11月16日", ZHANG, fields=fields, handled_on=7) == []


def test_a_text_that_was_cut_off_contradicts_nothing():
    long = "姓名：李四\f" + "x" * TEXT_LIMIT
    assert found(long[:TEXT_LIMIT], ZHANG) == [] and found(long[: TEXT_LIMIT - 1], ZHANG) != []


def test_the_page_of_the_other_value_is_named():
    declared = Declared({"persons": [ZHANG]})
    assert [row.pages for row in contradictions("表\n\f\f姓名：李四\n\f", declared)] == [(3,)]
    assert [row.pages for row in contradictions("姓名：李四", declared)] == [()]


def test_days_are_named_and_persons_masked():
    assert (masked("2019-11-16"), masked("李四"), masked("441900198803052210")) == (
        "2019-11-16",
        "李*",
        "4419**********2210",
    )
