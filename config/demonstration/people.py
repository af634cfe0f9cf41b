"""Invented people, employers and officials with formally valid numbers.

`People(seed)` draws them; the same seed draws the same ones. Numbers follow GB 11643 (identity number),
GB 32100 (unified social credit code) and GB 11714 (the organisation code inside it). No number is drawn twice.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from archive.inspection import codes

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾萧田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
COMPOUND_SURNAMES = ("欧阳", "司徒", "上官", "诸葛")
GIVEN = {
    "男": "伟强磊军勇杰涛明超华辉刚平鹏飞波斌宇浩凯健俊帆志建国文博海峰晨旭东航毅坤诚天佑",
    "女": "芳娜敏静丽艳娟霞秀兰玲桂英梅燕红慧婷雪琳洁莹颖倩怡佳欣悦萍云蓉晶璐瑶诗涵梦雅",
}
RARE = (
    ("王𬱖", "男", "汉"), ("李〇", "男", "汉"), ("欧阳赟", "女", "汉"), ("陈喆", "男", "汉"), ("张翀", "男", "汉"),
    ("李㛃", "女", "汉"), ("阿依古丽·买买提", "女", "维吾尔"), ("阿卜杜热西提·吐尔逊", "男", "维吾尔"),
    ("乌日娜", "女", "蒙古"), ("罗桑扎西", "男", "藏"), ("龙阿妹", "女", "苗"), ("司徒䶮", "男", "汉"),
)  # fmt: skip
"""Names that break careless software: beyond the basic plane, the digit 〇, middle dots, no Han surname."""

PLACES = {
    "dongguan": {
        "city": "东莞市", "unit_division": "441900",
        "divisions": {"441900": "广东省东莞市", "440982": "广东省化州市", "430481": "湖南省耒阳市",
                      "450921": "广西容县", "520302": "贵州省遵义市红花岗区"},
        "streets": ("南城街道鸿福路", "松山湖工业北路", "虎门镇连升路", "长安镇振安路", "塘厦镇迎宾大道", "寮步镇香市路"),
        "trades": ("电子", "五金制品", "模具", "家具", "玩具", "纸业", "精密机械", "服饰", "光电科技", "包装材料"),
    },
    "dalian": {
        "city": "大连市", "unit_division": "210202",
        "divisions": {"210202": "辽宁省大连市中山区", "210203": "辽宁省大连市西岗区",
                      "210204": "辽宁省大连市沙河口区", "210211": "辽宁省大连市甘井子区"},
        "streets": ("中山区人民路", "西岗区黄河路", "沙河口区西安路", "甘井子区华北路"),
        "trades": ("船舶配件", "水产食品", "软件", "港口物流", "冷藏设备", "轴承", "机车零件", "进出口贸易"),
    },
    "guizhou": {
        "city": "贵阳市", "unit_division": "520102",
        "divisions": {"520102": "贵州省贵阳市南明区", "520302": "贵州省遵义市红花岗区", "520402": "贵州省安顺市西秀区",
                      "522401": "贵州省毕节市", "522601": "贵州省凯里市"},
        "streets": ("中华南路", "官井路", "东山巷", "新华街", "河滨路"),
        "trades": ("药业", "茶业", "酒业", "矿业", "旅游开发", "建筑工程"),
    },
}  # fmt: skip
OFFICIALS = [surname + given for surname in "陈黄梁叶莫袁" for given in ("敏", "志强", "晓燕", "建华")]
LUCKY = "恒宏华盛达润诚信德隆泰兴联创新源鑫瑞丰安康利百顺永嘉富金"

CODE_PLACES = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""What stands in codes that end up in a GB 32100 code: digits and capitals without I, O, S, V, Z."""


@dataclass(frozen=True, kw_only=True)
class Person:
    name: str
    sex: str  # 男 | 女
    nation: str
    born: date
    id_no: str
    phone: str
    address: str
    domicile: str
    personal_no: str

    def as_party(self) -> dict[str, str]:
        """The entry of `persons` in submission.json."""
        return {
            "name": self.name,
            "id_type": "居民身份证",
            "id_no": self.id_no,
            "personal_no": self.personal_no,
        }


