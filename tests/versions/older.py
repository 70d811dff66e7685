"""The package as it was, of ``git archive``: ``0.1.0a.tar.xz`` before its tables had versions, and
``0.1.0b.tar.xz`` before it asked the host what its streams are."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def unpack(version: str, folder: Path) -> Path:
    """Where this version can be imported from."""
    with tarfile.open(HERE / f"{version}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def start(script: Path, *arguments: str, package: Path = ROOT) -> subprocess.Popen[str]:
    """Start a script that imports the package of this folder: the older, or today's."""
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env={**os.environ, "PYTHONPATH": str(package)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(code: str, *arguments: str, package: Path) -> str:
    """Run a piece of code on the package of this folder; returns what it has printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=package,  # the first place to import from, before what PYTHONPATH says
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
