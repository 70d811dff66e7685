"""``make demo`` as a newcomer sees it: started, its three commands pasted, the push in view."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Demo:
    """The running demo and what it has printed."""

    def __init__(self, log: Path) -> None:
        self._log = log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FLASK_")}
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "example_app", "--port", str(port)],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def printed(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, text: str, seconds: float = 20.0) -> str:
        deadline = time.monotonic() + seconds
        while text not in self.printed():
            assert time.monotonic() < deadline, f"{text!r} never came:\n{self.printed()}"
            assert self.process.poll() is None, self.printed()
            time.sleep(0.05)
        return self.printed()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path / "demo.log")
    yield running
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(15) == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is needed: apt-get install curl")
def test_the_three_commands_that_the_demo_prints_lead_to_an_end_push(demo: Demo) -> None:
    story = demo.wait_for("Stop with Ctrl-C.")
    commands = [
        block
        for block in re.split(r"\n\n", story[: story.index("The end push")])
        if block.startswith(("TOKEN=", "curl"))
    ]
    assert len(commands) == 3

    pasted = subprocess.run(
        ["bash", "-c", "\n".join(commands)], capture_output=True, text=True, check=True
    )

    assert pasted.stdout.startswith('{"success": true}\n')
    assert '"status":"cancelled_by_host"' in pasted.stdout.replace(" ", "")
    seen = demo.wait_for('"event": "end"')
    assert "Apple has received a push, and answers 200" in seen
    assert "apns-topic: com.example.allmine.push-type.liveactivity" in seen
