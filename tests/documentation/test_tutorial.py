"""The tutorial, done by somebody who pastes its blocks one after the other."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from services import require

from .blocks import Block, blocks
from .terminal import HOST, SIMULATOR, Terminal, wait_for

PAGE = "docs/tutorial.md"


def of_the_tutorial(language: str) -> list[Block]:
    return [block for block in blocks(language) if block.page == PAGE]


def test_the_tutorial(tmp_path: Path) -> None:
    require(shutil.which("curl") is not None, "curl", "apt-get install curl")
    terminal = Terminal(tmp_path)
    _, simulator, run = [
        block.text.strip().removeprefix("$ ") for block in of_the_tutorial("console")
    ]
    (app,) = of_the_tutorial("python")
    register, put_off, cancel = of_the_tutorial("bash")
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
        assert terminal.paste(put_off) == "put off"
        wait_for(log, "200 (token")
        assert "event update" in log.read_text()
        assert terminal.paste(cancel) == "cancelled"
        wait_for(log, "event end")
        (line,) = [line for line in log.read_text().splitlines() if "event end" in line]
        assert "200 (token" in line
