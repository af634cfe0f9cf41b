"""Fictitious business cases, built on the spot as submission packages.

Pure: no Django models, no database, no network. What is here makes the packages of `manage.py demo`, of the
tests (`tests/factories.py`) and of the benchmarks; nothing of the product depends on it.

The way of a package: `cases` writes a *draft* (submission.json and the pages to print) → `printing` prints the
pages, by `forms` (typst, readable, needs a Chinese font) or by `light` (no font, a fraction of a millisecond)
→ `bags` packs the BagIt bag. `faults` breaks a package on purpose at any of these three points.
`catalogue` plans whole collections. The same seed makes the same bytes, so sending a collection twice is seen
as the same packages.

All people, numbers and units are invented. The check digits are right, so that the archive's own checks have
something real to do; where a number is somebody's, that is chance.
"""
