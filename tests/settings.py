"""The settings of the test suite: the product's own, over a folder that is thrown away.

The folder is named in the environment before `config.settings` reads it, so that commands started by a test work
in it too. Each worker of pytest-xdist imports this in a process of its own and gets a folder of its own.
`DATABASE_URL=postgresql://…` runs the same suite on PostgreSQL.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_folder = Path(tempfile.mkdtemp(prefix="archive-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["ARCHIVE_DATA"] = str(_folder)
os.environ["ARCHIVE_KEYS"] = str(_folder / "keys" / "keys.json")
os.environ["ARCHIVE_ENV"] = "development"
for _name in ("ARCHIVE_STORES", "CLAMD_URL", "ELASTICSEARCH_URL", "REDIS_URL", "VERAPDF_JAR"):
    os.environ.pop(_name, None)

from archive.privacy import make_key_file  # noqa: E402
from config.settings import *  # noqa: E402, F403
from config.settings import ARCHIVE_KEYS, DATABASES, EMBEDDED, STATIC_ROOT  # noqa: E402

# No test cuts the power, and waiting for the disk is a good part of the time.
os.fsync = lambda descriptor: None
make_key_file(Path(ARCHIVE_KEYS))
STATIC_ROOT.mkdir()
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # people sign in a hundred times a run
if EMBEDDED:
    for _alias, _database in DATABASES.items():
        # Files, not memory: several connections work on them as in the product. Nothing outlives a power cut.
        # Only the first plays the migrations; the tables of the jobs are made from their models (conftest.py).
        _database["TEST"] = {"NAME": str(_folder / f"test-{_alias}.sqlite3"), "MIGRATE": _alias == "default"}
        _options = _database["OPTIONS"]
        _options["init_command"] = _options["init_command"].replace("synchronous=FULL", "synchronous=OFF")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
}  # costs are counted unremembered
