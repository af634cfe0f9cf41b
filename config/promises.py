"""What the stores were found to keep when they were last tried out (`doctor`, `setup`, the daily job), for whoever
starts: production refuses to start on a store that was never tried, or that broke a promise.

Remembered in a file under ARCHIVE_DATA, because a start must ask nothing of the network: a store that does not answer
for an hour keeps nobody from reading what lies in another one. A probe that did not reach its store changes nothing.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from archive import stores
from archive.storage import ProbeResult, StoreConfig

NAME = "promises.json"
UNREACHED = "connection"
"""The one result of a probe that says nothing about promises."""


@dataclass(frozen=True)
class Kept:
    """What the last probe of a store found. `broken`: promise → sentence; `of` is the place that was tried."""

    of: str
    on: str
    broken: dict[str, str]


def try_out() -> Iterator[tuple[str, dict, list[ProbeResult]]]:
    """Probe every configured store and remember it: (name, description, results)."""
    for name, store in stores.configured().items():
        results = store.probe()
        remember(store.config, results)
        yield name, store.describe(), results


def remember(config: StoreConfig, results: Sequence[ProbeResult]) -> None:
    if any(result.name == UNREACHED for result in results):
        return
    broken = {result.name: result.message for result in results if result.state == "failed"}
    known = _read() | {config.name: {"of": config.place, "on": f"{timezone.localdate()}", "broken": broken}}
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f"{NAME}.{os.getpid()}")
    draft.write_text(json.dumps(known, ensure_ascii=False, indent=1))
    draft.replace(file)


def known(config: StoreConfig) -> Kept | None:
    """None: this store, at this place and with these keys, was never tried out here."""
    entry = _read().get(config.name)
    if not isinstance(entry, dict) or entry.get("of") != config.place:
        return None
    broken = entry.get("broken")
    return Kept(of=entry["of"], on=str(entry.get("on")), broken=broken if isinstance(broken, dict) else {})


def untried() -> bool:
    return any(known(store.config) is None for store in stores.configured().values())


def _file() -> Path:
    return Path(settings.ARCHIVE_DATA) / NAME


def _read() -> dict:
    try:
        found = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
