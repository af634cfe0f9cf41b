"""What one probe reports: a small record that every probe fills in. Runs inside the fenced child."""

from dataclasses import dataclass, field

TEXT_LIMIT = 200_000
"""Characters of text layer kept per file."""
MOST_FAULTS = 40
"""Of each kind; a damaged file may repeat one fault ten thousand times."""


def signature(**known: str) -> dict:
    """One signature as found. `integrity`: intact, broken or unknown (with `why`); `trust`: trusted, untrusted, expired
    or unknown (with `trust_why`); `time`: ISO 8601 or "", and `time_kind`: stamped, claimed or none. `coverage`, where one
    signature alone can tell (PDF): whole, revision (only permitted changes after it), changed (others), partial; else
    ""; with `coverage_why`. `chain`, where trusted: the certificates up to the root, each as `sm2.link`."""
    names = "form where signer issuer serial seal why trust_why time coverage coverage_why"
    fact = dict.fromkeys(names.split(), "")
    return fact | {"integrity": "unknown", "trust": "unknown", "time_kind": "none", "chain": []} | known


@dataclass
class Report:
    kind: str = "other"  # pdf, image, ofd, office, zip, archive, text, html, other
    puid: str | None = None
    format: str | None = None
    mime: str | None = None
    pages: int | None = None
    text: str = ""
    cells: list[list] = field(default_factory=list)  # the same in pieces with their places, see cells.py
    pdfa: str | None = None  # what the file claims to be, never a proof
    signed: list[dict] = field(default_factory=list)  # a fact for each signature, see `signature`
    uncovered: list[str] = field(default_factory=list)  # parts of a signed file that no signature protects
    attachments: list[dict] = field(default_factory=list)
    details: dict = field(default_factory=dict)
    faults: list[dict] = field(default_factory=list)
    page: int | None = None  # the one being read, from 1: whatever is said meanwhile is about it

    def say(self, kind: str, detail: object = "") -> None:
        fault = {"kind": kind, "detail": " ".join(str(detail).split())[:200]}
        fault |= {"page": self.page} if self.page else {}
        if fault not in self.faults and sum(f["kind"] == kind for f in self.faults) < MOST_FAULTS:
            self.faults.append(fault)

    def add_text(self, text: str) -> None:
        self.text = (self.text + text)[:TEXT_LIMIT]

    def as_dict(self) -> dict:
        self.text = self.text if self.text.strip() else ""
        self.uncovered = self.uncovered[:MOST_FAULTS]
        told = dict(vars(self))  # not a deep copy: what a library left in it may not be copied
        del told["page"]
        return told
