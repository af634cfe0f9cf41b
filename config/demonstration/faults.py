"""Faults on purpose: each breaks a sound package in one way and says what the archive must find.

A fault acts at one of three points: on the draft (what is declared and printed), on the printed files, or on
the finished bag. Everything else about the package stays sound, so exactly this fault is to be found.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import pikepdf
from PIL import Image

from config.demonstration import bags
from config.demonstration.pages import Draft
from config.demonstration.people import wrong_check_digit

FORM = "data/increase-form.pdf"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`name`; `what` in Chinese; the finding to expect: a property of terms.PROPERTIES, and `about`, the file or
    field it names. `outcome`: what becomes of the package; a mere warning does not stop it. `counter`: acts on a
    counter-increase, else on an online-increase."""

    name: str
    what: str
    property: str
    about: str
    outcome: str = "returned"
    counter: bool = False
    on_draft: Callable[[Draft], None] | None = None
    on_files: Callable[[dict[str, bytes]], None] | None = None
    on_tree: Callable[[bags.Tree], None] | None = None


def _set(draft: Draft, label: str, value: str | None) -> None:
    """Declare and print the same value of one field; None takes the field away."""
    form = draft.pages[FORM]
    if value is None:
        draft.submission["fields"].pop(label, None)
        form.values.pop(label, None)
    else:
        draft.submission["fields"][label] = value
        form.values[label] = value


def _missing_material(draft: Draft) -> None:
    draft.submission["materials"] = [m for m in draft.submission["materials"] if m["name"] != "身份证明材料"]
    draft.pages.pop("data/identity.jpg")


def _wrong_check_digit(draft: Draft) -> None:
    person = draft.submission["persons"][0]
    person["id_no"] = wrong_check_digit(person["id_no"])
    _set(draft, "证件号码", person["id_no"])


def _wrong_credit_code(draft: Draft) -> None:
    unit = draft.submission["unit"]
    unit["uscc"] = wrong_check_digit(unit["uscc"])
    draft.pages[FORM].values["统一社会信用代码"] = unit["uscc"]


def _contract_too_early(draft: Draft) -> None:
    year = int(draft.submission["handled_on"][:4]) - 1
    _set(draft, "合同开始时间", f"{year}0115")
    _set(draft, "参保起始年月", f"{year}01")


def _contradicting_text(draft: Draft) -> None:
    """The printed form carries the number of somebody else; its check digit is right."""
    values = draft.pages[FORM].values
    values["证件号码"] = (
        "441900198803052210" if values["证件号码"] != "441900198803052210" else "441900199001011231"
    )


def _not_finished(draft: Draft) -> None:
    draft.submission["process"] = [step for step in draft.submission["process"] if step["action"] != "办结"]


def _in_the_future(draft: Draft) -> None:
    submission = draft.submission
    old, submission["handled_on"] = submission["handled_on"], "2099-12-10"
    for step in submission["process"]:
        step["at"] = step["at"].replace(old, "2099-12-10")
    _set(draft, "合同开始时间", "20991201")
    _set(draft, "合同结束时间", "99999999")
    _set(draft, "参保起始年月", "209912")


def _encrypted(files: dict[str, bytes]) -> None:
    """A user password; RC4 and a fixed id, because the newer ciphers draw random bytes and would not repeat."""
    out = BytesIO()
    with pikepdf.open(BytesIO(files[FORM])) as document:
        document.save(
            out, static_id=True, encryption=pikepdf.Encryption(user="123456", owner="654321", R=3, aes=False,
                                                               metadata=False),
        )  # fmt: skip
    files[FORM] = out.getvalue()


