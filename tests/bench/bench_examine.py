"""What examining costs: `python -m tests.bench.bench_examine`. CPU seconds of the child and of its caller, per file.

A hundred born-digital PDFs of one or two pages (the demonstration's printed forms), and a scan of four pages of A4 at
300 dpi, about 2.8 MB. No OCR, no virus scanner, no PDF/A validator.
"""

import io
import json
import os
import resource
import tempfile
import time
from pathlib import Path

from archive.inspection.examine import examine_all
from archive.inspection.fence import Fence

COUNT = 100


def born_digital(folder: Path) -> list[Path]:
    """Forms with embedded Chinese fonts, made by the printer of the product."""
    import typst

    paths = []
    for number in range(COUNT):
        source = folder / f"{number}.typ"
        page = f"= 参加社会保险人员增减表 {number}\n" + "#table(columns: 4, " + ", ".join(
            f"[第 {row} 行], [张三{row}], [4400{row:05}], [{number * row}.00]" for row in range(25)
        ) + ")\n"  # fmt: skip
        source.write_text(
            page + ("#pagebreak()\n= 附页\n" + "说明。" * 200 if number % 2 else ""), encoding="utf-8"
        )
        path = folder / f"{number}.pdf"
        path.write_bytes(typst.compile(str(source)))
        paths.append(path)
    return paths


def scan(folder: Path) -> Path:
    import pikepdf
    from PIL import Image

    noise = Image.effect_noise((2480, 3508), 18)
    document = pikepdf.new()
    for number in range(4):
        image = Image.eval(noise.rotate(90 * (number % 2)), lambda tone: min(255, tone + 110)).resize(
            (2480, 3508)
        )
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=42)
        picture = pikepdf.Stream(document, buffer.getvalue())
        picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        picture.Width, picture.Height, picture.BitsPerComponent = 2480, 3508, 8
        picture.ColorSpace, picture.Filter = pikepdf.Name.DeviceGray, pikepdf.Name.DCTDecode
        document.add_blank_page(page_size=(595, 842))
        sheet = document.pages[-1]
        sheet.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
        sheet.Contents = pikepdf.Stream(document, b"q 595 0 0 842 0 0 cm /Im0 Do Q")
    path = folder / "scan.pdf"
    document.save(path)
    return path


def cost(paths: list[Path], fence: Fence, rounds: int = 1) -> tuple[float, float]:
    """CPU seconds a file, of both processes, and seconds of the clock."""
    before, clock = _used(fence), time.perf_counter()
    for _ in range(rounds):
        for _ in examine_all(paths, fence):
            pass
    count = len(paths) * rounds
    return (_used(fence) - before) / count, (time.perf_counter() - clock) / count


def _used(fence: Fence) -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    with open(f"/proc/{fence.describe()['pid']}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return own.ru_utime + own.ru_stime + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Fence() as fence:
        folder = Path(name)
        forms, sheet = born_digital(folder), scan(folder)
        cost(forms[:2], fence)  # parsers are imported at their first use
        for words, (cpu, clock), bar in (
            (f"{COUNT} born-digital PDFs of one or two pages", cost(forms, fence), 0.03),
            (f"a scan of 4 pages, {sheet.stat().st_size / 1e6:.1f} MB", cost([sheet], fence, 10), 0.4),
        ):
            row = {
                "files": words,
                "cpu_s_a_file": round(cpu, 4),
                "bar": bar,
                "clock_s_a_file": round(clock, 4),
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
