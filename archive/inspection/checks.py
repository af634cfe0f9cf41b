"""Every room that registers checks, imported in one place: whoever runs checks imports this module.

Kept out of the package's `__init__`, because the fenced child must stay small and needs no check.
"""

from . import (  # noqa: F401 - registered by being imported
    authenticity,
    bags,
    counting,
    files,
    integrity,
    manual,
    safety,
    sheets,
    text_layer,
    usability,
)
from .base import CHECKS, run

__all__ = ["CHECKS", "run"]
