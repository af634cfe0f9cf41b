"""Made-up records, scopes and questions for search tests and benches: the same seed makes the same ones.

Nobody in here exists. Names follow the uneven way in which surnames are spread, with rare characters among them.
"""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from django.conf import settings

from archive import privacy
from archive.scopes import Facts, Grant, Scope, scope_tokens
from archive.terms import INSURANCES, STAGES
from search.documents import Document, document_text

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
)
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国志文海燕春梅晓雪佳欣雨子轩浩然思宇俊婷"
RARE_NAMES = (
    "王𬱖", "李〇", "𠮷田", "阿卜杜·热西提", "欧阳娜", "张三", "张三丰", "葛\U000e0100明", "㐂来", "司马相如", "陈\ue863",
)  # fmt: skip
PLACES = ("东莞", "大连", "虎门镇", "长安镇", "中山区", "甘井子区", "横沥镇", "松山湖")
TRADES = ("电子", "服装", "物流", "餐饮管理", "建筑工程", "医疗器械", "信息科技", "家具制造")
ITEMS = (
    "参保登记", "社会保险登记证年检", "职工增员申报", "单位信息变更", "基本养老金核定", "工伤认定", "失业保险金申领",
    "生育津贴支付", "养老保险关系转移接续", "社会保障卡补换", "缴费基数申报", "稽核情况告知",
)  # fmt: skip
SENTENCES = (
    "根据《中华人民共和国社会保险法》的规定，经审核符合条件，予以办理。", "申请人与单位签订劳动合同，合同期限三年。",
    "请于三十日内携带身份证原件到经办窗口领取证明。", "经办人已核对原件与复印件一致，复印件留存。", "缴费基数按上年度月平均工资核定。",
    "本人承诺所填内容真实，如有虚假愿承担法律责任。", "工伤职工停工留薪期内，原工资福利待遇不变。", "单位 名 称 与公章一致。",
    "养老保险关系已转入，个人账户储存额合并计算。", "受理编号 SL-2019/0037，表格版本 A12。", "Form ID: Beta-7, page 2 of 3.",
    "因单位搬迁，\n通讯地址变更为新址。", "复核意见：同意。", "经比对，参保人无重复参保记录。",
)  # fmt: skip
COMMON = "本材料由社会保险经办机构依法归档保存。"
"""Stands in every text: the broadest phrase there is."""
STATES = ("archived", "held", "due")


@contextmanager
def key_ring(folder: Path):
    """A key ring of one's own."""
    before, settings.ARCHIVE_KEYS = settings.ARCHIVE_KEYS, str(folder / "keys.json")
    privacy.make_key_file(folder / "keys.json")
    privacy.key_ring.cache_clear()
    try:
        yield
    finally:
        settings.ARCHIVE_KEYS = before
        privacy.key_ring.cache_clear()


def _number(dice: random.Random) -> str:
    born = date(1950, 1, 1) + timedelta(days=dice.randrange(18_000))
    return f"{dice.choice(('441900', '210202', '110101'))}{born:%Y%m%d}{dice.randrange(1000):03d}{dice.choice('0123456789X')}"


def _name(dice: random.Random, rare: float) -> str:
    if dice.random() < rare:
        return dice.choice(RARE_NAMES)
    surname = SURNAMES[min(int(dice.expovariate(0.09)), len(SURNAMES) - 1)]
    return surname + "".join(dice.choices(GIVEN, k=dice.choice((1, 2, 2))))


def records(
    count: int,
    *,
    seed: int = 7,
    fonds: tuple[str, ...] = ("D019", "D020"),
    departments: int = 8,
    rare: float = 0.1,
) -> Iterator[tuple[Document, Facts, list[str]]]:
    """(document, what a scope looks at, its identity numbers in clear)."""
    dice = random.Random(seed)
    owners = [uuid.UUID(int=dice.getrandbits(128), version=4) for _ in range(20)]
    for order in range(1, count + 1):
        yield _record(dice, order, fonds, departments, owners, rare)


