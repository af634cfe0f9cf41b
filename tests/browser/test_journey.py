"""The first way through the house as an archivist goes it: sign in → hand in → archived → find → read → sign out.

Served by the product's own processes on a scratch archive, seen in a real Chromium. Nothing waits for a time: each
step waits until the page shows what it has to show. Whatever the browser complains about (content policy, missing
files, script errors) fails the test.
"""

import base64
from io import BytesIO

import pytest
from PIL import Image, ImageChops
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests import factories
from tests.living import PASSWORD, Living
from tests.look.camera import OFFICE, Camera, find_browser
from tests.visitor import Visitor

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None, reason="Chromium and its driver are not installed"),
]

SLOW_BYTES_PER_SECOND = 400_000
"""So slow a line that the progress of a package of 1 MB can be seen."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    with Living(tmp_path_factory.mktemp("archive"), fonds="D019=东莞市社会保险基金管理中心:stage") as archive:
        archive.person("zhou", "周归档", "archivist")
        yield archive


@pytest.fixture
def visitor(archive):
    with Camera(OFFICE) as camera:
        yield Visitor(camera, archive.base, PASSWORD)
        assert camera.complaints == []


WATCH = """
window.seenProgress = [];
new MutationObserver(() => {
  const bar = document.querySelector("[data-upload-list] progress");
  if (bar && bar.value > 0 && bar.value < 100) window.seenProgress.push(bar.value);
}).observe(document.querySelector("[data-upload-list]"), { childList: true, subtree: true, attributes: true, characterData: true });
"""


def test_a_package_is_handed_in_archived_found_by_name_and_number_and_read_for_a_purpose(
    archive, visitor, tmp_path
):
    declared = factories.a_submission()
    package = factories.a_bag(tmp_path, declared, {"data/identity.jpg": a_photograph()}, zip=True)
    name, number = declared["persons"][0]["name"], declared["persons"][0]["id_no"]
    visitor.is_now("zhou")

    visitor.go("移交信息包")
    visitor.driver.execute_script(WATCH)
    slow_line(visitor.driver, SLOW_BYTES_PER_SECOND)
    visitor.one("#upload-files").send_keys(str(package))
    visitor.until(lambda: visitor.has("[data-upload-list]", "已接收"), "the file is received")
    assert visitor.driver.execute_script("return window.seenProgress.length") > 0, (
        "progress was shown on the way"
    )
    slow_line(visitor.driver, -1)
    visitor.until(
        lambda: visitor.has("#underway .chip", "已归档"), "the package is archived, without a click"
    )
    visitor.until(
        lambda: len(visitor.all("#underway tr .step-done")) == len(visitor.all("#underway tr .stepper li")),
        "every step is done",
    )
    [code] = visitor.until(
        lambda: [link.text for link in visitor.all("#underway a[href^='/records/']")], "its code"
    )
    assert code == "D019-ZY·DJ·2019·D100-000001"

    visitor.find(name)
    visitor.until(lambda: visitor.has("#results tbody a", code), "found by the name")
    visitor.find(number)
    visitor.until(
        lambda: "q=" not in visitor.driver.current_url and visitor.has("#results tbody a", code),
        "found by the number",
    )
    assert number not in visitor.driver.current_url and number[6:14] not in visitor.driver.current_url
    assert number not in visitor.driver.page_source, "the list shows no number, not even in its search box"

    visitor.click_on("#results tbody a[data-open]")
    visitor.until(lambda: visitor.has("h2", "当事人"), "the record page")
    assert number not in visitor.driver.page_source
    visitor.one("#purpose").send_keys(f"{name}本人窗口核实参保时间", Keys.ENTER)
    visitor.until(lambda: number in visitor.one("body").text, "the number is shown for a purpose")
    assert visitor.has(".purpose-bar", "本人窗口核实参保时间")

    visitor.click(declared["materials"][0]["name"])
    visitor.until(
        lambda: visitor.driver.execute_script(
            "const i = document.querySelector('.viewer-sheet img'); return i && i.complete && i.naturalWidth"
        ),
        "the page of the file",
    )
    assert visitor.has(".viewer-mark", "周归档")
    seen = visitor.driver.find_element(By.CSS_SELECTOR, ".viewer-sheet img").get_attribute("src")
    assert share_of_ink(picture(visitor, seen)) > 0.002, "the reader's mark lies over the page"
    [clean] = (archive.data / "renditions").rglob("*.jpg")
    assert share_of_ink(clean.read_bytes()) < 0.0001, "and only over what is sent"

    visitor.click_on(".purpose-bar button")
    visitor.until(lambda: not visitor.all(".purpose-bar"), "the purpose has ended")
    visitor.click(code)
    visitor.until(lambda: visitor.has("h2", "当事人"), "the record page")
    assert number not in visitor.driver.page_source, "the number is covered again"
    visitor.click_on("a[href*='tab=readings']")
    visitor.until(
        lambda: visitor.has("#content", f"{name}本人窗口核实参保时间"), "the reading stands in its ledger"
    )

    record = visitor.driver.current_url
    visitor.sign_out()
    visitor.camera.open(record)
    assert visitor.all("input[name=password]"), "whoever is signed out sees no record"


def test_a_package_that_comes_back_says_why_and_how_to_hand_it_in_again(visitor, tmp_path):
    visitor.is_now("zhou")
    visitor.go("移交信息包")
    package = factories.a_hostile_bag(tmp_path, "missing-material", zip=True)
    visitor.one("#upload-files").send_keys(str(package))
    visitor.until(lambda: visitor.has("#underway .chip", "退回"), "the package is returned")
    visitor.click_on("#underway tr:has(.tone-danger) a[data-open]")
    visitor.until(lambda: visitor.has("#content", "下一步"), "the page of the package")
    assert visitor.has("#content", "身份证明材料"), "the material that is missing is named"
    assert "revision）改为 2" in visitor.one("body").text
    visitor.sign_out()


def a_photograph() -> bytes:
    """A scan of about a megabyte: grain cannot be pressed together."""
    out = BytesIO()
    Image.effect_noise((1240, 1754), 60).convert("RGB").save(out, "JPEG", quality=80, dpi=(200, 200))
    return out.getvalue()


def slow_line(driver, bytes_per_second: int) -> None:
    driver.execute_cdp_cmd("Network.enable", {})
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", limits)


def picture(visitor: Visitor, url: str) -> bytes:
    """What the browser is given under that address, with its own session."""
    script = """
      const [url, done] = arguments;
      fetch(url).then((answer) => answer.blob()).then((blob) => {
        const reader = new FileReader();
        reader.onload = () => done(reader.result.split(",")[1]);
        reader.readAsDataURL(blob);
      });
    """
    return base64.b64decode(visitor.driver.execute_async_script(script, url))


def share_of_ink(jpeg: bytes) -> float:
    """How much of the picture has the colour of the mark: more blue than red. Paper, print and seals have not."""
    red, _, blue = Image.open(BytesIO(jpeg)).convert("RGB").split()
    counts = ImageChops.subtract(blue, red).histogram()
    return sum(counts[12:]) / sum(counts)
