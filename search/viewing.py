"""Reading a record's files: pages as images that carry the reader's name, and originals for whoever may have them.

Every view goes through the gate of its record. What is read is in the ledger: pages once in ten minutes a file and
reader, downloads each time.
"""

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from archive import contents, permissions, records, renditions
from archive.errors import NotFound
from archive.http import actor_of, attachment, page_asked
from archive.models import DigitalObject, Record
from archive.permissions import Actor
from archive.templatetags.archive_words import day, period, size
from search import reading

ZOOMS = (("fit", "整页", "f"), ("width", "适合宽度", "w"), ("full", "放大", "g"))
AROUND = 20
"""Thumbnails before and after the open page."""
A4 = (1240, 1754)


@dataclass(frozen=True)
class Place:
    """Where one stands in a file."""

    record: Record
    item: DigitalObject
    page: int
    pages: int
    zoom: str

    def url(
        self, *, item: DigitalObject | None = None, page: int | None = None, zoom: str | None = None
    ) -> str:
        there = item or self.item
        asked = {
            "page": page or (1 if item else self.page),
            "zoom": zoom or self.zoom,
        }
        asked = {key: value for key, value in asked.items() if value not in (1, "width")}
        address = reverse("reading:read", args=[self.record.pk, there.pk])
        return f"{address}?{urlencode(asked)}" if asked else address

    def image(self, page: int, width: int) -> str:
        return reverse("reading:page", args=[self.record.pk, self.item.pk, page, width])


@require_safe
def read(request: HttpRequest, record: UUID, item: UUID) -> HttpResponse:
    """The viewer: materials and pages left, the page in the middle, facts right."""
    actor = actor_of(request)
    where = records.get_for(actor, record, "record.read")
    files = list(where.digital_objects.filter(role="original").order_by("position"))
    opened = next((one for one in files if one.pk == item), None)
    if opened is None:
        raise NotFound(what="这份文件")
    pages = (opened.pages or 1) if renditions.kind_of(opened) else 0
    zoom = request.GET.get("zoom", "width")
    place = Place(
        record=where,
        item=opened,
        page=page_asked(request.GET.get("page", "1"), max(pages, 1)),
        pages=pages,
        zoom=zoom if zoom in {name for name, _, _ in ZOOMS} else "width",
    )
    may_download = permissions.check(actor, "record.download", where)
    purpose = reading.current(request.session)
    reading.note(
        actor,
        "page.viewed",
        where,
        purpose=purpose,
        same="file",
        data={"file": opened.path, "page": place.page},
    )
    context = {
        "record": where,
        "item": opened,
        "documents": _documents(files, place),
        "thumbnails": _thumbnails(place),
        "sheet": _sheet(place, bool(may_download)),
        "zoom": place.zoom,
        "zooms": [{"label": label, "url": place.url(zoom=name), "current": name == place.zoom, "key": key} for name, label, key in ZOOMS] if pages else [],
        "download": {"label": "下载原件", "url": reverse("reading:original", args=[where.pk, opened.pk])} if may_download else None,
        "facts": _facts(where, opened, may_download.reason),
        "facts_title": opened.material or "未列材料",
        "watermark": f"页面图像带有水印：{_mark(actor, where)}" if pages else "",
        "breadcrumbs": [
            {"label": "档案"},
            {"label": "查找档案", "url": reverse("search:find")},
            {"label": where.reference_code, "url": reverse("record", args=[where.pk]), "code": True},
            {"label": "阅读"},
        ],
    }  # fmt: skip
    request.place = "search:find"
    return render(request, "records/read.html", context)


def _documents(files: list[DigitalObject], place: Place) -> list[dict]:
    materials: dict[str, list] = {}
    for item in files:
        materials.setdefault(item.material or "未列材料", []).append(
            {
                "name": item.path.rpartition("/")[2],
                "url": place.url(item=item),
                "pages": item.pages,
                "current": item.pk == place.item.pk,
            }
        )
    return [{"name": name, "files": rows} for name, rows in materials.items()]


def _thumbnails(place: Place) -> list[dict]:
    if place.pages < 2:
        return []
    first, last = max(1, place.page - AROUND), min(place.pages, place.page + AROUND)
    return [
        {
            "number": number,
            "url": place.url(page=number),
            "image_url": place.image(number, renditions.THUMB),
            "current": number == place.page,
        }
        for number in range(first, last + 1)
    ]


