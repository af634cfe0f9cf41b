"""Bags for tests, good ones and such as nobody should send. Everything is made on the spot."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def bag_files(
    payload: dict[str, bytes], *, submission: dict | bytes | None = None, **changed: bytes | None
) -> dict:
    """Path → bytes of a right bag. `changed` (with `/` as `__`, `.` as `_dot_`) replaces a file, None drops it."""
    files = {f"data/{name}": data for name, data in payload.items()}
    tags = {
        "bagit.txt": BAGIT,
        "bag-info.txt": f"Payload-Oxum: {sum(map(len, payload.values()))}.{len(payload)}\n".encode(),
        "manifest-sha256.txt": manifest(files),
    }
    if submission is not None:
        tags["submission.json"] = (
            submission
            if isinstance(submission, bytes)
            else json.dumps(submission, ensure_ascii=False).encode()
        )
    tags["tagmanifest-sha256.txt"] = manifest(tags)
    files |= tags
    for name, data in changed.items():
        path = name.replace("__", "/").replace("_dot_", ".").replace("_dash_", "-")
        if data is None:
            files.pop(path)
        else:
            files[path] = data
    return files


def manifest(files: dict[str, bytes], algorithm: str = "sha256") -> bytes:
    return "".join(
        f"{hashlib.new(algorithm, data).hexdigest()}  {path}\n" for path, data in files.items()
    ).encode()


def zipped(
    files: dict[str, bytes], path: Path, *, top: str = "bag", method: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(f"{top}/{name}" if top else name, data)
    return path


def laid_out(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def image(size: tuple[int, int] = (60, 40), format: str = "PNG", **options) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", size, "white").save(stream, format, **options)
    return stream.getvalue()


def pdf(*pages: str, save: dict | None = None, change=None) -> bytes:
    """A PDF with one page per text (ASCII, drawn in Helvetica); `change(document)` may do mischief."""
    import pikepdf

    document = pikepdf.new()
    font = pikepdf.Dictionary(F=pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1,
                                                   BaseFont=pikepdf.Name.Helvetica))  # fmt: skip
    for text in pages or ("page",):
        document.add_blank_page(page_size=(595, 842))
        page = document.pages[-1]
        page.Contents = document.make_stream(f"BT /F 12 Tf 50 700 Td ({text}) Tj ET".encode())
        page.Resources = pikepdf.Dictionary(Font=font)
    if change is not None:
        change(document)
    stream = io.BytesIO()
    document.save(stream, **(save or {"deterministic_id": True}))
    return stream.getvalue()
