"""A font with Chinese characters on this machine, for what is drawn on the server. Pure; nothing is shipped.

Fonts are large and have licences of their own; without one, drawing falls back to Latin letters.
"""

from functools import cache
from pathlib import Path

FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts", "/Library/Fonts")
FACES = {
    "NotoSansCJK-Regular.ttc": 2, "SourceHanSansSC-Regular.otf": 0, "NotoSansSC-Regular.otf": 0,
    "wqy-microhei.ttc": 0, "wqy-zenhei.ttc": 0, "NotoSerifCJK-Regular.ttc": 2, "NotoSerifCJK-Bold.ttc": 2,
}  # fmt: skip
"""File name → index of the simplified Chinese face in it, the most legible first."""


@cache
def chinese() -> tuple[str, int] | None:
    """File and face index; None when there is none."""
    found: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted(Path(folder).expanduser().rglob("*.[to]t[cf]")):
            found.setdefault(path.name, path)
    return next(((str(found[name]), face) for name, face in FACES.items() if name in found), None)
