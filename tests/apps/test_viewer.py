"""Reading files: pages as images with the reader's mark, originals by right, and what cannot be shown is said."""

import io
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.urls import reverse
from django.utils import timezone
from PIL import Image, ImageChops

from archive import keeping, records, renditions
from archive.models import Access
from archive.permissions import system_actor
from tests import bags, filed
from tests.pages import NUMBER, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def filed_with(stores):
    """A kept record with one file per (path, content, changes)."""

    def make(*files, **changed):
        items = {filed.an_object(content, path, **more): content for path, content, more in files}
        by_id = {item.id: content for item, content in items.items()}
        actor = system_actor("测试")
        record = records.create(
            filed.a_new_record(objects=tuple(items), **changed), actor=actor, store_names=["local"]
        )
        assert keeping.keep(record.id, lambda item: io.BytesIO(by_id[item.id]), actor=actor)
        return record

    return make


@pytest.fixture
def record(filed_with):
    return filed_with(("data/form.pdf", bags.pdf("one", "two", "three"), {"pages": 3}))


def first(record):
    return record.digital_objects.order_by("position").first()


def viewer(record, **question):
    address = reverse("reading:read", args=[record.pk, first(record).pk])
    return address + ("?" + "&".join(f"{k}={v}" for k, v in question.items()) if question else "")


def image(record, page=1, width=renditions.PAGE):
    return reverse("reading:page", args=[record.pk, first(record).pk, page, width])


def original(record):
    return reverse("reading:original", args=[record.pk, first(record).pk])


def picture(response) -> Image.Image:
    assert response.status_code == 200 and response["Content-Type"] == "image/jpeg"
    return Image.open(io.BytesIO(response.content)).convert("RGB")


def test_a_page_is_an_image_of_the_asked_width_that_no_cache_keeps(record):
    response = reader("clerk").get(image(record))
    assert picture(response).width == renditions.PAGE
    assert response["Cache-Control"] == "no-store"


def test_the_image_carries_the_readers_mark_and_another_readers_is_another(record):
    clean = reader("clerk", name="陈静").get(image(record))
    other = reader("clerk", name="阿卜杜热西提").get(image(record))
    assert ImageChops.difference(picture(clean), picture(other)).getbbox()
    (kept,) = [name for name in renditions._kept(record.pk) if name.endswith(".jpg")]
    unmarked = Image.open(storages["renditions"].open(kept)).convert("RGB")
    assert ImageChops.difference(picture(clean), unmarked).getbbox(), "the mark is drawn"


def test_every_part_of_the_page_carries_the_mark(record):
    marked = picture(reader("clerk").get(image(record)))
    step = marked.width // 3
    for left in range(0, step * 3, step):
        for top in range(0, marked.height - step, step):
            box = marked.crop((left, top, left + step, top + step)).convert("L")
            assert box.getextrema()[0] < 245, f"no mark near {left},{top}"


def test_a_rendition_cut_short_by_a_kill_is_made_again(record):
    client = reader("clerk")
    client.get(image(record))
    (kept,) = [name for name in renditions._kept(record.pk) if name.endswith(".jpg")]
    path = storages["renditions"].path(kept)
    with open(path, "r+b") as file:
        file.truncate(100)
    assert picture(client.get(image(record))).width == renditions.PAGE


def test_images_of_scans_are_shown_upright_and_no_wider_than_asked(filed_with):
    wide = bags.image((3000, 1000), "JPEG", exif=_turned())
    shown = picture(
        reader("clerk").get(image(filed_with(("data/id.jpg", wide, {"mime": "image/jpeg", "pages": 1}))))
    )
    assert shown.height > shown.width and shown.width <= renditions.PAGE


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    return exif


def test_the_second_page_of_a_tiff_is_the_second_frame(filed_with):
    stream = io.BytesIO()
    pages = [Image.new("L", (200, 300), shade) for shade in (255, 40)]
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    record = filed_with(("data/scan.tif", stream.getvalue(), {"mime": "image/tiff", "pages": 2}))
    client = reader("clerk")
    light, dark = (picture(client.get(image(record, page))).convert("L") for page in (1, 2))
    assert light.getpixel((5, 5)) > 150 > dark.getpixel((5, 5))


@pytest.mark.parametrize("content", [b"%PDF-1.7 not really", b"", bags.pdf("one")[:300]])
def test_a_broken_file_is_answered_with_a_picture_that_says_why(filed_with, content):
    response = reader("clerk").get(image(filed_with(("data/broken.pdf", content, {}))))
    assert response.status_code == 422 and response["Content-Type"] == "image/svg+xml"
    assert "这一页不能显示" in text(response)


