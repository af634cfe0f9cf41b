"""One page of a document as a JPEG, and a reader's mark drawn over it. Runs inside the fenced child.

Both read from and write to paths that the caller made. The picture is for reading on a screen: no wider than asked
for, no taller than TALLEST times its width, so that a wall map costs no more than a letter.
"""

QUALITY = 82
TALLEST = 4
MOST_PIXELS = 200_000_000
INK = (11, 92, 122)
STRENGTH = 58
"""How dark the mark is, of 255: to be seen on paper white and on print black, and to be read through."""
SLANT = 27  # degrees


def render(path: str, kind: str, page: int, width: int, to: str) -> dict:
    """Page number `page` (from 1) of a PDF or an image (`kind` "pdf" | "image") as JPEG at `to`: width, height.

    What a parser raises becomes the child's sentence; a page that is not there is `{"missing": pages}`.
    """
    return (_pdf_page if kind == "pdf" else _frame)(path, page, width, to)


def _pdf_page(path: str, page: int, width: int, to: str) -> dict:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    try:
        if not 1 <= page <= len(document):
            return {"missing": len(document)}
        document.init_forms()  # what was filled into a form is drawn too
        sheet = document[page - 1]
        across, down = sheet.get_size()
        scale = min(width / max(across, 1), width * TALLEST / max(down, 1))
        return _save(sheet.render(scale=scale).to_pil(), to)
    finally:
        document.close()


def _frame(path: str, page: int, width: int, to: str) -> dict:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2  # Pillow refuses at twice this value
    with Image.open(path) as image:
        frames = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
        if not 1 <= page <= frames:
            return {"missing": frames}
        image.seek(page - 1)
        if image.format == "JPEG":
            image.draft("RGB", (width, width * TALLEST))
        picture = ImageOps.exif_transpose(_on_white(image))
        picture.thumbnail((width, width * TALLEST))
        return _save(picture, to)


def _on_white(image):
    from PIL import Image

    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        ground.alpha_composite(layer)
        return ground.convert("RGB")
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 256).convert("L")
    return image


def _save(picture, to: str) -> dict:
    if picture.mode not in ("RGB", "L"):
        picture = picture.convert("RGB")
    picture.save(to, "JPEG", quality=QUALITY)
    return {"width": picture.width, "height": picture.height}


def stamp(path: str, words: str, font: str | None, face: int, to: str) -> dict:
    """The JPEG at `path` with `words` drawn over it again and again, slanting, as JPEG at `to`.

    `font` None: the letters that come with the drawing library, Latin only.
    """
    from PIL import Image, ImageDraw, ImageFont

    with Image.open(path) as image:
        picture = image.convert("RGB")
    size = max(12, picture.width // 52)
    letters = ImageFont.truetype(font, size, index=face) if font else ImageFont.load_default(size)
    across = int(letters.getlength(words)) + 1
    tile = Image.new("L", (across, size + size // 2), 0)
    ImageDraw.Draw(tile).text((0, 0), words, fill=STRENGTH, font=letters)
    tile = tile.rotate(SLANT, expand=True, resample=Image.Resampling.BICUBIC)
    step_x, step_y = int(tile.width * 1.08), max(int(tile.height * 0.72), size * 7)
    for row, top in enumerate(range(-tile.height // 2, picture.height, step_y)):
        for left in range(-(row % 2) * step_x // 2 - tile.width // 4, picture.width, step_x):
            picture.paste(INK, (left, top), tile)
    return _save(picture, to)
