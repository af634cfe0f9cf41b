"""The trusted roots: what runs out soon has to be replaced before signers are called untrusted."""

from collections.abc import Iterator

from django.utils import timezone

from archive import trust
from config.doctor.part import Part

REMEDY = "请安全保密员向发证机构索取新的根证书，在“管理 → 受信任的根证书”里加入，再移出旧的。"


def trusted_roots() -> Iterator[Part]:
    """One line for all of them, and one for each that ends within `trust.SOON` or has ended."""
    rows, now = list(trust.held()), timezone.now()
    if not rows:
        message = "没有受信任的根证书：签名只核对内容是否改动，签名人记为未核对。"
        yield Part(
            part="trust", state="absent", message=message, remedy="要核对签名人的，请安全保密员加入根证书。"
        )
        return
    late = [row for row in rows if row.not_after < now + trust.SOON]
    for row in late:
        day = timezone.localtime(row.not_after).date()
        word = "已在" if row.not_after < now else "将在"
        message = f"根证书“{row.name}”{word} {day} 失效，此后签的名不再可信。"
        yield Part(part="trust", state="warning", message=message, remedy=REMEDY)
    if not late:
        yield Part(
            part="trust",
            message=f"{len(rows)} 张，最早失效的在 {timezone.localtime(min(row.not_after for row in rows)).date()}。",
        )
