#!/usr/bin/env python
"""The command line of the archive. `make` lists what a newcomer needs; `manage.py help` lists everything."""

import os
import sys


def main() -> None:
    if sys.getfilesystemencoding() != "utf-8":  # a GBK locale, say: file names and packs of ours are UTF-8
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
