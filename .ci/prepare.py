"""Make this folder ready to work in: the virtual environment and a Chinese font. `python3.11 .ci/prepare.py`.

Runs with the standard library alone, on an old pip too. A `.venv` that is there is kept and only completed; a
stamp inside it remembers for which pyproject.toml it was completed, so that the next run does nothing. Whatever
this user may not install is named together with the one command that installs it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".prepared"
MAY_INSTALL = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")


def main() -> None:
    prepare_environment()
    prepare_font()


def prepare_environment() -> None:
    project = (ROOT / "pyproject.toml").read_bytes()
    mark = hashlib.sha256(project + sys.version.encode()).hexdigest()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == mark:
        return
    if not PYTHON.exists():
        make_venv()
    table = tomllib.loads(project.decode())
    # Older pips do not know `--group`: the lists are given one by one.
    wanted = [*table["project"]["dependencies"], *table["dependency-groups"]["test"]]
    print("installing the Python packages of pyproject.toml …", flush=True)
    if subprocess.run(
        [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    ).returncode:
        sys.exit("the Python packages could not be installed (see above)")
    STAMP.write_text(mark)


def make_venv() -> None:
    print("making the virtual environment .venv …", flush=True)
    command = [sys.executable, "-m", "venv", VENV]
    if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
        return
    # Debian ships Python without what a new environment needs.
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if not install(package) or subprocess.run(command).returncode:
        sys.exit(f"cannot make a virtual environment; first run: sudo apt-get install {package}")


def prepare_font() -> None:
    sys.path.insert(0, str(ROOT))
    from archive import fonts

    if fonts.chinese() is None and not install("fonts-wqy-microhei"):
        print(
            "no Chinese font found: drawn pages will miss characters. To install one: "
            "sudo apt-get install fonts-wqy-microhei",
            file=sys.stderr,
        )


def install(package: str) -> bool:
    """With apt, where we are allowed to; False when not."""
    if not MAY_INSTALL:
        return False
    print(f"installing {package} …", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)
    return (
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], **quiet
        ).returncode
        == 0
    )


if __name__ == "__main__":
    main()
