"""The trusted roots: what runs out soon has to be replaced before signers are called untrusted."""

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from archive import trust
from config.doctor.part import Part

RENEW = "请安全保密员向发证机构索取新的吊销列表，在“管理 → 受信任的根证书”里更新。"
REMEDY = "请安全保密员向发证机构索取新的根证书，在“管理 → 受信任的根证书”里加入，再移出旧的。"


def trusted_roots() -> Iterator[Part]:
    """One line for all of them, one for each that ends within `trust.SOON` or has ended, and one for each list of revoked
    certificates that has run out."""
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
    for name, one in trust.lists():
        if datetime.fromisoformat(one["next_update"]) < now:
            message = f"“{name}”的吊销列表只用到 {one['next_update'][:10]}，此后的签名没有核对是否吊销。"
            yield Part(part="trust", state="warning", message=message, remedy=RENEW)
    if not late:
        yield Part(
            part="trust",
            message=f"{len(rows)} 张，最早失效的在 {timezone.localtime(min(row.not_after for row in rows)).date()}。",
        )
