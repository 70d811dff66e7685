"""The processes of a host, which may be killed, stopped and looked into."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import services

from .audience import until

TESTS = Path(__file__).parents[1]


def settings_of(storage_uri: str, apns_settings: dict[str, str], **config: Any) -> dict[str, Any]:
    """What a host of these tests is configured with: impatient, so that tests are short."""
    return {
        "LIVE_ACTIVITY_STORAGE_URI": storage_uri,
        "LIVE_ACTIVITY_LEASE": 2,
        "LIVE_ACTIVITY_SWEEP_INTERVAL": 0.2,
        "LIVE_ACTIVITY_DELIVERY": "worker",
        **apns_settings,
        **config,
    }


def _hears_interrupts() -> None:
    """Whoever runs the tests in the background of a script has SIGINT ignored, and would leave that
    to all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def process(
    *command: str,
    config: dict[str, Any],
    output: Path,
    stdin: int = subprocess.DEVNULL,
    **environ: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the host's configuration, in a session of its own; killed at the end.

    `output` is appended with what it says; `stdin` is a descriptor of what it reads.
    """
    with output.open("ab") as file:
        running = subprocess.Popen(
            command,
            cwd=output.parent,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
                "FAULTS_HOST": json.dumps(config),
                **environ,
            },
            stdin=stdin,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_hears_interrupts,
        )
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@contextlib.contextmanager
def a_worker(
    config: dict[str, Any], output: Path, *wrapper: str, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """``flask live-activity worker``, perhaps behind a `wrapper` such as ``faketime``."""
    command = [sys.executable, "-m", "flask", "--app", "faults.host:make_host"]
    with process(
        *wrapper, *command, "live-activity", "worker", config=config, output=output, **environ
    ) as running:
        yield running


@contextlib.contextmanager
def gunicorn(
    config: dict[str, Any], output: Path, *arguments: str, port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """gunicorn with the host, which listens when this returns; killed with all its workers."""
    with process(
        sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--no-control-socket",
        *arguments, "faults.host:make_host()", config=config, output=output,
    ) as running:  # fmt: skip
        assert until(lambda: services.listens(port), 30), output.read_text()
        yield running


def open_files(pid: int) -> int:
    """How many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    """How many threads a process has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def rss(pid: int) -> int:
    """How much memory a process has, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
