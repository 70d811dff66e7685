"""A terminal of somebody who pastes what stands on the pages."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .blocks import Block

SIMULATOR, HOST = 2197, 5000
PRODUCTION = "https://api.example.com"


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Terminal:
    """A folder, and ports that are free on this machine instead of the pages'."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {SIMULATOR: a_free_port(), HOST: a_free_port()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
        programs = str(Path(sys.executable).parent)
        self.environment = {**kept, "PATH": f"{programs}:{kept['PATH']}", "PYTHONUNBUFFERED": "1"}

    def here(self, text: str) -> str:
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(free), text)
        return text

    @contextmanager
    def runs(self, command: str, log: str, says: str) -> Iterator[Path]:
        """In a terminal of its own, until the block ends."""
        file = self.folder / log
        with file.open("w") as output:
            process = subprocess.Popen(
                command.split(),
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for(file, says)
            yield file
        finally:
            process.terminate()
            process.wait(30)

    def paste(self, block: Block, *, before: str = "", host: str = PRODUCTION) -> str:
        """What it prints; `host` is where the pages' production is on this machine."""
        return subprocess.run(
            ["bash", "-c", before + self.here(block.text).replace(PRODUCTION, host)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout


def wait_for(file: Path, words: str) -> None:
    until = time.monotonic() + 60
    while words not in file.read_text():
        assert time.monotonic() < until, file.read_text()
        time.sleep(0.1)
