"""The words of the field: one table per code list, Chinese term beside the code that numbers and filters use.

Pure. Stage and insurance codes are the letters of the 档号 (design §4, in the manner of DA/T 13-2022); the
setup command loads them as rows, so a site may add its own. No code may mean two things: tests hold that.
"""

STAGES = {
    "DJ": "参保登记", "BG": "变更登记", "ZK": "证卡管理", "SB": "申报核定", "ZS": "征缴",
    "GZ": "账户管理", "DY": "待遇核定", "ZF": "待遇支付", "HC": "资格核查", "GX": "关系转移",
    "CX": "权益查询与证明", "TJ": "统计报表", "JH": "稽核监管", "JY": "就业服务", "DG": "档案管理",
}  # fmt: skip
INSURANCES = {"YL": "养老", "YB": "医疗", "SY": "失业", "GS": "工伤", "SH": "生育", "ZO": "综合"}
CATEGORIES = {"ZY": "业务", "KU": "会计", "RS": "人事", "ZP": "照片", "LY": "录音", "LX": "录像"}

STAGE_CODES = {name: code for code, name in STAGES.items()}
INSURANCE_CODES = {name: code for code, name in INSURANCES.items()}

COMBINED = "综合"
"""The insurance under which a case of several insurances, or of none, is filed."""

SCHEMES = {"stage": "年度—业务环节", "insurance-stage": "年度—险种—业务环节"}

PERMANENT = "永久"
ACCOUNTING = "会计"
RETENTIONS = (PERMANENT, "100", "50", "30", "10", ACCOUNTING)
"""保管期限, as Order 3 (2009) article 9 fixes them, and the accounting schedule (Order 79)."""
RETENTION_CODES = {"永久": "Y", "100": "D100", "50": "D50", "30": "D30", "10": "D10", "会计": "KU"}
"""The letters of a period in the 档号 (DA/T 13-2022)."""

SECURITY_LEVELS = {0: "公开", 1: "内部", 2: "秘密", 3: "机密"}
SECURITY_CODES = {name: level for level, name in SECURITY_LEVELS.items()}
DEFAULT_SECURITY = 1

PROPERTIES = {"authenticity": "真实性", "integrity": "完整性", "usability": "可用性", "safety": "安全性"}
VERDICTS = {
    "passed": "通过",
    "failed": "不通过",
    "warning": "提示",
    "manual": "人工待检",
    "not-run": "未检测",
}
RELATIONS = ("更正", "补充", "回退")
