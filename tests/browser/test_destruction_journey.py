"""The second half of a life in a real Chromium, on the living demonstration, each step by the person whose part it is:
due → appraisal → register → filing → approval → supervision → destroyed → stub.

Nothing waits for a time: each step waits until the page shows what it has to show. Whatever the browser complains
about fails the test.
"""

import pytest

from config.demonstration import light
from config.demonstration.staff import PASSWORD
from tests.living import Living
from tests.look.camera import OFFICE, Camera, find_browser
from tests.visitor import Visitor

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None, reason="Chromium and its driver are not installed"),
]

TITLE = "2014年到期的一件"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    with Living(tmp_path_factory.mktemp("archive"), demo=True) as archive:
        yield archive


@pytest.fixture
def visitor(archive):
    with Camera(OFFICE) as camera:
        yield Visitor(camera, archive.base, PASSWORD)
        assert camera.complaints == []


def speak(visitor: Visitor) -> None:
    """Open the record that is asked about, come back and sign the opinion."""
    visitor.todo(TITLE)
    visitor.click("发表意见")
    visitor.sees("至少要 1 件")
    here = visitor.driver.current_url
    visitor.click_on(".aside table a")
    visitor.sees("社会保险登记证年检")
    visitor.camera.open(here)
    visitor.sees("已打开 1 件，够了")
    visitor.click_on("[name=result][value=destroy]")
    visitor.fill(reason="已无查考价值", password=PASSWORD)
    visitor.click("签署意见")
    visitor.sees(TITLE)


def test_a_due_record_goes_the_whole_way_until_only_its_stub_is_left(visitor, tmp_path):
    sheet = tmp_path / "sheet.pdf"
    sheet.write_bytes(light.pdf([["签署页", "同意销毁"]]))
    today = visitor.driver.execute_script("return new Date().toLocaleDateString('sv')")

    visitor.is_now("dangan")
    visitor.todo("到期档案可以提交鉴定")
    visitor.click_on("tbody [data-select]")
    visitor.click("提交鉴定")
    visitor.sees("共 1 件")
    visitor.fill(title=TITLE)
    visitor.click("提交鉴定 1 件")
    visitor.sees("4 名成员中 0 名已发表")
    speak(visitor)

    for member in ("yewu", "fuzhuren"):
        visitor.is_now(member)
        speak(visitor)

    visitor.is_now("dangan")
    visitor.camera.open(visitor.base + "/retention/appraisals/")
    visitor.click_on("main tbody a")  # the newest stands first
    visitor.sees(TITLE)
    visitor.click("录入纸质意见")
    visitor.click_on("[name=result][value=destroy]")
    visitor.fill(member="黄人社", reason="同意", signed_on=today, scan=str(sheet))
    visitor.click_on(".form [type=submit]")
    visitor.sees("1 份纸质意见待核对")

    visitor.is_now("fuze")
    visitor.todo("纸质签署等待核对")
    visitor.click("黄人社")
    visitor.click("核对无误")
    visitor.click_on("#confirm footer [type=submit]")
    visitor.sees("同意销毁")
    visitor.todo("鉴定意见已齐，可以作出结论")
    visitor.click("作出结论")
    visitor.click_on("#close footer [type=submit]")
    visitor.sees("下载 PDF")

    visitor.is_now("dangan")
    visitor.todo("鉴定同意销毁，等待编制清册")
    visitor.fill(title=TITLE)
    visitor.click_on(".form [type=submit]")
    visitor.sees("核对条目后定稿")
    code = visitor.one("#rows td .code").text
    visitor.click("定稿")
    visitor.click_on("#freeze footer [type=submit]")
    visitor.sees("报送同级人社行政部门备案")
    visitor.click("登记备案")
    visitor.fill(filing_no="大人社备〔2026〕41号", filed_on=today, receipt=str(sheet))
    visitor.click_on(".form [type=submit]")
    visitor.sees("等主要负责人批准")

    visitor.is_now("zhuren")  # three actions: the 待办, the page, the word with his password
    visitor.todo(TITLE)
    visitor.sees("大人社备〔2026〕41号")
    visitor.click_on("[data-dialog=approve]")
    visitor.click_on("#approve footer [type=submit]")
    assert visitor.one("#approve [data-error]").is_displayed(), "nothing is signed without the password"
    visitor.sign("approve")
    visitor.sees("等两名监销人")

    for supervisor in ("jianyi", "jianer"):
        visitor.is_now(supervisor)
        visitor.todo(TITLE)
        visitor.sees("全部相符")
        visitor.click_on("[data-dialog=sign]")
        visitor.sign("sign")
        visitor.sees("销毁清册")

    visitor.is_now("dangan")
    visitor.todo(TITLE)
    visitor.fill(place="本中心档案机房")
    visitor.click_on("[data-dialog=start]")
    visitor.sign("start")
    visitor.sees("执行完毕：已销毁 1 件")
    visitor.click_on(".page-head-actions a[href*=registers]")
    visitor.sees("条目")
    visitor.click_on("#rows td a")
    visitor.sees("已证明不存在")
    assert code in visitor.one("main").text
    assert "只保留目录信息、摘要和处置凭证" in visitor.one("main").text
    visitor.camera.listen(visitor.driver.current_url)
