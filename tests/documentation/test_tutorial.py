"""The tutorial, done by somebody who pastes its blocks one after the other."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services import require

from .blocks import Block, blocks

PAGE = "docs/tutorial.md"
SIMULATOR, HOST = 2197, 5000


def of_the_tutorial(language: str) -> list[Block]:
    return [block for block in blocks(language) if block.page == PAGE]


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Terminal:
    """A folder, and ports that are free on this machine instead of the tutorial's."""

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

    def paste(self, block: Block, before: str = "") -> str:
        return subprocess.run(
            ["bash", "-c", before + self.here(block.text)],
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


def test_the_tutorial(tmp_path: Path) -> None:
    require(shutil.which("curl") is not None, "curl", "apt-get install curl")
    terminal = Terminal(tmp_path)
    _, simulator, run = [
        block.text.strip().removeprefix("$ ") for block in of_the_tutorial("console")
    ]
    (app,) = of_the_tutorial("python")
    register, cancel = of_the_tutorial("bash")
    (tmp_path / "app.py").write_text(terminal.here(app.text))

    apple = f"{simulator} --port {terminal.ports[SIMULATOR]}"
    with (
        terminal.runs(apple, "apple.log", "listens at") as log,
        terminal.runs(f"{run} --port {terminal.ports[HOST]}", "host.log", "Running on"),
    ):
        printed = log.read_text()
        for name in ("APNS_KEY_ID", "APNS_TEAM_ID", "APNS_BUNDLE_ID", "APNS_ENVIRONMENT"):
            (value,) = re.findall(rf'LIVE_ACTIVITY_{name}="(.*)"', app.text)
            assert f"LIVE_ACTIVITY_{name}='{value}'" in printed
        assert terminal.paste(register) == '{"success": true}'
        assert terminal.paste(cancel) == "cancelled"
        wait_for(log, "200 (token")
        assert "event end" in log.read_text()
