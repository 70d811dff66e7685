"""See that a wheel and an sdist hold what they must, and nothing else: ``make release-check``.

python tests/release/contents.py FOLDER
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "flask_allmine_liveactivity"
PLUGIN = "pytest_flask_allmine_liveactivity.py"
# One of each kind: a tree that has lost them all would be packed as it is.
KINDS = {
    f"{PACKAGE}/py.typed",
    f"{PACKAGE}/openapi/samples/Register.swift",
    f"{PACKAGE}/openapi/static/reference.js",
    f"{PACKAGE}/openapi/templates/live_activity_reference/page.html",
    f"{PACKAGE}/simulator/page/static/main.js",
    f"{PACKAGE}/simulator/page/templates/live_activity_simulator/page.html",
}
# What the backend reads when it builds from an sdist.
BUILT_FROM = {"pyproject.toml", "setup.cfg", "README.md", "LICENSE"}


def of_the_tree() -> set[str]:
    """What is installed: the package, every file of it, and the pytest plugin."""
    found = {path for path in (ROOT / PACKAGE).rglob("*") if path.is_file()}
    kept = {path for path in found if "__pycache__" not in path.parts}
    return {PLUGIN, *(path.relative_to(ROOT).as_posix() for path in kept)}


def of_the_wheel(folder: Path) -> set[str]:
    """Its files, without what the backend says of it."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def of_the_sdist(folder: Path) -> set[str]:
    """Its files, below the folder that it unpacks into."""
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def complaints(folder: Path) -> list[str]:
    """What is wrong with the two in `folder`."""
    tree, wheel, sdist = of_the_tree(), of_the_wheel(folder), of_the_sdist(folder)
    return [
        *(f"{name} is not in the tree" for name in sorted(KINDS - tree)),
        *(f"{name} is not in the wheel" for name in sorted(tree - wheel)),
        *(f"{name} is in the wheel, and nothing of the package" for name in sorted(wheel - tree)),
        *(f"{name} is not in the sdist" for name in sorted((tree | BUILT_FROM) - sdist)),
    ]


if __name__ == "__main__":
    found = complaints(Path(sys.argv[1]))
    sys.exit("\n".join(found) if found else 0)
