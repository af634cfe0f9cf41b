"""A camera for pages: a real headless Chromium that is shown an address and leaves a PNG or a PDF.

    with Camera(OFFICE) as camera:
        camera.sign_in("http://127.0.0.1:8000/login/", "name", "password")
        camera.shoot("http://127.0.0.1:8000/", Path("docs/pictures/home-1366.png"))

The viewport has exactly the size asked for. What the browser complained about (blocked by the content policy,
missing files, script errors) is collected in `complaints`: a picture of a broken page is no proof.
Needs Chromium and its driver (Debian: chromium, chromium-driver); `find_browser` says when they are absent.
"""

import base64
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

OFFICE = (1366, 768)
WIDE = (1920, 1080)
SIZES = (OFFICE, WIDE)
PATIENCE = 180
"""Seconds, for a machine much slower than ours."""

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--lang=zh-CN",
)


def find_browser() -> tuple[str, str] | None:
    """Chromium and its driver, or None where one of them is not installed."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def until(driver: webdriver.Chrome, condition: Callable[[webdriver.Chrome], object], otherwise: str = ""):
    """The first true answer. What the browser cannot tell while a page, or a part, gives way to the next is asked again.
    Raises TimeoutException, saying `otherwise`."""
    waiting = WebDriverWait(driver, PATIENCE, 0.1, ignored_exceptions=[WebDriverException])
    return waiting.until(condition, otherwise)


class Camera:
    """One browser with one viewport; a context manager, because a browser left behind eats memory."""

    def __init__(self, size: tuple[int, int] = OFFICE) -> None:
        self.size = size
        self.complaints: list[str] = []

    def __enter__(self) -> "Camera":
        found = find_browser()
        if found is None:
            raise RuntimeError(
                "Chromium or chromedriver is not installed (Debian: apt install chromium-driver)"
            )
        browser, driver = found
        self.profile = tempfile.mkdtemp(prefix="camera-")
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for argument in (*ARGUMENTS, f"--user-data-dir={self.profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(
            options=options, service=webdriver.ChromeService(executable_path=driver)
        )
        self.driver.set_page_load_timeout(180)
        self.driver.set_script_timeout(180)
        self._set_viewport(*self.size)
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, url: str) -> None:
        """Show the page and wait until fonts and pictures are there."""
        self.driver.get(url)
        until(
            self.driver,
            lambda d: d.execute_script(
                "return document.readyState === 'complete' && document.fonts.status === 'loaded'"
                " && [...document.images].every((i) => i.loading === 'lazy' || i.complete)"
            ),
        )
        self.listen(url)

    def sign_in(self, url: str, name: str, password: str) -> None:
        """Fill in the sign-in form at `url` and wait until it is left. Raises when it is not."""
        self.open(url)
        self.driver.find_element(By.NAME, "username").send_keys(name)
        field = self.driver.find_element(By.NAME, "password")
        field.send_keys(password)
        field.submit()
        until(
            self.driver,
            lambda d: not d.current_url.startswith(url) and not d.find_elements(By.NAME, "password"),
            f"sign-in as {name} did not succeed",
        )

    def shoot(
        self,
        url: str,
        path: Path | str,
        *,
        whole: bool = False,
        before: Callable[[webdriver.Chrome], None] | None = None,
    ) -> Path:
        """A PNG of what fits the screen, or of the `whole` page. `before` may act on the page first (open a
        dialog, select rows, type): it is given the selenium driver."""
        self.open(url)
        if before:
            before(self.driver)
            self.listen(url)
        if whole:
            box = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            self._set_viewport(self.size[0], int(box["height"]))
        answer = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        if whole:
            self._set_viewport(*self.size)
        return self._keep(path, answer["data"])

    def print(self, url: str, path: Path | str) -> Path:
        """The PDF that the browser would print, with the page size of the stylesheet."""
        self.open(url)
        answer = self.driver.execute_cdp_cmd(
            "Page.printToPDF", {"preferCSSPageSize": True, "printBackground": False}
        )
        return self._keep(path, answer["data"])

    def _set_viewport(self, width: int, height: int) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def _keep(self, path: Path | str, data: str) -> Path:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(data))
        return path

    def listen(self, url: str) -> None:
        """Collect what the browser has to complain about since it was asked last; said of the page `url`."""
        for entry in self.driver.get_log("browser"):
            if entry["level"] in ("SEVERE", "WARNING"):
                self.complaints.append(f"{url}: {entry['message']}")
