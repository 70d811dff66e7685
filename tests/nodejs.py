"""Node.js, and packages of the npm registry."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from services import require

REMEDY = "Install Node.js 18.13 or newer, with npm (Debian: apt-get install nodejs npm)."


def require_node() -> None:
    """Go on where there are node and npm."""
    there = shutil.which("node") is not None and shutil.which("npm") is not None
    require(there, "Node.js with npm", REMEDY)


def install(folder: Path, *packages: str) -> Path:
    """Install packages of the npm registry into a folder; gives that of their programs."""
    require_node()
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)
    require(
        done.returncode == 0,
        f"npm's {', '.join(packages)}",
        f"npm must reach a registry: {done.stderr.strip()[-300:]}",
    )
    return folder / "node_modules" / ".bin"
