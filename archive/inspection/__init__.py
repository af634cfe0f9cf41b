"""四性检测: authenticity, integrity, usability, safety — one small function a check.

This package imports no models: it judges a package lying on disk and says what it found. Who asks, and what
follows from the answer, is `ingest`'s business. See `base.py` for the words and the registry.
"""

from .base import CHECKS, Check, Finding, MeasuredFile, Package, check, run

__all__ = ["CHECKS", "Check", "Finding", "MeasuredFile", "Package", "check", "run"]
