"""Clean drafts of real kinds of business: one function an item, following the item's own rules (see the packs).

Every function takes the collection's `People` and the day of 办结, and returns a `Draft` whose pages say exactly
what its submission declares.
"""

import re
from datetime import date, timedelta
from typing import Any

from config.demonstration.pages import Draft, Page
from config.demonstration.people import People, Person, Unit

DONGGUAN = "东莞市社会保险基金管理中心"
DALIAN = "大连市社会保险基金管理中心"
GUIZHOU = "贵州省社会保险事业局"

INSURANCE_SETS = (
    ("工伤", "失业", "基本医疗", "生育"),
    ("工伤", "失业", "基本医疗", "生育", "住院补充医疗"),
    ("工伤", "失业", "基本医疗", "生育", "住院补充医疗", "医疗个人账户"),
    ("工伤",),
    ("工伤保险", "失业保险", "基本医疗保险(用人单位)", "生育保险(用人单位)"),
)
"""What employers tick; the last one as the screen prints the labels (aliases)."""

QUARTERS = {1: ("第一季度", 4), 2: ("第二季度", 7), 3: ("第三季度", 10), 4: ("第四季度", 1)}


def increase(
    people: People, *, handled_on: date, number: int, department: str, counter: bool,
    manner: str = "雇佣就业", established: bool = False, insured: int = 0, rare: bool = False,
    unit: Unit | None = None, prefix: str = "DG",
) -> Draft:  # fmt: skip
    """Dongguan 增员: made online, or at the counter with a photograph of the identity card.

    `manner` 就业形式; `established` 在编 (then there is no contract); `insured` which of INSURANCE_SETS;
    `rare` a name that breaks software; `prefix` of the business number.
    """
    random = people.random
    person = people.person(on=handled_on, rare=rare)
    unit = unit or people.unit()
    start = _contract_start(random, handled_on, counter)
    end = (
        "99999999"
        if random.random() < 0.3
        else f"{date(start.year + 3, start.month, 1) - timedelta(days=1):%Y%m%d}"
    )
    town = person.domicile == "广东省东莞市"
    chosen = list(INSURANCE_SETS[insured])
    fields: dict[str, Any] = {
        "姓名": person.name, "证件号码": person.id_no, "性别": person.sex, "出生年月": f"{person.born:%Y%m}",
        "个人身份": "工人", "用工形式": "合同制",
        "户口性质": "本地非农业户口(本地城镇)" if town else random.choice(
            ("外地农业户口(外地农村)", "外地非农业户口(外地城镇)")),
        "缴费基数": str(random.randrange(3800, 16000, 50)),
        "参保起始年月": f"{start:%Y%m}", "联系电话": person.phone,
        "邮政编码": f"5230{random.randrange(100):02d}", "联系地址": person.address, "户口所在地": person.domicile,
        "国家职业资格等级": random.choice(("未获技能证书", "未获技能证书", "中级工/四级", "高级工/三级", "技师/二级")),
        "专业技术职称证书": random.choice(("无", "无", "未定职级", "初级专业技术职务", "中级专业技术职务")),
        "岗位分类": random.choice(("普通生产人员", "技能人员", "管理人员", "技术人员", "研发人员")),
        "合同状态": random.choice(("新签", "新签", "续签")), "就业形式": manner,
        "合同开始时间": f"{start:%Y%m%d}", "合同结束时间": end, "应参保险种": chosen,
    }  # fmt: skip
    if manner == "派遣就业":
        fields["被派遣单位名称"] = people.unit().name
    if established:
        fields |= {"在编标识": "在编", "参保起始年月": f"{handled_on:%Y%m}", "个人身份": "国家公务员"}
        for label in ("合同状态", "合同开始时间", "合同结束时间"):
            del fields[label]
    clerk, checker = people.officials(2)
    form = Page(
        kind="increase",
        title="参加社会保险人员增减表",
        values={"单位名称": unit.name, "单位编号": unit.unit_no, "统一社会信用代码": unit.uscc}
        | {label: "、".join(value) if isinstance(value, list) else value for label, value in fields.items()},
        foot={"经办人": clerk, "复核人": checker, "填报日期": _in_words(handled_on)},
        seal=unit.name,
    )
    pages = {"data/increase-form.pdf": form}
    materials = [
        _material("increase-form", form.title, "data/increase-form.pdf", sealed=True, original=not counter)
    ]
    if counter:
        pages["data/identity.jpg"] = _identity_card(person, handled_on, unit.name)
        materials.append(_material("identity-proof", "身份证明材料", "data/identity.jpg", original=False))
    submission = _submission(
        "dongguan", "counter-increase" if counter else "online-increase", f"{prefix}{handled_on:%Y%m%d}{number:04d}",
        fonds="D019", department=department, handled_on=handled_on, officials=(clerk, checker),
        insurances=_insurances(chosen), unit=unit.as_party(), persons=[person.as_party()], fields=fields,
        materials=materials, system="社会保险网上服务系统" if not counter else "社会保险综合业务系统",
    )  # fmt: skip
    return Draft(submission=submission, pages=pages, organisation=DONGGUAN)


