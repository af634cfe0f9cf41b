"""What one probe reports: a small record that every probe fills in. Runs inside the fenced child."""

from dataclasses import asdict, dataclass, field

TEXT_LIMIT = 200_000
"""Characters of text layer kept per file."""
MOST_FAULTS = 40
"""Of each kind; a damaged file may repeat one fault ten thousand times."""


@dataclass
class Report:
    kind: str = "other"  # pdf, image, ofd, office, zip, archive, text, html, other
    puid: str | None = None
    format: str | None = None
    mime: str | None = None
    pages: int | None = None
    text: str = ""
    pdfa: str | None = None  # what the file claims to be, never a proof
    signatures: int = 0
    attachments: list[dict] = field(default_factory=list)
    details: dict = field(default_factory=dict)
    faults: list[dict] = field(default_factory=list)

    def say(self, kind: str, detail: object = "") -> None:
        fault = {"kind": kind, "detail": " ".join(str(detail).split())[:200]}
        if fault not in self.faults and sum(f["kind"] == kind for f in self.faults) < MOST_FAULTS:
            self.faults.append(fault)

    def add_text(self, text: str) -> None:
        self.text = (self.text + text)[:TEXT_LIMIT]

    def as_dict(self) -> dict:
        self.text = self.text if self.text.strip() else ""
        return asdict(self)
