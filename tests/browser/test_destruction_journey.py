"""The second half of a life in a real Chromium, on the living demonstration, each step by the person whose part it is:
due → appraisal → register → filing → approval → supervision → destroyed → stub.

Nothing waits for a time: each step waits until the page shows what it has to show. Whatever the browser complains
about fails the test.
"""

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from config.demonstration import light
from config.demonstration.staff import PASSWORD
from tests.living import Living
from tests.look.camera import OFFICE, Camera, find_browser

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
        yield Visitor(camera, archive.base)
        assert camera.complaints == []


class Visitor:
    """Whoever sits at the browser; `is_now` changes the person."""

    def __init__(self, camera: Camera, base: str) -> None:
        self.camera, self.driver, self.base = camera, camera.driver, base

    def is_now(self, username: str) -> None:
        self.driver.delete_all_cookies()
        self.camera.sign_in(self.base + "/sign-in/", username, PASSWORD)

    def until(self, condition, what: str):
        waiting = WebDriverWait(self.driver, 60, 0.1, ignored_exceptions=[StaleElementReferenceException])
        try:
            return waiting.until(lambda _: condition())
        except Exception as fault:
            text = self.driver.find_element(By.TAG_NAME, "body").text
            raise AssertionError(f"not seen: {what}, at {self.driver.current_url}\n{text}") from fault

    def sees(self, words: str) -> None:
        self.until(lambda: words in self.driver.find_element(By.TAG_NAME, "main").text, words)

    def one(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, words: str) -> None:
        """The link or button that says this, and is shown."""
        path = f"//*[self::a or self::button][contains(normalize-space(.), '{words}')]"

        def shown():
            return next((e for e in self.driver.find_elements(By.XPATH, path) if e.is_displayed()), None)

        self.until(shown, f"“{words}” to click").click()

    def todo(self, words: str) -> None:
        """From the 待办 list to where it is done."""
        self.camera.open(self.base + "/")
        self.click(words)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.one(f"[name={name}]")
            if field.get_attribute("type") == "date":
                self.driver.execute_script("arguments[0].value = arguments[1]", field, value)
            elif field.tag_name == "select":
                option = next(o for o in field.find_elements(By.TAG_NAME, "option") if value in o.text)
                option.click()
            else:
                if field.get_attribute("type") != "file":
                    field.clear()
                field.send_keys(value)

    def sign(self, dialog: str) -> None:
        """The password in the open dialog, and its button."""
        self.until(lambda: self.one(f"#{dialog}").is_displayed(), dialog)
        self.one(f"#{dialog} [name=password]").send_keys(PASSWORD)
        self.one(f"#{dialog} footer [type=submit]").click()

    def speak(self) -> None:
        """Open the record that is asked about, come back and sign the opinion."""
        self.todo(TITLE)
        self.click("发表意见")
        self.sees("至少要 1 件")
        here = self.driver.current_url
        self.one(".aside table a").click()
        self.sees("社会保险登记证年检")
        self.camera.open(here)
        self.sees("已打开 1 件，够了")
        self.one("[name=result][value=destroy]").click()
        self.fill(reason="已无查考价值", password=PASSWORD)
        self.click("签署意见")
        self.sees(TITLE)


def test_a_due_record_goes_the_whole_way_until_only_its_stub_is_left(visitor, tmp_path):
    sheet = tmp_path / "sheet.pdf"
    sheet.write_bytes(light.pdf([["签署页", "同意销毁"]]))
    today = visitor.driver.execute_script("return new Date().toLocaleDateString('sv')")

    visitor.is_now("dangan")
    visitor.todo("到期档案可以提交鉴定")
    visitor.one("tbody [data-select]").click()
    visitor.click("提交鉴定")
    visitor.sees("共 1 件")
    visitor.fill(title=TITLE)
    visitor.click("提交鉴定 1 件")
    visitor.sees("4 名成员中 0 名已发表")
    visitor.speak()

    for member in ("yewu", "fuzhuren"):
        visitor.is_now(member)
        visitor.speak()

    visitor.is_now("dangan")
    visitor.camera.open(visitor.base + "/retention/appraisals/")
    visitor.one("main tbody a").click()  # the newest stands first
    visitor.sees(TITLE)
    visitor.click("录入纸质意见")
    visitor.one("[name=result][value=destroy]").click()
    visitor.fill(member="黄人社", reason="同意", signed_on=today, scan=str(sheet))
    visitor.one(".form [type=submit]").click()
    visitor.sees("1 份纸质意见待核对")

    visitor.is_now("fuze")
    visitor.todo("纸质签署等待核对")
    visitor.click("黄人社")
    visitor.click("核对无误")
    visitor.one("#confirm footer [type=submit]").click()
    visitor.sees("同意销毁")
    visitor.todo("鉴定意见已齐，可以作出结论")
    visitor.click("作出结论")
    visitor.one("#close footer [type=submit]").click()
    visitor.sees("下载 PDF")

    visitor.is_now("dangan")
    visitor.todo("鉴定同意销毁，等待编制清册")
    visitor.fill(title=TITLE)
    visitor.one(".form [type=submit]").click()
    visitor.sees("核对条目后定稿")
    code = visitor.one("#rows td .code").text
    visitor.click("定稿")
    visitor.one("#freeze footer [type=submit]").click()
    visitor.sees("报送同级人社行政部门备案")
    visitor.click("登记备案")
    visitor.fill(filing_no="大人社备〔2026〕36号", filed_on=today, receipt=str(sheet))
    visitor.one(".form [type=submit]").click()
    visitor.sees("等主要负责人批准")

    visitor.is_now("zhuren")  # three actions: the 待办, the page, the word with his password
    visitor.todo("等您批准")
    visitor.sees("大人社备〔2026〕36号")
    visitor.one("[data-dialog=approve]").click()
    visitor.one("#approve footer [type=submit]").click()
    assert visitor.one("#approve [data-error]").is_displayed(), "nothing is signed without the password"
    visitor.sign("approve")
    visitor.sees("等两名监销人")

    for supervisor in ("jianyi", "jianer"):
        visitor.is_now(supervisor)
        visitor.todo("等您监销")
        visitor.sees("全部相符")
        visitor.one("[data-dialog=sign]").click()
        visitor.sign("sign")
        visitor.sees("销毁清册")

    visitor.is_now("dangan")
    visitor.todo("可以执行")
    visitor.fill(place="本中心档案机房")
    visitor.one("[data-dialog=start]").click()
    visitor.sign("start")
    visitor.sees("执行完毕：已销毁 1 件")
    visitor.one(".page-head-actions a[href*=registers]").click()
    visitor.sees("条目")
    visitor.one("#rows td a").click()
    visitor.sees("已证明不存在")
    assert code in visitor.one("main").text
    assert "只保留目录信息、摘要和处置凭证" in visitor.one("main").text
    visitor.camera.listen(visitor.driver.current_url)
