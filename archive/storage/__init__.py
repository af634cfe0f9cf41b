"""Object storage: one interface, a local WORM-keeping engine and an S3 one. Import from here only.

`base` says what a store promises, `config` which stores there are, `probe` tries the promises out.
"""

from archive.storage.base import (
    COMPLIANCE,
    GOVERNANCE,
    ProbeResult,
    Store,
    StoredObject,
    StoredVersion,
)
from archive.storage.config import StoreConfig, from_environment, key_store, open_stores

__all__ = [
    "COMPLIANCE",
    "GOVERNANCE",
    "ProbeResult",
    "Store",
    "StoreConfig",
    "StoredObject",
    "StoredVersion",
    "from_environment",
    "key_store",
    "open_stores",
]