def inspection(people: People, *, handled_on: date, number: int, department: str) -> Draft:
    """Dalian 社会保险登记证年检, of the years when units had an organisation code and no credit code yet."""
    random, unit = people.random, people.unit("dalian", early=True)
    year = handled_on.year - 1
    insured = random.randint(8, 640)
    clerk, checker = people.officials(2)
    fields = {
        "年检年度": str(year), "单位名称": unit.name, "单位编号": unit.unit_no, "组织机构代码": unit.organisation_code,
        "社会保险登记证编号": f"大社险字2102{unit.unit_no[-6:]}号", "法定代表人": unit.legal_person,
        "单位地址": unit.address, "单位联系电话": f"0411-8{random.randrange(10**7):07d}", "在职职工人数": str(insured),
        "年检结果": "合格",
    }  # fmt: skip
    form = Page(
        kind="inspection", title="社会保险登记证年检表", values=dict(fields),
        rows=[{"险种": name, "参保人数": str(insured - random.randrange(3)), "缴费情况": "无欠费"}
              for name in ("养老保险", "医疗保险", "失业保险", "工伤保险", "生育保险")],
        foot={"经办人": clerk, "复核人": checker, "年检日期": _in_words(handled_on)}, seal=DALIAN,
    )  # fmt: skip
    submission = _submission(
        "dalian", "registration-inspection", f"DL{handled_on:%Y%m%d}{number:04d}",
        fonds="L010", department=department, handled_on=handled_on, officials=(clerk, checker),
        insurances=["养老", "医疗", "失业", "工伤", "生育"], unit={"name": unit.name, "unit_no": unit.unit_no},
        persons=[], fields=fields,
        materials=[_material("registration-inspection-form", form.title, "data/inspection-form.pdf", sealed=True)],
        system="大连市社会保险网上申报系统",
    )  # fmt: skip
    return Draft(submission=submission, pages={"data/inspection-form.pdf": form}, organisation=DALIAN)


def quarterly(people: People, *, year: int, quarter: int, number: int, department: str) -> Draft:
    """全民参保登记基础数据情况表 of one quarter, handed in by the 25th after it; every sum is right."""
    random = people.random
    label, month = QUARTERS[quarter]
    handled_on = date(year + (quarter == 4), month, random.randint(15, 24))
    cities = [_city_row(random, name) for name in ("遵义市", "六盘水市", "安顺市", "毕节市", "黔东南州")]
    total = {"甲": "总"} | {str(at): str(sum(int(row[str(at)]) for row in cities)) for at in range(1, 18)}
    clerk, section_head, head = people.officials(3)
    form = Page(
        kind="statistics", title="全民参保登记基础数据情况表", values={"填报期": f"{year}年{label}", "单位": "人"},
        rows=[total, *cities],
        foot={"单位负责人签章": head, "处（科）负责人签章": section_head, "填表人签章": clerk,
              "报出日期": _in_words(handled_on)},
        note="注：报送时间为季后25日前，即4月25日、7月25日、10月25日、次年1月25日前报送。", seal=GUIZHOU,
    )  # fmt: skip
    submission = _submission(
        "universal", "quarterly-statistics", f"QM{year}Q{quarter}{number:04d}",
        fonds="G003", department=department, handled_on=handled_on, officials=(clerk, head), insurances=[],
        unit=None, persons=[], fields={"报告期": f"{year}年{label}", "填报单位": GUIZHOU, "报出日期": handled_on.isoformat(),
                "单位负责人": head, "处(科)负责人": section_head, "填表人": clerk}, lines=[total, *cities],
        materials=[_material("quarterly-statistics", form.title, "data/statistics-form.pdf", sealed=True, signed=True)],
        system="贵州省全民参保登记信息系统",
    )  # fmt: skip
    return Draft(submission=submission, pages={"data/statistics-form.pdf": form}, organisation=GUIZHOU)


def summary(people: People, *, handled_on: date, number: int, department: str, count: int = 12) -> Draft:
    """全民参保登记个人基础信息汇总表 of one village or community."""
    random = people.random
    community = random.choice(("红花岗区长征镇沙坝村", "西秀区东关街道虹山社区", "七星关区麻园街道官屯社区"))
    persons = [people.person("guizhou", on=handled_on, rare=random.random() < 0.15) for _ in range(count)]
    clerk, checker, head = people.officials(3)
    rows = [_summary_row(people, at, person) for at, person in enumerate(persons, 1)]
    form = Page(
        kind="summary", title="全民参保登记个人基础信息汇总表", values={"村（社区）": community}, rows=rows,
        foot={"负责人": head, "复核人": checker, "填报时间": _in_words(handled_on)}, seal=_committee(community),
    )  # fmt: skip
    submission = _submission(
        "universal", "summary-form", f"QM{handled_on:%Y%m%d}{number:04d}",
        fonds="G003", department=department, handled_on=handled_on, officials=(clerk, checker), insurances=[],
        unit=None, persons=[person.as_party() for person in persons],
        fields={"村（社区）": community, "复核人": checker, "负责人": head, "填报时间": f"{handled_on:%Y%m%d}"},
        lines=rows,
        materials=[_material("summary-form", form.title, "data/summary-form.pdf", sealed=True, signed=True)],
        system="贵州省全民参保登记信息系统",
    )  # fmt: skip
    return Draft(submission=submission, pages={"data/summary-form.pdf": form}, organisation=GUIZHOU)


