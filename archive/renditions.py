"""Pages as images, for reading on the screen. Never the original, never evidence: made again whenever it is gone.

A page is rendered behind the fence and kept without any mark under `<record>/<object>/<page>-<width>.jpg`, encrypted
where the original is, by its key; the reader's mark is drawn for each request, behind the fence too. The process has one fence for this, owned by one
thread: a child dies with the thread that started it, and web servers change threads as they like.
"""

import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from uuid import UUID, uuid5

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from archive import contents, fonts, object_keys, segments
from archive.errors import ArchiveError, StorageFailed
from archive.inspection.fence import Fence, Limits
from archive.models import DigitalObject, Record

THUMB, PAGE, LARGE = 144, 1240, 1860
WIDTHS = (THUMB, PAGE, LARGE)
"""Pixels: a thumbnail at twice its drawn size; A4 at 150 dpi; A4 at 225 dpi."""
KINDS = {
    "application/pdf": "pdf", "image/jpeg": "image", "image/png": "image", "image/tiff": "image",
    "image/bmp": "image", "image/webp": "image", "image/gif": "image", "image/jp2": "image",
}  # fmt: skip
LARGEST = 512 * 1024 * 1024
"""Bytes of an original that are fetched for rendering one page."""
MOST_PAGES = 100_000
"""No file has more; a number of three hundred digits would not even be a file name."""


class NotShown(ArchiveError):
    """A page that cannot be drawn. The file itself may be sound: it is to be downloaded by whoever may."""

    code, status, sentence = "not-shown", 422, "这一页不能显示：{reason}"


def kind_of(item: DigitalObject) -> str:
    """ "pdf", "image", or "" where pages cannot be shown."""
    return KINDS.get(item.mime.partition(";")[0].strip().lower(), "")


def page_image(item: DigitalObject, page: int, width: int, *, mark: str = "", plain_mark: str = "") -> bytes:
    """JPEG of one page, `mark` drawn over it; `plain_mark` (ASCII) where the machine has no Chinese font.

    Thumbnails carry no mark: nothing on them can be read. Raises NotShown with the reason. Who may read was
    asked at the gate.
    """
    with tempfile.TemporaryDirectory(prefix="page-") as folder:
        clean, stamped = Path(folder) / "clean.jpg", Path(folder) / "marked.jpg"
        kept = _take(item, page, width, clean)
        if not kept:
            _render(item, page, width, clean)
        if width == THUMB:
            return clean.read_bytes()
        try:
            return marked(clean, mark, plain_mark, stamped)
        except Busy:
            raise
        except NotShown:
            if not kept:
                raise
        _render(item, page, width, clean)  # what was kept is half written, as a kill leaves it
        return marked(clean, mark, plain_mark, stamped)


def _render(item: DigitalObject, page: int, width: int, to: Path) -> None:
    kind = kind_of(item)
    if item.bytes > LARGEST:
        raise NotShown(reason=f"文件超过 {LARGEST // 1024**2} MB。")
    original = to.with_name("original")
    with contents.open_object(item) as source, original.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1024 * 1024)
    draw(item.pk, original, kind, page, width, to)
    _keep(item, page, width, to.read_bytes())


def draw(of: UUID, path: Path, kind: str, page: int, width: int, to: Path) -> None:
    """One page of the file at `path` as JPEG at `to`. `of` names whose bytes they are: what kept the fence too long is
    not tried again for a while. Raises NotShown with the reason."""
    if not kind:
        raise NotShown(reason="这种格式没有可以显示的页面。")
    answer = _call("render", of, path=str(path), kind=kind, page=page, width=width, to=str(to))
    if "missing" in answer:
        raise NotShown(reason=f"这份文件只有 {answer['missing']} 页。")
    if "crashed" in answer:
        raise NotShown(reason=f"{answer['crashed']}。原件没有改动。")


def marked(clean: Path, mark: str, plain_mark: str, to: Path) -> bytes:
    """The picture at `clean` with the reader's mark. Raises NotShown."""
    answer = _stamp(clean, mark, plain_mark, to)
    if "crashed" in answer:
        raise NotShown(reason=f"{answer['crashed']}。")
    return to.read_bytes()


def unpack(of: UUID, package: Path, to: Path) -> dict:
    """The facts of `probes.unpacking.unpack`, its files written below `to`. Raises NotShown."""
    answer = _call("unpack", of, source=str(package), destination=str(to), limits=None)
    if not answer.get("readable"):
        raise NotShown(reason="信息包不能再次打开。")
    return answer


