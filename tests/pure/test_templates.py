"""What holds for every page: nothing inline, every part documented, every state legible without colour.

The pages are those of the gallery (tests/look), rendered by Django itself; no database is touched.
"""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client

from archive.templatetags.archive_words import TONES, VERDICT_TONES
from tests.look import settings as look
from tests.look.shoot import PAGES

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PARTS = sorted((ROOT / "templates" / "parts").glob("*.html"))
CSS = (ROOT / "static" / "css" / "archive.css").read_text()
COMMENT = re.compile(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", re.S)
TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.S)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code(path: Path) -> str:
    return COMMENT.sub("", path.read_text())


# --- the sources ---------------------------------------------------------------------------------------------

FORBIDDEN = {
    "an inline style": r"<[^>]*\sstyle\s*=|<style\b",
    "a script with a body": r"<script(?![^>]*\ssrc=)[^>]*>",
    "a handler in an attribute": r"<[^>]*\s(?:on[a-z]+|hx-on[:a-z-]*)\s*=",
    "text marked as safe": r"\|\s*safe(?:seq)?\b|\{%\s*autoescape\s+off",
    "an address that runs code": r"javascript:|data:text/html",
    "something from another site": r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//",
}


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_template_holds_nothing_that_the_content_policy_forbids(path):
    text = code(path)
    for what, pattern in FORBIDDEN.items():
        found = re.search(pattern, text, re.I)
        assert not found, f"{name(path)} holds {what}: {found.group()[:80]}"


@pytest.mark.parametrize("path", PARTS, ids=name)
def test_a_part_begins_by_naming_its_variables(path):
    opening = COMMENT.match(path.read_text())
    assert opening and "Variables:" in opening.group(), f"{name(path)} does not say which variables it takes"


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_every_post_form_carries_the_token(path):
    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", code(path), re.S):
        assert "{% csrf_token %}" in form, f"{name(path)}: {form[:80]}"


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_every_class_has_a_rule_in_the_stylesheet(path):
    for value in re.findall(r'\sclass="([^"]*)"', TAG.sub(" ", code(path))):
        for word in value.split():
            if not word.endswith("-"):  # the rest of the name comes from a variable
                assert re.search(rf"\.{re.escape(word)}(?![\w-])", CSS), f"{name(path)}: no rule for .{word}"


def test_every_shape_that_is_used_is_drawn():
    drawn = set(re.findall(r'<symbol id="i-([a-z]+)"', (ROOT / "templates/parts/icons.html").read_text()))
    used = {
        word for path in TEMPLATES for word in re.findall(r'icon\.html" with name="([a-z]+)"', code(path))
    }
    used |= set(TONES.values())
    assert used <= drawn, used - drawn


@pytest.mark.parametrize("path", sorted((ROOT / "static" / "js").glob("*.js")), ids=name)
def test_a_script_never_turns_text_into_markup_or_code(path):
    assert not re.search(
        r"\binnerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path.read_text()
    )


def test_the_upload_script_knows_every_tone():
    for tone, shape in TONES.items():
        assert f'{tone}: "{shape}"' in (ROOT / "static/js/upload.js").read_text()


# --- colours and shapes -----------------------------------------------------------------------------------------


def test_every_tone_has_a_shape_of_its_own():
    assert len(set(TONES.values())) == len(TONES)
    assert set(VERDICT_TONES.values()) <= set(TONES)
    assert VERDICT_TONES["not-run"] != VERDICT_TONES["passed"], "what was not checked must not look passed"


VARIABLES = dict(re.findall(r"(--[a-z0-9-]+):\s*(#[0-9a-f]{3,6})\b", CSS.split("@media")[0]))


def colour(value: str) -> str:
    while value.startswith("var("):
        value = VARIABLES[value[4:-1]]
    return value


def contrast(front: str, back: str) -> float:
    """The ratio of WCAG 2.2, 1.4.3."""

    def luminance(value: str) -> float:
        digits = value.lstrip("#")
        digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(colour(front)), luminance(colour(back))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


GROUNDS = ("--panel", "--ground", "--hover", "--accent-pale")
PAIRS = (
    [(text, ground) for text in ("--ink", "--ink-2", "--accent", "--accent-deep") for ground in GROUNDS]
    + [("--ink-2", "--neutral-pale"), ("--neutral-ink", "--neutral-pale"), ("--danger", "--panel")]
    + [("--on-accent", "--accent"), ("--on-accent", "--accent-deep")]
    + [("--panel", "--danger"), ("--panel", "--danger-deep"), ("--panel", "--neutral-ink")]
    + [("--warning", "--panel"), ("--success", "--panel")]
)


@pytest.mark.parametrize("front,back", PAIRS, ids=lambda v: v.lstrip("-"))
def test_text_can_be_read_on_its_ground(front, back):
    assert contrast(f"var({front})", f"var({back})") >= 4.5