def _sheet(place: Place, may_download: bool) -> dict:
    if not place.pages:
        format_name = place.item.format or place.item.mime or "这种格式"
        what_now = (
            "可以下载原件，用本机的软件打开。" if may_download else "需要看内容的，请联系有下载权限的档案员。"
        )
        return {"sentence": f"{format_name} 不能在这里显示成页面。{what_now}"}
    width = renditions.LARGE if place.zoom == "full" else renditions.PAGE
    return {
        "number": place.page,
        "pages": place.pages,
        "image_url": place.image(place.page, width),
        "width": width,
        # The true shape is known when the picture is there; nearly all of them are A4.
        "height": width * A4[1] // A4[0],
        "alt": f"{place.item.material or place.item.path}，第 {place.page} 页",
        "prev_url": place.url(page=place.page - 1) if place.page > 1 else "",
        "next_url": place.url(page=place.page + 1) if place.page < place.pages else "",
    }


def _facts(record: Record, item: DigitalObject, no_download: str) -> list[dict]:
    kinds = ["原件" if item.is_original else "复制件"]
    kinds += ["加盖印章"] if item.is_sealed else []
    kinds += ["有签名"] if item.is_signed else []
    facts = [
        {"label": "档号", "value": record.reference_code, "code": True, "url": reverse("record", args=[record.pk]), "wide": True},
        {"label": "题名", "value": record.title, "wide": True},
        {"label": "形成日期", "value": day(record.formed_on)},
        {"label": "保管期限", "value": period(record.retention, record.due_on)},
        {"label": "文件", "value": item.path, "code": True, "wide": True},
        {"label": "格式", "value": item.format or item.mime, "title": item.puid},
        {"label": "大小", "value": size(item.bytes)},
        {"label": "页数", "value": f"{item.pages} 页" if item.pages else ""},
        {"label": "性质", "value": "、".join(kinds)},
        {"label": "SHA-256", "value": item.sha256, "code": True, "wide": True},
    ]  # fmt: skip
    if no_download:
        facts.append({"label": "下载", "value": no_download, "wide": True})
    return facts


@require_safe
def page_image(request: HttpRequest, record: UUID, item: UUID, page: int, width: int) -> HttpResponse:
    """One page as JPEG with the reader's mark. What cannot be drawn is answered by a picture that says why."""
    actor = actor_of(request)
    where = records.get_for(actor, record, "record.read")
    opened = where.digital_objects.filter(pk=item, role="original").select_related("data_key").first()
    if opened is None or width not in renditions.WIDTHS or not 1 <= page <= renditions.MOST_PAGES:
        raise NotFound(what="这一页")
    if width != renditions.THUMB:
        purpose = reading.current(request.session)
        reading.note(
            actor,
            "page.viewed",
            where,
            purpose=purpose,
            same="file",
            data={"file": opened.path, "page": page},
        )
    try:
        picture = renditions.page_image(
            opened,
            page,
            width,
            mark=_mark(actor, where),
            plain_mark=_mark(actor, where, request.user.get_username()),
        )
    except renditions.NotShown as fault:
        return render(
            request,
            "records/no_page.svg",
            {"fault": fault},
            content_type="image/svg+xml",
            status=fault.status,
        )
    return HttpResponse(picture, content_type="image/jpeg")


def _mark(actor: Actor, record: Record, name: str = "") -> str:
    """Who reads what of whose, and when: to the minute, so that a photograph of the screen names its moment."""
    return f"{name or actor.name} {timezone.localtime():%Y-%m-%d %H:%M} {record.fonds.code}"


@require_safe
def original(request: HttpRequest, record: UUID, item: UUID) -> HttpResponse:
    """The bytes as they were filed, for whoever may have them. Originals only: what the system keeps beside them
    (the declaration, the report) is evidence, holds numbers in clear, and is read on pages that mask them."""
    actor = actor_of(request)
    where = records.get_for(actor, record, "record.download")
    opened = where.digital_objects.filter(pk=item, role="original").select_related("data_key").first()
    if opened is None:
        raise NotFound(what="这份文件")
    stream = contents.open_object(opened)
    reading.note(
        actor,
        "object.downloaded",
        where,
        purpose=reading.current(request.session),
        data={"file": opened.path},
    )
    name = opened.path.rpartition("/")[2].replace("*", "x")  # a masked number
    return attachment(stream, name, mime=opened.mime or "application/octet-stream", size=opened.bytes)