def test_a_page_behind_the_last_and_a_width_of_ones_own_are_refused(record):
    client = reader("clerk")
    assert "只有 3 页" in text(client.get(image(record, 9)))
    assert client.get(image(record, width=99999)).status_code == 404


def test_the_viewer_leads_from_page_to_page_and_keeps_its_zoom(record):
    client = reader("clerk")
    html = text(client.get(viewer(record, page=2, zoom="fit")))
    assert "第 2 / 3 页" in html and "zoom-fit" in html
    assert 'rel="prev"' in html and "page=3&amp;zoom=fit" in html
    assert html.count(f"-{renditions.THUMB}.jpg") == 3
    assert "李四" in html and "水印" in html


@pytest.mark.parametrize("question", [{"page": "x"}, {"page": "0"}, {"page": "9" * 30}, {"zoom": "%00"}])
def test_an_address_that_makes_no_sense_opens_a_page_all_the_same(record, question):
    assert reader("clerk").get(viewer(record, **question)).status_code == 200


def test_a_format_without_pages_is_said_plainly_and_offered_for_download_by_right(filed_with):
    record = filed_with(
        ("data/table.ofd", b"PK\3\4", {"mime": "application/ofd", "format": "OFD", "pages": 4})
    )
    clerk, archivist = (
        text(reader("clerk").get(viewer(record))),
        text(reader("archivist").get(viewer(record))),
    )
    assert "OFD 不能在这里显示成页面" in clerk and "请联系有下载权限的档案员" in clerk
    assert "可以下载原件" in archivist and original(record) in archivist and original(record) not in clerk


def test_another_departments_pages_viewer_and_original_are_not_found(record):
    stranger = reader("archivist", departments=[filed.a_department("待遇科").pk])
    for url in (viewer(record), image(record), original(record)):
        response = stranger.get(url)
        assert response.status_code == 404 and record.title not in text(response)
    assert not Access.objects.exists()


def test_an_object_is_reached_through_its_own_record_only(record, filed_with):
    mine = filed_with(("data/other.pdf", bags.pdf("mine"), {}), department=filed.a_department("待遇科"))
    client = reader("archivist", departments=[mine.department_id])
    for name, extra in (("read", []), ("original", []), ("page", [1, renditions.PAGE])):
        assert (
            client.get(reverse(f"reading:{name}", args=[mine.pk, first(record).pk, *extra])).status_code
            == 404
        )


def test_an_original_is_given_unchanged_to_whoever_may_and_refused_with_the_reason_to_others(record):
    response = reader("archivist").get(original(record))
    assert b"".join(response.streaming_content) == bags.pdf("one", "two", "three")
    assert (
        response["Content-Disposition"].startswith("attachment")
        and "form.pdf" in response["Content-Disposition"]
    )
    assert (
        response["X-Content-Type-Options"] == "nosniff" and "sandbox" in response["Content-Security-Policy"]
    )
    refused = reader("clerk").get(original(record))
    assert refused.status_code == 403 and "下载原件" in text(refused) and "档案员" in text(refused)
    assert [row.data["file"] for row in Access.objects.filter(action="object.downloaded")] == [
        "data/form.pdf"
    ]


def test_a_file_name_with_a_number_is_masked_wherever_it_is_told(filed_with):
    record = filed_with((f"data/{NUMBER}.pdf", bags.pdf("one"), {}))
    client = reader("archivist")
    client.get(image(record))
    for response in (client.get(viewer(record)), client.get(original(record))):
        assert NUMBER not in response.get("Content-Disposition", "")
        assert response.streaming or NUMBER not in text(response)
    assert all(NUMBER not in str(row.data) for row in Access.objects.all())


def test_turning_pages_of_one_file_is_one_reading_for_ten_minutes(record, monkeypatch):
    client = reader("clerk")
    for page in (1, 2, 3):
        client.get(viewer(record, page=page))
        client.get(image(record, page))
    assert Access.objects.filter(action="page.viewed").count() == 1
    later = timezone.now() + timedelta(minutes=11)
    monkeypatch.setattr(timezone, "now", lambda: later)
    client.get(image(record, 2))
    assert Access.objects.filter(action="page.viewed").count() == 2


def test_a_thumbnail_is_no_reading(record):
    reader("clerk").get(image(record, 1, renditions.THUMB))
    assert not Access.objects.exists()


def test_renditions_go_with_their_record_and_their_absence_is_proven(record):
    reader("clerk").get(image(record))
    assert renditions.Traces.prove_absent(record)
    renditions.Traces.remove(record)
    assert renditions.Traces.prove_absent(record) == []
    renditions.Traces.remove(record)
