"""On what it was measured: figures of other machines and versions are other figures."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "flask", "SQLAlchemy", "psycopg", "PyMySQL", "pycurl", "aioapns", "httpx2", "mopyapns",
    "gunicorn",
)  # fmt: skip
# How a program says its version.
PROGRAMS = {
    "nginx": ["nginx", "-v"],
    "h2load": ["h2load", "--version"],
    "node": ["node", "--version"],
    "PostgreSQL": ["psql", "--version"],
    "MariaDB": ["mariadb", "--version"],
}


def machine() -> dict[str, str]:
    """The machine and the versions, by name."""
    import sqlite3

    import pycurl

    found = {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "libcurl": pycurl.version_info()[1],
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    for name, command in PROGRAMS.items():
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        said = re.search(r"\d+\.\d+(\.\d+)?", (done.stdout + done.stderr).replace("Ver 15.1", ""))
        if said:
            found[name] = said.group()
    return found


def _processor() -> str:
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return names[0] if names else platform.processor() or platform.machine()
