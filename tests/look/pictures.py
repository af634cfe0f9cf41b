"""The pictures of README and 操作手册: `python -m tests.look.pictures [FOLDER] [--base URL] [NAME…]`.

Without --base the archive of `make demo` is made in a scratch folder and served for as long as it takes. One row of
SHOTS is one picture at both sizes. A picture that looks as before is not written again, and what is written has few
colours: the repository stays small. Exit status 1 when the browser complained about a page.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageChops
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from config.demonstration import bags
from config.demonstration.catalogue import hostile, light_packages
from config.demonstration.staff import PASSWORD
from tests.living import Living
from tests.look.camera import SIZES, Camera, until

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
COLOURS, LARGEST = (96, 48, 24, 12), 150_000
"""Of so many colours as fit into so many bytes: a scan takes more than a table."""
SAME = 0.002
"""Share of changed pixels below which a page looks as before: a time of day, a few bytes of free space."""


@dataclass(frozen=True)
class Shot:
    """`name` of the file; `who` is signed in (a name of config.demonstration.staff, "" for nobody); `path` to begin
    at; `follow`: links to click from there, each a CSS selector; `before`: what is done on the page at last."""

    name: str
    who: str
    path: str
    follow: tuple[str, ...] = ()
    before: Callable[[webdriver.Chrome], None] | None = None


FIRST, TAB = "tr[data-row] a[data-open]", ".tabs a[href*='tab={}']"
A_PERSON, THREE = "/search/?q=孟琳霞", "/search/?q=罗桑扎西"


def click(selector: str) -> Callable[[webdriver.Chrome], None]:
    return lambda driver: driver.find_element(By.CSS_SELECTOR, selector).click()


def purpose(driver: webdriver.Chrome) -> None:
    driver.find_element(By.ID, "purpose").send_keys("孟琳霞本人窗口核实参保时间", Keys.ENTER)
    until(driver, lambda d: d.find_elements(By.CSS_SELECTOR, ".purpose-bar"))


def end_purpose(driver: webdriver.Chrome) -> None:
    click(".purpose-bar button")(driver)
    until(driver, lambda d: not d.find_elements(By.CSS_SELECTOR, ".purpose-bar"))


def hand_in(driver: webdriver.Chrome) -> None:
    """One package that is archived and one that comes back; others for each size, so that none is there already."""
    seed = driver.execute_script("return window.innerWidth")
    all_of_them = ended(driver) + 2
    with tempfile.TemporaryDirectory() as scratch:
        [clean] = light_packages(Path(scratch), 1, seed=seed)
        faulty = bags.write(hostile("missing-material", seed=seed), Path(scratch) / "窗口增员.zip", zip=True)
        driver.find_element(By.ID, "upload-files").send_keys(f"{clean}\n{faulty}")
        until(driver, lambda d: ended(d) == all_of_them, "the packages did not come to their end")


def ended(driver: webdriver.Chrome) -> int:
    ends = "#underway td:last-child .tone-success, #underway td:last-child .tone-danger"
    return len(driver.find_elements(By.CSS_SELECTOR, ends))


SHOTS = (
    Shot("sign-in", "", "/sign-in/"),
    # 档案员
    Shot("home", "dangan", "/"),
    Shot("upload", "dangan", "/intake/upload/", (), hand_in),
    Shot("packages", "dangan", "/intake/packages/"),
    Shot("returned", "dangan", "/intake/packages/?tab=returned&number=DG202407190901", (FIRST,)),
    Shot("search", "dangan", THREE),
    Shot("record", "dangan", A_PERSON, (FIRST,)),
    Shot("findings", "dangan", A_PERSON, (FIRST, TAB.format("findings"))),
    Shot("copies", "dangan", A_PERSON, (FIRST, TAB.format("copies"))),
    Shot("read", "dangan", A_PERSON, (FIRST, FIRST)),
    Shot("readings", "dangan", A_PERSON, (FIRST, TAB.format("readings"))),
    # 档案负责人
    Shot("periods", "fuze", "/periods/"),
    Shot("period", "fuze", "/periods/?waits=universal/summary-form", (FIRST,)),
    # 兼职档案员, 经办人员
    Shot("home-window", "jianzhi", "/"),
    Shot("home-clerk", "jingban", "/"),
    Shot("purpose", "jingban", A_PERSON, (FIRST,), purpose),
    # 鉴定与销毁
    Shot("due", "dangan", "/retention/due/"),
    Shot("hold", "dangan", "/retention/holds/", (FIRST,)),
    Shot("register", "dangan", "/retention/registers/?state=executed", (FIRST,)),
    Shot("papers", "dangan", "/retention/papers/"),
    Shot("stub", "dangan", "/retention/registers/?state=executed", (FIRST, FIRST)),
    Shot("home-appraiser", "yewu", "/"),
    Shot("appraisal", "yewu", "/retention/appraisals/", (FIRST,)),
    Shot("opinion", "yewu", "/retention/appraisals/", (FIRST, "a[href$='/opinion/']")),
    Shot("home-head", "zhuren", "/"),
    Shot("decide", "zhuren", "/", ("a[href$='/decide/']",)),
    Shot("supervise", "jianyi", "/", ("a[href$='/supervise/']",)),
    # 检查人员, 三员
    Shot("home-inspector", "jiancha", "/"),
    Shot("people", "anquan", "/people/"),
    Shot("person", "anquan", "/people/", ("tbody tr:nth-child(3) a[data-open]",)),
    Shot("audit", "shenji", "/audit/events/"),
    Shot("accesses", "shenji", "/audit/accesses/"),
    Shot("seals", "shenji", "/audit/seals/", (), click(".table-tools button")),
    Shot("system", "xitong", "/system/state/"),
)  # fmt: skip


def take(base: str, folder: Path, shots: list[Shot]) -> list[str]:
    """Every shot at both sizes into `folder`; what the browser complained about."""
    complaints: list[str] = []
    for size in SIZES:
        for who, mine in groupby(shots, key=lambda shot: shot.who):
            with Camera(size) as camera:
                if who:
                    camera.sign_in(f"{base}/sign-in/", who, PASSWORD)
                for shot in mine:
                    keep(_taken(camera, base, shot), folder / f"{shot.name}-{size[0]}.png")
                complaints += camera.complaints
    return complaints


def _taken(camera: Camera, base: str, shot: Shot) -> bytes:
    camera.open(base + shot.path)
    for selector in shot.follow:
        found = camera.driver.find_elements(By.CSS_SELECTOR, selector)
        if not found:
            raise LookupError(f"{shot.name}: nothing to click on {camera.driver.current_url}: {selector}")
        camera.open(found[0].get_attribute("href"))
    with tempfile.TemporaryDirectory() as scratch:
        path = camera.shoot(camera.driver.current_url, Path(scratch) / "taken.png", before=shot.before)
        return path.read_bytes()


def keep(png: bytes, path: Path) -> None:
    """As a PNG of few colours, unless the picture that lies there already looks the same."""
    whole = Image.open(BytesIO(png)).convert("RGB")
    if path.exists() and _changed(Image.open(path).convert("RGB"), whole) < SAME:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for colours in COLOURS:
        whole.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            break
    print(f"{path.name}  {path.stat().st_size // 1024} KB", flush=True)


def _changed(old: Image.Image, new: Image.Image) -> float:
    if old.size != new.size:
        return 1
    counts = ImageChops.difference(old, new).convert("L").histogram()
    return sum(counts[24:]) / sum(counts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--base", default="", help="address of a running demo; without it one is made")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    asked = parser.parse_args()
    shots = [shot for shot in SHOTS if not asked.names or shot.name in asked.names]
    with tempfile.TemporaryDirectory(prefix="pictures-") as scratch:
        archive = nullcontext() if asked.base else Living(Path(scratch), demo=True)
        with archive:
            complaints = take(asked.base or archive.base, asked.folder, shots)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