def _stamp(clean: Path, mark: str, plain_mark: str, to: Path) -> dict:
    font, face = fonts.chinese() or (None, 0)
    words = mark if font else plain_mark
    return _call("stamp", None, path=str(clean), words=words, font=font, face=face, to=str(to))


# --- the one fence of this process ------------------------------------------------------------------------------


class Hands:
    """One fence, owned by one thread, for all readers of this process; no file may keep the others waiting.

    A call has SECONDS. While it takes longer than PATIENCE, whoever waits behind it is told that it is busy, so that
    at most one thread of the web server is ever held by a hostile page; and the file that did it is not tried again
    for REST seconds.
    """

    SECONDS, PATIENCE, REST, REMEMBERED = 12.0, 3.0, 1800.0, 1000

    def __init__(self, fence: Fence | None = None) -> None:
        self.fence = fence or Fence(Limits(rest_bytes=160 * 1024 * 1024))
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="renditions")
        self.began: float | None = None
        self.spoilt: dict[UUID, tuple[float, dict]] = {}

    def call(self, name: str, of: UUID | None, **arguments: object) -> dict:
        """The answer of the fence; `of` is the file whose bytes are opened. Raises Busy."""
        began = self.began
        if began is not None and time.monotonic() - began > self.PATIENCE:
            raise Busy()
        job = self.thread.submit(self._run, name, of, arguments)
        try:
            return job.result(self.PATIENCE)
        except TimeoutError:
            if job.cancel():  # not even begun
                raise Busy() from None
            return job.result()

    def _run(self, name: str, of: UUID | None, arguments: dict) -> dict:
        until, answer = self.spoilt.get(of, (0.0, {}))
        if until > time.monotonic():
            return answer
        self.began = time.monotonic()
        try:
            answer = self.fence.call(name, seconds=self.SECONDS, **arguments)
            took = time.monotonic() - self.began
        finally:
            self.began = None
        if of is not None and "crashed" in answer and took > self.PATIENCE:
            while len(self.spoilt) >= self.REMEMBERED:
                del self.spoilt[next(iter(self.spoilt))]
            self.spoilt[of] = (time.monotonic() + self.REST, answer)
        return answer


class Busy(NotShown):
    code, status, sentence = "busy", 503, "正在打开另一份复杂的文件，请稍等片刻，刷新本页再看。"


@cache
def _hands(_process: int) -> Hands:
    return Hands()


def _call(name: str, of: UUID | None, **arguments: object) -> dict:
    return _hands(os.getpid()).call(name, of, **arguments)  # after a fork the parent's thread is not here


# --- what is kept -------------------------------------------------------------------------------------------------


def _storage():
    return storages["renditions"]


def _name(item: DigitalObject, page: int, width: int) -> str:
    return f"{item.record_id}/{item.pk}/{page}-{width}.jpg"


def _take(item: DigitalObject, page: int, width: int, to: Path) -> bool:
    try:
        with _storage().open(_name(item, page, width)) as source:
            content = source.read()
        if item.encrypted:
            content = segments.unseal(content, object_keys.data_key(item), _sealed_as(item, page, width))
    except FileNotFoundError:
        return False
    except StorageFailed as fault:
        if fault.kind == "changed":  # half written, or kept before it was encrypted
            return False
        raise
    to.write_bytes(content)
    return True


def _keep(item: DigitalObject, page: int, width: int, content: bytes) -> None:
    if item.encrypted:
        content = segments.seal(content, object_keys.data_key(item), _sealed_as(item, page, width))
    name = _name(item, page, width)
    _storage().delete(name)
    saved = _storage().save(name, ContentFile(content))
    if saved != name:  # another request was quicker
        _storage().delete(saved)


def _sealed_as(item: DigitalObject, page: int, width: int) -> UUID:
    """A page is no object: what its cipher text is bound to is not the object's own id."""
    return uuid5(item.pk, f"{page}-{width}")


def _kept(record_id: UUID) -> list[str]:
    """Every rendition of a record, by name, then the folders they lay in."""
    files, folders = [], []
    for folder in _listed(str(record_id))[0]:
        inside = f"{record_id}/{folder}"
        files += [f"{inside}/{name}" for name in _listed(inside)[1]]
        folders.append(inside)
    return files + folders


def _listed(folder: str) -> tuple[list[str], list[str]]:
    try:
        return _storage().listdir(folder)
    except FileNotFoundError:
        return [], []


class Traces:
    """See archive/traces.py."""

    name = "页面图像"

    @staticmethod
    def remove(record: Record) -> None:
        for name in _kept(record.pk):
            _storage().delete(name)

    @staticmethod
    def prove_absent(record: Record) -> list[str]:
        return [name for name in _kept(record.pk) if name.endswith(".jpg")]
