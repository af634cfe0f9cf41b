"""What a text may tell of records that its reader may not see: that there is one, not which."""

from collections.abc import Sequence

from archive import numbering
from archive.models import Record
from archive.permissions import Actor

ANOTHER = "另一件档案（不在您的查看范围内）"


def without_unseen_codes(texts: Sequence[str], actor: Actor) -> list[str]:
    """The same texts; a 档号 in them that is no record of this actor's reading scope is not told: it says where, when
    and about what there is one. One question to the database."""
    named = {code for text in texts for code in numbering.CODES.findall(text)}
    if not named or actor.system:
        return list(texts)
    rows = Record.objects.visible_to(actor.scope("record.read"))
    seen = set(rows.filter(reference_code__in=named).values_list("reference_code", flat=True))
    return [numbering.CODES.sub(lambda m: m[0] if m[0] in seen else ANOTHER, text) for text in texts]
