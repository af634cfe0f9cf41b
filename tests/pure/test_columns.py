"""Labels over or beside their values, as tables and filled forms have them: found where they stand, and only then."""

import io
import zipfile

import pytest
import typst

from archive.inspection.fence import Fence
from archive.inspection.text_layer import Declared, contradictions

ZHANG, LI, WANG = "441900199001011231", "441900198803052210", "440106199003071231"
DECLARED = Declared(
    {
        "persons": [{"name": "张三", "id_no": ZHANG}],
        "unit": {"name": "某公司", "uscc": "91441900MA4UABCD9M"},
        "fields": {"合同开始时间": "20191115"},
    }
)


def table(*rows):
    """Cells as a page has them: columns of 80 points, rows of 20, letters of 12."""
    return [
        [1, 80 * across, -20 * down, 80 * across + 12 * len(words), 12 - 20 * down, words]
        for down, row in enumerate(rows)
        for across, words in enumerate(row)
        if words
    ]


def found(*rows, declared=DECLARED):
    cells = table(*rows)
    text = (
        "".join(f"{cell[5]}\n" for cell in reversed(cells)) + "\f"
    )  # written from the end: no order to read by
    return [(row.field, row.among, row.pages) for row in contradictions(text, declared, cells)]


HEAD = ("序号", "姓名", "证件号码", "备注")


@pytest.mark.parametrize(
    ("rows", "fields"),
    [
        ([HEAD, ("1", "李四", LI)], ["姓名", "证件号码"]),
        ([("填报单位：东莞某公司", "", "填报日期：2019"), HEAD, ("1", "李四", LI), ("经办人：王五",)], ["姓名", "证件号码"]),
        ([("姓名", "李四", "性别", "男"), ("证件号码", LI)], ["姓名", "证件号码"]),
        ([("姓", "名"), ("李四",)], ["姓名"]),
        ([("统一社会信用代码",), ("91441900MA4UWXYD1A",)], ["统一社会信用代码"]),
        ([("合同开始时间", "", "合同结束时间"), ("2019-11-16", "", "2022-11-15")], ["合同开始时间"]),
        ([("合同开始时间", "", "2019 年 11 月 16 日")], ["合同开始时间"]),
    ],
)  # fmt: skip
def test_another_value_in_the_column_or_beside_the_label_contradicts_on_its_page(rows, fields):
    assert found(*rows) == [(field, 1, (1,)) for field in fields]


@pytest.mark.parametrize(
    "rows",
    [
        [HEAD, ("1", "李四", LI), ("2", "张三", ZHANG)],
        [HEAD, ("", "", "")],
        [HEAD, ("", "", ""), ("制表", "李四")],
        [HEAD, ("",), ("",), ("",), ("",), ("", "李四")],  # far below, under an empty table
        [("供养亲属情况",), ("姓名", "证件号码"), ("李四", LI)],
        [("姓名", "证件号码", "关系"), ("李四", LI, "父亲")],
        [("姓名", "证件号码", "与户主关系"), ("李四", LI, "子")],
        [("姓名", "证件号码"), ("李四", LI, "配偶")],
        [("法定代表人", "姓名", "证件号码"), ("", "李四", LI)],
        [("", "姓名", "证件号码"), ("经办人", "李四", LI)],
        [("经办人姓名", "电话"), ("李四", "138")],
        [("姓名", "", "经办人", "李四"), ("性别", "", "复核", "王五")],
        [("姓名", "性别"), ("民族", "汉")],
        [("合同开始时间", "", "合同结束时间"), ("2019-11-15", "", "2022-11-15")],
        [("合同开始时间", "", "合同结束时间"), ("长期", "", "2022-11-15")],
        [("证件号码",), ("4419**********1231",)],
    ],
)
def test_in_doubt_a_table_contradicts_nothing(rows):
    assert found(*rows) == []


def test_a_table_of_more_persons_than_declared_and_none_of_them_is_for_a_person_to_look_at():
    assert found(HEAD, ("1", "李四", LI), ("2", "王五", WANG)) == [("姓名", 2, (1,)), ("证件号码", 2, (1,))]


def test_one_declared_anywhere_in_the_declaration_clears_the_column():
    declared = Declared({"persons": [{"name": "张三"}], "lines": [{"姓名": "王五"}]})
    assert found(HEAD, ("1", "李四"), ("2", "王五"), declared=declared) == []


PRINTED = f"""#set page(margin: 1cm)
= 参加社会保险人员增减表
#pagebreak()
#table(columns: 3, [序号], [姓名], [证件号码], [1], [李四], [{LI}])
#place(top + left, dx: 9cm, [姓名]) #place(top + left, dx: 9cm, dy: 1cm, [合同开始时间])
#place(top + left, dx: 14cm, dy: 1cm, [2019-11-16])
"""


def an_ofd():
    place = '<ofd:TextObject Boundary="{} {} 30 4"><ofd:TextCode>{}</ofd:TextCode></ofd:TextObject>'
    words = [("姓名", 10, 10), ("证件号码", 50, 10), (LI, 50, 16), ("李四", 10, 16)]
    files = {
        "OFD.xml": "<ofd:OFD xmlns:ofd='x'><ofd:DocBody><ofd:DocRoot>D/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>",
        "D/Document.xml": "<ofd:Document xmlns:ofd='x'><ofd:Page BaseLoc='0.xml'/><ofd:Page BaseLoc='1.xml'/></ofd:Document>",
        "D/0.xml": "<ofd:Page xmlns:ofd='x'/>",
        "D/1.xml": f"<ofd:Page xmlns:ofd='x'>{''.join(place.format(x, y, word) for word, x, y in words)}</ofd:Page>",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "make", "fields"),
    [
        ("a.pdf", lambda: typst.compile(PRINTED.encode()), ["姓名", "证件号码", "合同开始时间"]),
        ("a.ofd", an_ofd, ["姓名", "证件号码"]),
    ],
)
def test_a_printed_table_is_read_where_its_words_stand(name, make, fields, tmp_path):
    path = tmp_path / name
    path.write_bytes(make())
    with Fence() as fence:
        report = fence.call("probe", path=str(path), name=name)
    rows = contradictions(report["text"], DECLARED, report["cells"])
    assert [(row.field, row.pages) for row in rows] == [(field, (2,)) for field in fields]
