"""The hands: the parts in a real Chromium, under the strict content policy, on the pages of the gallery.

The gallery is served by a process of its own, because it has settings of its own and no database.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.look.camera import OFFICE, Camera, find_browser, until
from tests.visitor import press

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None, reason="Chromium and its driver are not installed"),
]

ROOT = Path(__file__).resolve().parents[2]
LIST = "/records/?stage=DJ&year=2019"


@pytest.fixture(scope="module")
def gallery():
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.look.shoot", "--serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    yield server.stdout.readline().strip()
    server.terminate()
    server.wait()
    server.stdout.close()


@pytest.fixture(scope="module")
def camera():
    with Camera(OFFICE) as camera:
        yield camera


@pytest.fixture
def at(gallery, camera):
    """Open a page of the gallery as a person who was never here; afterwards the browser must not have complained."""
    camera.complaints.clear()
    camera.driver.delete_all_cookies()

    def open(path: str):
        camera.open(gallery + path)
        return camera.driver

    yield open
    camera.driver.execute_script("window.sessionStorage.clear()")
    assert camera.complaints == []


def one(driver, selector: str):
    return driver.find_element(By.CSS_SELECTOR, selector)


def test_slash_goes_to_the_search_and_a_slash_in_it_is_typed(at):
    driver = at(LIST)
    press(driver, "/", "张", "/")
    assert driver.switch_to.active_element.get_attribute("name") == "q"
    assert driver.switch_to.active_element.get_attribute("value") == "张/"


def test_rows_are_walked_selected_and_opened_by_keys(at):
    driver = at(LIST)
    press(driver, "j", "j", "x", "j", "x")
    assert one(driver, "[data-selected]").text == "2"
    assert len(driver.find_elements(By.CSS_SELECTOR, "tr.selected")) == 2
    assert one(driver, "[data-actions]").is_displayed()
    press(driver, "k", Keys.ENTER)
    until(driver, lambda d: d.current_url.endswith("/record/"))


def test_the_bar_of_actions_moves_nothing(at):
    driver = at(LIST)
    place = one(driver, "tbody tr").rect
    press(driver, "j", "x")
    assert one(driver, "tbody tr").rect == place


def test_the_way_back_leads_to_the_list_as_it_was(at):
    driver = at(LIST)
    press(driver, "j", Keys.ENTER)
    until(driver, lambda d: d.find_elements(By.CSS_SELECTOR, ".breadcrumbs a[href$='stage=DJ&year=2019']"))[
        0
    ].click()
    until(driver, lambda d: d.current_url.endswith(LIST))


def test_a_deed_that_cannot_be_undone_is_not_sent_without_its_reason(at):
    driver = at(LIST)
    press(driver, "j", "x")
    one(driver, "[data-dialog=hold]").click()
    assert one(driver, "#hold [data-selected-of]").text == "1"
    one(driver, "#hold [type=submit]").click()
    assert one(driver, "#hold [data-error]").is_displayed()
    assert driver.switch_to.active_element.get_attribute("id") == "hold-reason"
    press(driver, Keys.ESCAPE)
    until(driver, lambda d: not one(d, "#hold").is_displayed())


def test_the_keys_are_shown_with_those_of_the_page(at):
    driver = at("/read/")
    press(driver, "?")
    assert "下一页" in one(driver, "[data-page-keys]").text
    press(driver, Keys.ESCAPE)
    until(driver, lambda d: not one(d, "#keys").is_displayed())
    press(driver, Keys.ARROW_RIGHT)
    until(driver, lambda d: d.current_url.endswith("page=3"))


def test_a_key_of_paging_has_the_meaning_of_a_page_without_pages(at):
    driver = at("/record/")
    press(driver, "p")
    until(driver, lambda d: d.current_url.endswith("/register/"))


def test_files_are_sent_one_by_one_and_each_tells_its_result(at, tmp_path):
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    good.write_bytes(b"x" * 300_000)
    bad.write_bytes(b"x")
    driver = at("/upload/")
    one(driver, "#upload-files").send_keys(f"{good}\n{bad}")
    until(driver, lambda d: "1 个已送达，1 个未成功" in one(d, "[data-upload-sum]").text)
    rows = driver.find_elements(By.CSS_SELECTOR, "[data-upload-list] tbody tr")
    assert "已归档" in rows[0].text and "300000 字节" in rows[0].text
    assert "bad.zip：不是 zip 文件。" in rows[1].text and "重试" in rows[1].text
    driver.get_log("browser")  # the refused file is no complaint about the page


def test_a_folded_menu_stays_folded_without_a_jump(at):
    driver = at("/")
    one(driver, "[data-menu-fold]").click()
    driver = at(LIST)
    assert one(driver, "#menu").rect["width"] == 40
    assert layout_shift(driver) == 0


def layout_shift(driver) -> float:
    return driver.execute_async_script(
        """
        const done = arguments[0];
        let sum = 0;
        new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
          .observe({ type: "layout-shift", buffered: true });
        setTimeout(() => done(sum), 150);
        """
    )


@pytest.mark.parametrize("path", ["/", LIST, "/record/", "/read/", "/package/", "/upload/", "/gallery/"])
def test_a_page_does_not_move_while_it_loads_and_fits_the_office_screen(at, path):
    driver = at(path)
    assert layout_shift(driver) < 0.005
    assert driver.execute_script("return document.documentElement.scrollWidth") <= OFFICE[0]


def test_a_refused_part_is_told_above_the_content_and_nothing_else_changes(at):
    driver = at("/record/")
    driver.execute_script("htmx.ajax('GET', '/refused/', { target: 'h1', swap: 'innerHTML' })")
    until(driver, lambda d: "不能退回" in one(d, "#refused").text)
    assert "张三" in one(driver, "h1").text
    assert len(driver.find_elements(By.CSS_SELECTOR, ".top")) == 1, (
        "only the refusal is taken from the answered page"
    )
    driver.get_log("browser")  # the status 409 is what was asked for


def test_long_work_asks_for_its_state_until_it_is_finished(at):
    driver = at("/progress/")
    until(driver, lambda d: "归档完成" in one(d, ".progress").text)
    assert not one(driver, ".progress").get_attribute("hx-get")


def test_a_form_is_sent_once_however_often_it_is_clicked(at):
    driver = at("/record/")
    sent = driver.execute_script(
        """
        const form = document.querySelector("#release form");
        form.querySelector("textarea").value = "结案";
        let sent = 0;
        document.addEventListener("submit", (event) => { if (!event.defaultPrevented) sent += 1; event.preventDefault(); });
        const button = form.querySelector("[type=submit]");
        form.requestSubmit(button);
        form.requestSubmit(button);
        return sent;
        """
    )
    assert sent == 1


def test_the_printed_form_counts_its_pages_and_repeats_its_head(gallery, camera, tmp_path):
    import pypdfium2

    camera.print(gallery + "/register/", tmp_path / "register.pdf")
    with pypdfium2.PdfDocument(tmp_path / "register.pdf") as document:
        texts = [page.get_textpage().get_text_range() for page in document]
    assert len(texts) > 1
    for number, text in enumerate(texts, 1):
        assert f"第 {number} 页 共 {len(texts)} 页" in " ".join(text.split())
        assert "东莞市社会保险基金管理局" in text, "the 全宗 stands at the head of every page"
