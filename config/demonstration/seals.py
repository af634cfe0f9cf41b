"""Round red stamps (印章), drawn: a ring, the owner's name on an arc, a star, and a line of text under it."""

import math
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from config.demonstration.fonts import chinese_font

RED = (205, 30, 40)
SIZE = 420  # pixels; 42 mm on paper at 254 dpi
SCALE = 2  # drawn larger, then scaled down: smooth edges


@cache
def seal_png(owner: str, line: str = "业务专用章") -> bytes:
    """A transparent PNG. Raises NotConfigured when there is no Chinese font."""
    file, face = chinese_font()
    size = SIZE * SCALE
    mask = Image.new("L", (size, size), 0)
    draw, middle = ImageDraw.Draw(mask), size / 2
    draw.ellipse((8, 8, size - 8, size - 8), outline=255, width=size // 38)
    draw.polygon(_star(middle, middle, size * 0.145), fill=255)
    font = ImageFont.truetype(str(file), round(size * min(0.125, 1.9 / max(len(owner), 10))), index=face)
    sweep = min(280.0, 19.0 * (len(owner) - 1))
    for at, character in enumerate(owner):
        angle = -sweep / 2 + (sweep * at / (len(owner) - 1) if len(owner) > 1 else 0)
        _on_arc(mask, character, font, middle, size * 0.375, angle)
    small = ImageFont.truetype(str(file), round(size * 0.082), index=face)
    draw.text((middle, size * 0.78), line, fill=255, font=small, anchor="mm")
    mask = mask.resize((SIZE, SIZE), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.6))
    stamp = Image.new("RGBA", (SIZE, SIZE), (*RED, 0))
    stamp.putalpha(mask.point(lambda value: value * 200 // 255))
    out = BytesIO()
    stamp.save(out, "PNG")
    return out.getvalue()


def _on_arc(mask: Image.Image, character: str, font, middle: float, radius: float, angle: float) -> None:
    """Draw one character standing on the circle; `angle` in degrees from the top, clockwise."""
    side = font.size * 2
    glyph = Image.new("L", (side, side), 0)
    ImageDraw.Draw(glyph).text((side / 2, side / 2), character, fill=255, font=font, anchor="mm")
    glyph = glyph.rotate(-angle, Image.Resampling.BICUBIC)
    x = middle + radius * math.sin(math.radians(angle)) - side / 2
    y = middle - radius * math.cos(math.radians(angle)) - side / 2
    mask.paste(255, (round(x), round(y)), glyph)


def _star(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    points = []
    for at in range(10):
        reach = radius if at % 2 == 0 else radius * 0.382
        turn = math.radians(36 * at)
        points.append((x + reach * math.sin(turn), y - reach * math.cos(turn)))
    return points
