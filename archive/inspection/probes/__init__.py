"""What the fenced child can do with foreign bytes: `FUNCTIONS`, by name.

`probe` answers for one file: puid, format, mime, kind, pages, text, pdfa (a claim), attachments, details, and
`faults`, a list of `{"kind", "detail"}`. A kind is a plain word; what it means for an archive, and how it is
judged, stands in `archive/inspection/usability.py` and `safety.py`. Parsers are imported at their first use.
"""

from .certificates import read_certificates
from .cms_signatures import verify_detached, verify_stamp
from .identify import probe
from .render import render, stamp
from .revocations import read_revocations
from .unpacking import looks_like_bag, measure, unpack

FUNCTIONS = {
    "probe": probe,
    "verify_detached": verify_detached,
    "verify_stamp": verify_stamp,
    "unpack": unpack,
    "measure": measure,
    "looks_like_bag": looks_like_bag,
    "read_certificates": read_certificates,
    "read_revocations": read_revocations,
    "render": render,
    "stamp": stamp,
}