def _submission(
    source: str,
    item: str,
    business_no: str,
    *,
    handled_on: date,
    officials: tuple[str, str],
    system: str,
    **more: Any,
) -> dict[str, Any]:
    clerk, checker = officials
    at = f"{handled_on.isoformat()}T{{}}+08:00"
    return {
        "format": "archive-submission/1", "source": source, "item": item, "business_no": business_no, "revision": 1,
        "fonds": more["fonds"], "department": more["department"], "handled_on": handled_on.isoformat(), "title": None,
        "insurances": more["insurances"], "unit": more["unit"], "persons": more["persons"],
        "fields": more["fields"], "lines": more.get("lines", []), "materials": more["materials"],
        "process": [
            {"action": "受理", "actor": clerk, "at": at.format("09:31:00")},
            {"action": "复核", "actor": checker, "at": at.format("10:02:00")},
            {"action": "办结", "actor": checker, "at": at.format("10:05:00")},
        ],
        "relates": [],
        "system": {"name": system, "version": "3.2", "exported_at": at.format("22:00:00")},
    }  # fmt: skip


def _material(code: str, name: str, path: str, *, original: bool = True, **marks: bool) -> dict[str, Any]:
    """One material of one file of one page; size and digest are filled in when the bag is packed."""
    pages = None if path.endswith(".jpg") else 1
    return {
        "code": code,
        "name": name,
        "files": [{"path": path, "pages": pages, "original": original, "copies": 1} | marks],
    }


def _contract_start(random, handled_on: date, counter: bool) -> date:
    """Online: from the first day of the month before. At the counter also up to a year back."""
    earliest = (handled_on.replace(day=1) - timedelta(days=1)).replace(day=1)
    if counter:
        earliest -= timedelta(days=random.choice((0, 0, 120, 300)))
    return earliest + timedelta(days=random.randrange((handled_on - earliest).days + 1))


def _insurances(chosen: list[str]) -> list[str]:
    """What the form ticks, as the insurances of the case."""
    kinds = {"工伤": "工伤", "失业": "失业", "生育": "生育"}
    return list(dict.fromkeys(kinds.get(name[:2], "医疗") for name in chosen))


def _identity_card(person: Person, on: date, seal: str) -> Page:
    issued = date(max(on.year - 4, person.born.year + 16), 6, 12)
    return Page(
        kind="identity", title="身份证明材料",
        values={"姓名": person.name, "性别": person.sex, "民族": person.nation, "出生": _in_words(person.born, pad=False),
                "住址": person.address, "公民身份号码": person.id_no, "签发机关": f"{person.domicile[-3:]}公安局",
                "有效期限": f"{issued:%Y.%m.%d}-{issued.replace(year=issued.year + 20):%Y.%m.%d}"},
        note="复印件与原件核对无误", seal=seal, scan=True,
    )  # fmt: skip


def _committee(community: str) -> str:
    """Who stamps for a village or a community: 沙坝村村民委员会, 虹山社区居民委员会."""
    short = re.sub(r"^.+(镇|街道)", "", community)
    return short + ("村民委员会" if short.endswith("村") else "居民委员会")


def _city_row(random, name: str) -> dict[str, str]:
    """Columns 1 to 17 of the statistics table; (1) = (2), so (1) = (3) − (4) + (5) + (6) + (7) must hold."""
    direct = random.randrange(800_000, 3_200_000)
    outside = random.randrange(5_000, 60_000)
    in_province, elsewhere = random.randrange(20_000, 150_000), random.randrange(30_000, 260_000)
    survey = random.randrange(40_000, 700_000)
    registered = direct - outside + in_province + elsewhere + survey
    numbers = [registered, registered, direct, outside, in_province, elsewhere, survey, survey * 3 // 4]
    numbers += [
        random.randrange(500, 90_000) if at in (0, 3) else random.randrange(3, 900) for at in range(9)
    ]
    return {"甲": name} | {str(at): str(value) for at, value in enumerate(numbers, 1)}


def _summary_row(people: People, at: int, person: Person) -> dict[str, str]:
    random = people.random
    employed = random.random() < 0.4
    return {
        "序号": str(at), "姓名": person.name, "公民身份号码": person.id_no,
        "单位全称": people.unit("guizhou").name if employed else "", "无单位": "" if employed else "其他无单位",
        "户口所在地": person.domicile, "常住所在地地址": person.address, "联系电话（手机）": person.phone,
        "养老": "城镇职工" if employed else "城乡居民", "医疗": "城镇职工" if employed else "新农合",
        "工伤": "已参加" if employed else "", "失业": "已参加" if employed else "", "生育": "已参加" if employed else "",
    }  # fmt: skip


def _in_words(day: date, *, pad: bool = True) -> str:
    return f"{day.year}年{day.month:02d}月{day.day:02d}日" if pad else f"{day.year}年{day.month}月{day.day}日"