def _record(dice, order, fonds_codes, departments, owners, rare):
    fonds = dice.choice(fonds_codes)
    category = "ZY" if dice.random() < 0.95 else "RS"
    stage = dice.choice(tuple(STAGES)) if category == "ZY" else ""
    filed = dice.choice(("YL", "YB", "SY", "GS", "SH", "ZO"))
    insurances = tuple(dict.fromkeys([filed, *dice.sample(tuple(INSURANCES), k=dice.choice((0, 0, 0, 2)))]))
    formed_on = date(2009, 1, 1) + timedelta(days=int(dice.triangular(0, 5800, 5000)))
    names = tuple(dict.fromkeys(_name(dice, rare) for _ in range(dice.choice((1, 1, 1, 2, 3)))))
    numbers = [_number(dice) for _ in names]
    unit = (
        f"{dice.choice(PLACES)}{_name(dice, 0)[1:]}{dice.choice(TRADES)}有限公司"
        if dice.random() < 0.8
        else ""
    )
    codes = (
        (f"91441900MA{dice.randrange(36**4):06d}{dice.choice('ABCDEFGH')}{dice.randrange(10)}",)
        if unit
        else ()
    )
    item = dice.choice(ITEMS)
    sentences = dice.choices(SENTENCES, k=dice.choice((2, 4, 8)))
    if dice.random() < 0.3:
        sentences.append(f"联系电话：1{dice.choice('3578')}{dice.randrange(10**9):09d}。")
    told = "；".join(
        f"姓名：{name}，公民身份号码：{number}" for name, number in zip(names, numbers, strict=True)
    )
    text, tokens = document_text([f"{item}表\n{told}", "".join(sentences) + COMMON])
    facts = Facts(
        fonds=fonds,
        category=category,
        stage=stage,
        insurances=frozenset(insurances),
        department=dice.choice((None, *range(1, departments))),
        security=dice.choice((0, 1, 1, 1, 1, 1, 2, 3)),
        handed_in_by=dice.choice(owners),
    )
    parts = [f"{fonds}-{category}", *([stage] if stage else []), str(formed_on.year), f"D100-{order:06d}"]
    document = Document(
        record_id=uuid.UUID(int=dice.getrandbits(128), version=4),
        reference_code="·".join(parts),
        title=f"{unit}{names[0]}{'等' if len(names) > 1 else ''}{item}{formed_on.year}年{formed_on.month}月",
        fonds=fonds,
        year=formed_on.year,
        stage=stage,
        category=category,
        insurances=insurances,
        state=dice.choice(STATES),
        department="" if facts.department is None else f"科{facts.department}",
        names=names,
        unit=unit,
        unit_codes=codes,
        text=text,
        tokens=(
            *tokens,
            *(privacy.name_and_last_four_token(*pair) for pair in zip(names, numbers, strict=True)),
        ),
        scope=tuple(sorted(scope_tokens(facts))),
        formed_on=formed_on,
        order=order,
    )
    return document, facts, numbers


def changed(document: Document, **fields) -> Document:
    return replace(document, **fields)


def scope(dice: random.Random, facts: list[Facts]) -> Scope:
    """A random scope, built from what exists so that it is rarely empty; sometimes everything, sometimes nothing."""

    def some(values, most=4):
        return (
            None
            if dice.random() < 0.7
            else frozenset(dice.sample(values, k=dice.randrange(min(most, len(values)) + 1)))
        )

    kind = dice.random()
    if kind < 0.1:
        return Scope(everything=True)
    grants = tuple(
        Grant(
            fonds=dice.choice(facts).fonds,
            departments=some(range(1, 8)),
            categories=some(("ZY", "RS")),
            stages=some(tuple(STAGES), 8),
            insurances=some(tuple(INSURANCES)),
            security=dice.randrange(4),
        )
        for _ in range(dice.randrange(4))
    )
    return Scope(grants=grants, own=dice.choice(facts).handed_in_by if dice.random() < 0.3 else None)