def _truncated(files: dict[str, bytes]) -> None:
    """The transfer broke off after a quarter; the bag was made of what there was."""
    files[FORM] = files[FORM][: len(files[FORM]) // 4]


def _javascript(files: dict[str, bytes]) -> None:
    out = BytesIO()
    with pikepdf.open(BytesIO(files[FORM])) as document:
        document.Root.OpenAction = pikepdf.Dictionary(
            S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert('demo');")
        )
        document.save(out, deterministic_id=True)
    files[FORM] = out.getvalue()


def _image_named_pdf(files: dict[str, bytes]) -> None:
    out = BytesIO()
    Image.new("RGB", (826, 1169), "white").save(out, "PNG", dpi=(200, 200))
    files[FORM] = out.getvalue()


def _random_bytes(files: dict[str, bytes]) -> None:
    files[FORM] = random.Random(1).randbytes(40_000)


def _empty(files: dict[str, bytes]) -> None:
    files[FORM] = b""


def _wrong_pages(draft: Draft) -> None:
    draft.submission["materials"][0]["files"][0]["pages"] = 3


def _unknown_fonds(draft: Draft) -> None:
    draft.submission["fonds"] = "X999"


FAULTS: dict[str, Fault] = {fault.name: fault for fault in (
    Fault(name="changed-digest", what="装包后文件被改动一个字节", property="authenticity", about="data/identity.jpg",
          counter=True, on_tree=bags.changed_payload),
    Fault(name="missing-material", what="窗口增员缺身份证明材料", property="integrity", about="身份证明材料",
          counter=True, on_draft=_missing_material),
    Fault(name="wrong-check-digit", what="居民身份证号码校验码不对", property="authenticity", about="证件号码",
          on_draft=_wrong_check_digit),
    Fault(name="contract-too-early", what="合同开始时间早于经办时间上月", property="authenticity", about="合同开始时间",
          on_draft=_contract_too_early),
    Fault(name="unknown-value", what="就业形式不在字典内", property="authenticity", about="就业形式",
          on_draft=lambda draft: _set(draft, "就业形式", "临时帮工")),
    Fault(name="encrypted-pdf", what="表单PDF设了打开口令", property="usability", about=FORM, on_files=_encrypted),
    Fault(name="truncated-pdf", what="表单PDF传输中断", property="usability", about=FORM, on_files=_truncated),
    Fault(name="contradicting-text", what="表单上的证件号码与申报的不一致", property="authenticity", about=FORM,
          on_draft=_contradicting_text),
    Fault(name="javascript-pdf", what="表单PDF含有脚本", property="safety", about=FORM, outcome="archived",
            on_files=_javascript),
    Fault(name="not-finished", what="流转记录里没有办结", property="integrity", about="办结", on_draft=_not_finished),
    Fault(name="in-the-future", what="办结日期在将来", property="authenticity", about="handled_on",
          on_draft=_in_the_future),
    Fault(name="image-named-pdf", what="扩展名是PDF，内容是PNG图片", property="authenticity", about=FORM,
          on_files=_image_named_pdf),
    Fault(name="random-bytes", what="表单不是任何可识别的格式", property="usability", about=FORM,
          on_files=_random_bytes),
    Fault(name="empty-file", what="表单是空文件", property="usability", about=FORM, on_files=_empty),
    Fault(name="wrong-pages", what="申报3页，实为1页", property="integrity", about=FORM, on_draft=_wrong_pages),
    Fault(name="wrong-credit-code", what="统一社会信用代码校验码不对", property="authenticity", about="uscc",
          on_draft=_wrong_credit_code),
    Fault(name="dispatch-without-unit", what="派遣就业没有填被派遣单位名称", property="integrity",
          about="被派遣单位名称", on_draft=lambda draft: _set(draft, "就业形式", "派遣就业")),
    Fault(name="required-field-empty", what="必填的缴费基数没有填", property="integrity", about="缴费基数",
          on_draft=lambda draft: _set(draft, "缴费基数", None)),
    Fault(name="unknown-fonds", what="全宗号不存在", property="integrity", about="fonds", on_draft=_unknown_fonds),
    Fault(name="missing-payload", what="清单里有的文件包里没有", property="integrity", about="data/identity.jpg",
          counter=True, on_tree=bags.missing_payload),
    Fault(name="unlisted-payload", what="包里多出清单之外的文件", property="integrity", about="data/unlisted.txt",
          on_tree=bags.unlisted_payload),
    Fault(name="no-submission", what="没有 submission.json", property="integrity", about="submission.json",
          on_tree=bags.no_submission),
    Fault(name="submission-not-json", what="submission.json 不完整", property="usability", about="submission.json",
          on_tree=bags.submission_not_json),
    Fault(name="no-declaration", what="没有 bagit.txt", property="authenticity", about="bagit.txt",
          on_tree=bags.no_declaration),
)}  # fmt: skip

DEMONSTRATED = tuple(name for name, fault in FAULTS.items() if fault.outcome == "returned")[:10]
"""The faults of `manage.py demo` that send a package back, in this order."""
WARNED = tuple(name for name, fault in FAULTS.items() if fault.outcome == "archived")
"""Faults that only leave a warning; the demonstration has one package of each."""
