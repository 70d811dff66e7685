"""The demo in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

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
                # Where a shell has started this run in the background SIGINT is ignored, a child
                # inherits that, and it would never hear the Ctrl-C that ends it.
                preexec_fn=_hear_ctrl_c,
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

    @property
    def page(self) -> str:
        """The address that it says to look at."""
        found = re.search(r"See it: +(\S+)", self.wait_for("Stop with Ctrl-C."))
        assert found is not None
        return found.group(1)

    def stop(self) -> int:
        """Press Ctrl-C; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(15)


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
