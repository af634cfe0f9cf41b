"""Sample values for the gallery. Persons, units and numbers are invented."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

PRODUCT = "电子业务档案管理系统"
FONDS = {"code": "D019", "name": "东莞市社会保险基金管理局"}
NOW = datetime(2026, 3, 4, 9, 31, tzinfo=ZoneInfo("Asia/Shanghai"))

ARCHIVED = ("archived", "已归档", "success")
WAITING = ("waiting", "等待人工", "waiting")
RETURNED = ("returned", "已退回", "danger")
HELD = ("held", "暂缓销毁", "held")
STATES = [
    ("received", "已接收", "neutral"),
    ("examining", "检测中", "progress"),
    WAITING,
    ARCHIVED,
    ("due", "即将到期", "warning"),
    RETURNED,
    HELD,
    ("unchecked", "未检测", "unknown"),
    ("destroyed", "已销毁", "gone"),
]


def navigation(path: str) -> list[dict]:
    places = [
        ("", [("待办", "/", 37)]),
        ("收集", [("归档信息包", "/package/", 12), ("上传", "/upload/", 0), ("来源系统", "/none/", 0)]),
        (
            "档案",
            [
                ("档案目录", "/records/", 0),
                ("查找", "/find/", 0),
                ("整理与著录", "#", 0),
                ("利用登记", "/read/", 3),
            ],
        ),
        ("保管", [("固化信息核验", "#", 1), ("存储", "#", 0)]),
        (
            "鉴定与处置",
            [("到期", "#", 21), ("暂缓销毁", "#", 0), ("鉴定", "#", 0), ("销毁清册", "/register/", 0)],
        ),
        ("管理", [("审计", "#", 0), ("部件", "/gallery/", 0)]),
    ]
    return [
        {
            "label": label,
            "items": [
                {
                    "label": word,
                    "url": url,
                    "count": count,
                    "current": url == path or (url == "/records/" and path == "/record/"),
                }
                for word, url, count in items
            ],
        }
        for label, items in places
    ]


def ago(**span) -> datetime:
    return timezone.now() - timedelta(**span)


TODOS = [
    {"label": "归档信息包等待确定保管期限", "count": 12, "url": "/package/", "oldest": ago(days=6), "urgent": True,
     "sentence": "全民参保登记基础数据情况表（8-3 类）没有全国统一期限"},
    {"label": "每日抽查", "count": 3, "url": "/package/", "oldest": ago(hours=3),
     "sentence": "昨日自动归档 146 件，抽出 3 件请核对"},
    {"label": "利用申请待审批", "count": 1, "url": "/read/", "oldest": ago(minutes=42), "sentence": "养老待遇科申请查看密级为“秘密”的档案"},
    {"label": "退回后未重新移交", "count": 21, "url": "/package/", "oldest": ago(days=19), "sentence": "超过 15 天的 4 件，请联系移交部门"},
]  # fmt: skip


def event(at, who, what, **more):
    return {"at": NOW - timedelta(minutes=at), "who": who, "what": what, **more}


EVENTS = [
    event(0, "陈静", "查看原件 1 份", role="档案员", why="目的：窗口核实参保时间", tone="neutral"),
    event(60, "系统", "核验两份副本，摘要一致", tone="success"),
    event(
        60 * 26, "李明", "暂缓销毁", role="档案负责人", why="劳动争议仲裁〔2026〕114 号，待结案", tone="held"
    ),
    event(60 * 24 * 9, "系统", "归档，档号", code="D019-ZY·DJ·2019·D100-000001", tone="success"),
    event(60 * 24 * 9 + 1, "系统", "四性检测完成：37 项通过，1 项提示", tone="warning"),
    event(60 * 24 * 9 + 2, "社会保险网上服务系统", "移交归档信息包 DG201912100001", tone="neutral"),
]

NAMES = "张三 欧阳若兰 李伟 王芳 阿卜杜热西提·买买提 陈婉君 刘洋 赵敏 黄志强 周建国 吴秀英 徐磊 孙丽 马超 朱晓彤 胡䶮 郭子涵 何家豪 林美玲 罗文斌".split()
UNITS = (
    "东莞市某某电子有限公司",
    "东莞市示例鞋业制品厂",
    "样例物业服务（东莞）有限公司南城分公司",
    "松山湖某某软件有限公司",
)
ITEMS = ("参保增员", "单位参保登记", "减员", "基本信息变更", "社会保险关系转入")


def a_record(number: int) -> dict:
    formed = date(2019, 12, 10) - timedelta(days=number * 5)
    permanent = number % 5 == 1
    item = ITEMS[number % len(ITEMS)]
    who = (
        UNITS[number % 4]
        if permanent
        else f"{UNITS[number % 4]}　{NAMES[number % 20]}" + ("等3人" if number % 7 == 3 else "")
    )
    return {
        "pk": number,
        "code": f"D019-ZY·DJ·{formed.year}·{'Y' if permanent else 'D100'}-{number + 1:06d}",
        "title": f"{who}　{item}　{formed.year}年{formed.month}月",
        "year": formed.year,
        "stage": "参保登记",
        "insurance": ("综合", "养老", "工伤", "医疗")[number % 4],
        "formed_on": formed,
        "retention": "永久" if permanent else "100",
        "due_on": None if permanent else date(formed.year + 101, 1, 1),
        "pages": (number * 7) % 31 + 1,
        "state": HELD if number == 4 else ARCHIVED if number != 7 else ("due", "副本缺失", "danger"),
    }


RECORDS = [a_record(number) for number in range(24)]


def groups(chosen) -> list[dict]:
    table = [
        ("年度", "year", [("2019", "2019", 4213), ("2018", "2018", 3902), ("2017", "2017", 1188), ("2016", "2016", 697)]),
        ("业务环节", "stage", [("参保登记", "DJ", 7120), ("变更登记", "BG", 2044), ("关系转移", "GX", 511), ("权益查询与证明", "CX", 325)]),
        ("险种", "insurance", [("综合", "ZO", 5003), ("养老", "YL", 2876), ("医疗", "YB", 1402), ("工伤", "GS", 719)]),
        ("保管期限", "retention", [("永久", "Y", 2210), ("100年", "D100", 7102), ("10年", "D10", 688)]),
        ("载体", "medium", [("电子", "e", 9120), ("电子和纸质", "b", 880)]),
    ]  # fmt: skip
    return [
        {
            "label": label,
            "name": name,
            "options": [
                {"label": word, "value": value, "count": count, "current": chosen.get(name) == value}
                for word, value, count in options
            ],
            "open": name != "medium",
        }
        for label, name, options in table
    ]


def chips(chosen) -> list[dict]:
    return [
        {"label": group["label"], "value": option["label"], "clear_url": "?"}
        for group in groups(chosen)
        for option in group["options"]
        if option["current"]
    ]


def finding(check, prop, verdict, message, **more):
    return {"check": check, "property": prop, "verdict": verdict, "message": message, **more}


FINDINGS = [
    finding("GD-2-7", "integrity", "failed", "缺少材料“参保人身份证明材料”：人员增加须附每名参保人的身份证明。",
            field="materials", rule="东莞市网上参保增员 必备材料", remedy="请补充这份材料后，以修订号 2 重新移交。"),
    finding("GD-1-6", "authenticity", "failed", "参保人“张三”的公民身份号码校验位不符：第 18 位应为 X，实际为 1。",
            file="data/increase-form.pdf", field="persons[0].id_no", value="4419**********1231", rule="GB 11643-1999",
            remedy="请核对身份证原件，更正后重新移交。"),
    finding("GD-3-4", "usability", "warning", "图像分辨率 150 dpi，低于建议的 200 dpi，文字仍可辨认。",
            file="data/id-copy.jpg", value="150 dpi", rule="DA/T 31 扫描分辨率"),
    finding("GD-4-1", "safety", "not-run", "没有做病毒检测：本机没有配置病毒扫描服务。", rule="DA/T 70-2018 4-1"),
    finding("X-AUTH-2", "authenticity", "manual", "扫描件没有文字层，系统不能核对姓名和号码，请人工核对。", file="data/id-copy.jpg"),
    *[finding(f"GD-1-{n}", "authenticity", "passed", f"{word}：符合要求。")
      for n, word in enumerate(("固化信息有效", "元数据准确", "来源合法", "电子签名有效"), 1)],
    *[finding(f"GD-2-{n}", "integrity", "passed", f"{word}：符合要求。")
      for n, word in enumerate(("件数相符", "字节数相符", "页数相符", "必填项齐全", "过程信息完整"), 1)],
    *[finding(f"GD-3-{n}", "usability", "passed", f"{word}：符合要求。") for n, word in enumerate(("可完整打开", "格式可识别"), 1)],
    finding("GD-4-2", "safety", "passed", "没有脚本、嵌入文件和加密：符合要求。"),
]  # fmt: skip

STEPS = [
    {"label": "接收", "state": "done", "note": "03-04 09:12"},
    {"label": "检测", "state": "done", "note": "12 项，3.1 秒"},
    {"label": "判定", "state": "waiting", "note": "保管期限待定"},
    {"label": "归档", "state": "todo"},
    {"label": "保存", "state": "todo"},
    {"label": "检索", "state": "todo"},
]


def package_page() -> dict:
    steps = [*STEPS[:2], {"label": "判定", "state": "failed", "note": "2 项不通过"}, *STEPS[3:]]
    return {
        "steps": steps,
        "findings": FINDINGS,
        "facts": [
            {"label": "业务流水号", "value": "DG201912100001", "code": True},
            {"label": "修订号", "value": "1"},
            {"label": "来源系统", "value": "社会保险网上服务系统 3.2"},
            {"label": "业务事项", "value": "人员增加（网上）"},
            {"label": "移交部门", "value": "参保登记科"},
            {"label": "接收时间", "value": "2026-03-04 09:12"},
            {"label": "包的大小", "value": "2.4 MB，3 个文件"},
            {
                "label": "SHA-256",
                "value": "9f86d081884c…",
                "code": True,
                "title": "9f86d081884c7d659a2feaa0c55ad015",
            },
        ],
        "breadcrumbs": [
            {"label": "收集", "url": "#"},
            {"label": "归档信息包", "url": "#"},
            {"label": "DG201912100001"},
        ],
        "action": {"label": "通知移交部门", "url": "#", "key": "t"},
        "more": [
            {"label": "下载检测报告", "url": "#"},
            {"label": "归档", "refusal": "有 2 项不通过，不能归档。"},
        ],
    }


FACTS = [
    {"label": "档号", "value": "D019-ZY·DJ·2019·D100-000001", "code": True, "wide": True},
    {"label": "年度", "value": "2019"},
    {"label": "业务环节", "value": "参保登记"},
    {"label": "险种", "value": "综合（工伤、失业、医疗、生育）"},
    {"label": "形成日期", "value": "2019-12-10"},
    {"label": "保管期限", "value": "100年（至2119-12-31）"},
    {"label": "密级", "value": "内部"},
    {"label": "单位", "value": "东莞市某某电子有限公司", "url": "#"},
    {"label": "信用代码", "value": "91441900MA4UABCD9M", "code": True},
    {"label": "当事人", "value": "张三　4419**********1231", "url": "#"},
    {"label": "形成部门", "value": "参保登记科"},
    {"label": "责任者", "value": ""},
    {"label": "来源", "value": "社会保险网上服务系统 DG201912100001"},
]

MATERIALS = [
    {"name": "参加社会保险人员增减表", "file": "increase-form.pdf", "format": "PDF/A-2b", "pages": 4, "bytes": 81234, "state": ("", "两份副本完好", "success")},
    {"name": "劳动合同", "file": "contract.pdf", "format": "PDF 1.7", "pages": 12, "bytes": 2483100, "state": ("", "两份副本完好", "success")},
    {"name": "参保人身份证明材料", "file": "id-copy.jpg", "format": "JPEG", "pages": None, "bytes": 412800, "state": ("", "待写第二份", "progress")},
]  # fmt: skip


def record_page() -> dict:
    return {
        "facts": FACTS,
        "events": EVENTS,
        "materials": MATERIALS,
        "tabs": [
            {"label": "说明", "url": "#", "current": True},
            {"label": "材料", "url": "#", "count": 3},
            {"label": "检测", "url": "#", "count": 38},
            {"label": "副本", "url": "#", "count": 6},
            {"label": "历程", "url": "#", "count": 14},
        ],
        "state": HELD,
        "action": {"label": "阅读", "url": "/read/", "key": "r"},
        "more": [{"label": "解除暂缓", "dialog": "release"}, {"label": "打印目录", "url": "/register/", "key": "p"}],
        "breadcrumbs": [{"label": "档案", "url": "#"}, {"label": "档案目录", "url": "/records/"}, {"label": "D019-ZY·DJ·2019·D100-000001", "code": True}],
    }  # fmt: skip


def reading() -> dict:
    return {
        "documents": [
            {"name": "参加社会保险人员增减表", "files": [{"name": "increase-form.pdf", "url": "#", "pages": 4, "current": True}]},
            {"name": "劳动合同", "files": [{"name": "contract.pdf", "url": "#", "pages": 12}]},
            {"name": "参保人身份证明材料", "files": [{"name": "id-front.jpg", "url": "#", "pages": 1}, {"name": "id-back.jpg", "url": "#", "pages": 1}]},
        ],
        "thumbnails": [
            {"number": n, "url": "#", "image_url": f"/page/{n}.svg", "current": n == 2} for n in range(1, 5)
        ],
        "sheet": {
            "number": 2, "pages": 4, "image_url": "/page/2.svg", "width": 1240, "height": 1754,
            "alt": "参加社会保险人员增减表，第 2 页", "prev_url": "?page=1", "next_url": "?page=3",
        },
        "zooms": [{"label": "整页", "url": "#"}, {"label": "适合宽度", "url": "#", "current": True}, {"label": "原大", "url": "#"}],
        "download": {"label": "原件", "url": "#"},
        "facts": FACTS[:10],
        "facts_title": "说明",
        "watermark": "页面带有查看人、时间和目的的水印：陈静 2026-03-04 09:31 窗口核实参保时间",
        "breadcrumbs": [{"label": "档案目录", "url": "/records/"}, {"label": "D019-ZY·DJ·2019·D100-000001", "url": "/record/", "code": True}, {"label": "阅读"}],
    }  # fmt: skip


def gallery() -> dict:
    return {
        "states": STATES,
        "steps": STEPS,
        "findings": FINDINGS,
        "events": EVENTS,
        "facts": FACTS,
        "todos": TODOS,
        "progress": {"done": 4120, "total": 10000, "rate": 31.4, "remaining": 187, "sentence": "正在归档 2019 年参保登记", "failed": 3},
        "finished": {"done": 600, "total": 600, "finished": True, "sentence": "核验完成，没有发现损坏"},
        "refused": {"label": "归档", "refusal": "有 2 项不通过，不能归档。"},
        "bars": [("2026", 120), ("2027", 860), ("2028", 2310), ("2029", 1190), ("2030", 455), ("2031", 0), ("2032", 98)],
        "pager": {"next_url": "?after=b"},
    }  # fmt: skip


REGISTER = [
    {
        "number": number,
        "title": f"{UNITS[number % 4]}　全民参保登记　2012年{number % 12 + 1}月",
        "year": 2012,
        "code": f"D019-ZY·DJ·2012·D10-{number:06d}",
        "retention": "10年",
        "kept": "13年",
        "pages": number % 9 + 1,
        "note": "抽出续存" if number == 7 else "",
    }
    for number in range(1, 61)
]


def form_page(number: int) -> str:
    """A page that looks like a scanned form, for the viewer."""
    lines = "".join(
        f'<path d="M120 {300 + row * 70}H1120" stroke="#333" stroke-width="2"/>'
        f'<text x="140" y="{345 + row * 70}">{row + 1}</text><text x="220" y="{345 + row * 70}">{NAMES[(row + number) % 20]}</text>'
        f'<text x="520" y="{345 + row * 70}">4419**********{1200 + row}</text><text x="900" y="{345 + row * 70}">2019-11-15</text>'
        for row in range(17)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="1240" height="1754" viewBox="0 0 1240 1754">'
        '<rect width="1240" height="1754" fill="#fdfdfb"/><g font-family="Noto Serif CJK SC, serif" font-size="28" fill="#222">'
        f'<text x="620" y="150" text-anchor="middle" font-size="46">参加社会保险人员增减表（第 {number} 页）</text>'
        '<text x="120" y="240">单位名称：东莞市某某电子有限公司</text>'
        f'{lines}<path d="M120 300V1490M200 300V1490M500 300V1490M880 300V1490M1120 300V1490M120 1490H1120" stroke="#333" stroke-width="2"/>'
        '<g fill="none" stroke="#c0392b" stroke-width="6" opacity=".7"><circle cx="960" cy="1560" r="110"/></g>'
        '<g fill="#0b5c7a" opacity=".13" font-size="34" transform="rotate(-28 620 877)">'
        + "".join(
            f'<text x="{60 + (row % 2) * 160}" y="{300 + row * 240}">陈静 2026-03-04 09:31 窗口核实　　陈静 2026-03-04 09:31</text>'
            for row in range(6)
        )
        + "</g></g></svg>"
    )