@dataclass(frozen=True, kw_only=True)
class Unit:
    name: str
    uscc: str
    unit_no: str
    address: str
    legal_person: str

    @property
    def organisation_code(self) -> str:
        """The GB 11714 code as it was printed before 2015: eight places, a dash, the check place."""
        return f"{self.uscc[8:16]}-{self.uscc[16]}"

    def as_party(self) -> dict[str, str]:
        return {"name": self.name, "uscc": self.uscc, "unit_no": self.unit_no}


def identity_number(division: str, born: date, order: int) -> str:
    """GB 11643: division, birth date, three places of order (odd = male), check place."""
    body = f"{division}{born:%Y%m%d}{order:03d}"
    return body + codes.identity_check_character(body)


def credit_code(division: str, body: str) -> str:
    """GB 32100 for an enterprise (91): division, GB 11714 code made of the eight places of `body`, check place."""
    front = "91" + division + body + codes.organisation_check_character(body)
    return front + codes.credit_check_character(front)


def wrong_check_digit(number: str) -> str:
    """The same number with another last place: right in length and form, wrong by its check digit."""
    return number[:-1] + ("1" if number[-1] in "X02" else "0")


class People:
    """Draws people and units of one collection. Not thread-safe; one instance per collection."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.drawn: set[str] = set()

    def person(self, place: str = "dongguan", *, on: date, rare: bool = False) -> Person:
        """A person of 18 to 58 years on the day `on`. `rare`: one of the names that break software."""
        random, here = self.random, PLACES[place]
        name, sex, nation = random.choice(RARE) if rare else (*self.name(), "汉")
        born = date(on.year - random.randint(19, 57), 1, 1) + timedelta(days=random.randrange(365))
        division, domicile = random.choice(list(here["divisions"].items()))
        return Person(
            name=name, sex=sex, nation=nation, born=born,
            id_no=self._new(lambda: identity_number(division, born, self._order(sex))),
            phone=self._new(lambda: random.choice(("135", "136", "138", "139", "158", "180")) + self._digits(8)),
            address=f"{domicile}{random.choice(here['streets'])}{random.randint(1, 199)}号" if place == "guizhou"
            else f"{here['city']}{random.choice(here['streets'])}{random.randint(1, 199)}号",
            domicile=domicile,
            personal_no=self._new(lambda: "4" + self._digits(9)),
        )  # fmt: skip

    def name(self) -> tuple[str, str]:
        """A common name and its sex."""
        random = self.random
        sex = random.choice("男女")
        surname = random.choice(SURNAMES) if random.random() > 0.04 else random.choice(COMPOUND_SURNAMES)
        return surname + "".join(random.choices(GIVEN[sex], k=random.choice((1, 2, 2, 2)))), sex

    def officials(self, count: int) -> list[str]:
        """Names of so many different clerks; an office has two dozen."""
        return self.random.sample(OFFICIALS, count)

    def unit(self, place: str = "dongguan", *, early: bool = False) -> Unit:
        """An employer. `early`: its organisation code is of the digits used before 三证合一 (October 2015)."""
        random, here = self.random, PLACES[place]
        uscc = self._new(
            lambda: credit_code(
                here["unit_division"], "7" + self._digits(7) if early else "MA" + self._places(6)
            )
        )
        return Unit(
            name=self._new(lambda: self._unit_name(here)),
            uscc=uscc,
            unit_no=self._new(lambda: "19" + self._digits(8)),
            address=f"{here['city']}{random.choice(here['streets'])}{random.randint(1, 199)}号",
            legal_person=self.name()[0],
        )

    def _unit_name(self, here: dict) -> str:
        random = self.random
        brand = "".join(random.sample(LUCKY, 2)) + random.choice(("", "", "兴", "源"))
        return f"{here['city']}{brand}{random.choice(here['trades'])}有限公司"

    def _digits(self, count: int) -> str:
        return "".join(self.random.choices("0123456789", k=count))

    def _places(self, count: int) -> str:
        return "".join(self.random.choices(CODE_PLACES, k=count))

    def _order(self, sex: str) -> int:
        """Three places of order: odd for men, even for women."""
        return self.random.randrange(1, 499) * 2 + (sex == "男")

    def _new(self, draw) -> str:
        """Draw until the value is new in this collection."""
        while (value := draw()) in self.drawn:
            pass
        self.drawn.add(value)
        return value