def test_every_tone_can_be_read_on_its_pale_ground_and_on_a_panel():
    rules = re.findall(r"(\.tone-[^{]+)\{ --tone: (var\([^)]+\)); --pale: (var\([^)]+\)); \}", CSS)
    named = {word for selector, _, _ in rules for word in re.findall(r"tone-([a-z]+)", selector)}
    assert set(TONES) <= named, f"no colour for {set(TONES) - named}"
    for selector, tone, pale in rules:
        assert contrast(tone, pale) >= 4.5, selector
        assert contrast(tone, "var(--panel)") >= 4.5, selector


@pytest.mark.parametrize("ground", ["--panel", "--ground"])
def test_the_edge_of_a_field_and_the_focus_ring_can_be_seen(ground):
    assert contrast("var(--line-field)", f"var({ground})") >= 3
    assert contrast("var(--accent)", f"var({ground})") >= 3


# --- the rendered pages -----------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Every element with its attributes and the text inside it."""

    VOID = {"meta", "link", "input", "img", "br", "use", "path", "circle", "rect", "progress"}

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[dict] = []
        self._open: list[dict] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", "inside": [e["tag"] for e in self._open], **dict(attrs)}
        self.elements.append(element)
        if tag not in self.VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append({"tag": tag, "text": "", "inside": [], **dict(attrs)})

    def handle_endtag(self, tag):
        while self._open and any(e["tag"] == tag for e in self._open):
            if self._open.pop()["tag"] == tag:
                break

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, *tags: str) -> list[dict]:
        return [element for element in self.elements if element["tag"] in tags]


@pytest.fixture
def gallery(settings):
    settings.TEMPLATES = look.TEMPLATES
    settings.ROOT_URLCONF = look.ROOT_URLCONF
    settings.MIDDLEWARE = look.MIDDLEWARE
    client = Client(raise_request_exception=True)
    return lambda path: client.get(path)


FRAMED = [page for page in PAGES if page not in ("/register/",)]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_used_without_seeing_it(gallery, path):
    page = Page(gallery(path).content.decode())
    (root,) = page.all("html")
    assert root["lang"] == "zh-Hans"
    assert len(page.all("main")) == 1
    assert len(page.all("h1")) == 1, "one page, one heading"
    assert page.all("title")[0]["text"].strip()
    labels = {label["for"] for label in page.all("label")}
    for control in page.all("input", "select", "textarea"):
        if control.get("type") != "hidden":
            assert control.get("aria-label") or control.get("id") in labels, f"no label: {control}"
    for element in page.all("button", "a", "summary"):
        assert element["text"].strip() or element.get("aria-label"), f"no words: {element}"
    for image in page.all("img"):
        assert "alt" in image
    for navigation in page.all("nav"):
        assert navigation.get("aria-label")
    for head in page.all("th"):
        assert head.get("scope") or path == "/register/"
    ids = Counter(element["id"] for element in page.elements if element.get("id"))
    assert not [word for word, times in ids.items() if times > 1], "an id stands twice"
    for element in page.elements:
        for word in (element.get("aria-describedby") or "").split():
            assert word in ids, f"{element['tag']} is described by {word}, which is not there"


@pytest.mark.parametrize("path", FRAMED)
def test_a_page_of_the_frame_offers_to_skip_to_its_text(gallery, path):
    page = Page(gallery(path).content.decode())
    links = page.all("a")
    assert links[0]["href"] == "#content" and page.all("main")[0]["id"] == "content"


def test_a_page_renders_without_any_of_the_frames_variables(gallery):
    for path in ("/fault/", "/login/"):
        html = gallery(path).content.decode()
        assert "data-search" not in html and 'class="menu"' not in html


def test_the_search_is_posted_because_it_may_hold_an_identity_number(gallery):
    forms = [form for form in Page(gallery("/").content.decode()).all("form") if form.get("role") == "search"]
    assert [form["method"] for form in forms] == ["post"]


def test_the_refusal_tells_its_sentence_its_code_and_what_to_do(gallery):
    html = gallery("/refused/").content.decode()
    assert "目前是“已归档”，不能退回。" in html and "wrong-state" in html and "请返回并刷新页面" in html


def test_a_greyed_action_says_why(gallery):
    html = gallery("/package/").content.decode()
    assert 'title="有 2 项不通过，不能归档。"' in html


def test_an_error_is_said_at_its_field_and_in_a_summary_that_leads_there(gallery):
    page = Page(gallery("/gallery/").content.decode())
    (field,) = [e for e in page.all("input") if e.get("name") == "handled_on"]
    assert field["aria-invalid"] == "true"
    assert "id_handled_on_error" in field["aria-describedby"].split()
    assert any(link.get("href") == "#id_handled_on" for link in page.all("a"))


def test_a_folded_menu_is_drawn_folded_by_the_server(gallery, settings):
    client = Client()
    client.cookies["menu"] = "closed"
    assert "menu-closed" in client.get("/").content.decode()
    assert "menu-closed" not in gallery("/").content.decode()
