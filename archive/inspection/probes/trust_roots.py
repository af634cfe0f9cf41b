"""The roots that a site trusts, as the child receives them: Base64 of DER, parsed once for each list."""

import base64
import binascii
from functools import lru_cache

from . import sm2


def roots(encoded: list[str] | None) -> tuple[sm2.Certificate, ...]:
    return _parsed(tuple(encoded or ()))


@lru_cache(maxsize=4)
def _parsed(encoded: tuple[str, ...]) -> tuple[sm2.Certificate, ...]:
    found = []
    for text in encoded:
        try:
            found.append(sm2.Certificate(base64.b64decode(text, validate=True)))
        except (ValueError, binascii.Error):
            continue  # the trust store refused it before; here it simply trusts nobody
    return tuple(found)
