"""Every room that registers checks, imported in one place: whoever runs checks imports this module.

Kept out of the package's `__init__`, because the fenced child must stay small and needs no check.
"""

from . import authenticity, bags, files, integrity, safety, text_layer, usability  # noqa: F401 - registered by being imported
from .base import CHECKS, run

__all__ = ["CHECKS", "run"]
