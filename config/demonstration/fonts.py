"""Finding a Chinese font on this machine. Nothing is shipped: fonts are large and have licences of their own."""

from functools import cache
from pathlib import Path

from archive.errors import NotConfigured

FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts", "/Library/Fonts")
FILES = {
    "NotoSerifCJK-Bold.ttc": 2, "NotoSerifCJK-Regular.ttc": 2, "NotoSansCJK-Regular.ttc": 2,
    "SourceHanSerifSC-Regular.otf": 0, "SourceHanSansSC-Regular.otf": 0, "wqy-microhei.ttc": 0, "wqy-zenhei.ttc": 0,
}  # fmt: skip
"""File name → index of the simplified Chinese face in it, in order of preference for stamps and titles."""

INSTALL = "apt-get install -y fonts-noto-cjk"


@cache
def chinese_font() -> tuple[Path, int]:
    """File and face index. Raises NotConfigured, with the command that helps, when there is none."""
    found: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted(Path(folder).expanduser().rglob("*.[to]t[cf]")):
            found.setdefault(path.name, path)
    for name, face in FILES.items():
        if name in found:
            return found[name], face
    raise NotConfigured(reason=f"本机没有中文字体，不能排印示例表单。请运行：{INSTALL}")
