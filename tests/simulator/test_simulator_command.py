"""``flask live-activity simulator``."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from flask_allmine_liveactivity.simulator import LocalApns

from .foreign import right_push

GROUP_CODE = """
import sys
from flask_allmine_liveactivity.cli import live_activity_commands
live_activity_commands.main(sys.argv[1:], prog_name="flask live-activity")
"""
GROUP = (sys.executable, "-u", "-c", GROUP_CODE, "simulator")


class Running:
    """A simulator in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said = ""

    def until(self, pattern: str) -> re.Match[str]:
        """Read what it says until this comes."""
        assert self.process.stdout is not None
        while not (found := re.search(pattern, self.said)):
            readable, _, _ = select.select([self.process.stdout], [], [], 20)
            assert readable, f"It says no more than: {self.said}"
            # Not readline(): what it reads ahead, select() knows nothing of.
            more = os.read(self.process.stdout.fileno(), 65_536)
            assert more, f"It has ended, and said: {self.said}"
            self.said += more.decode()
        return found

    def settings(self) -> dict[str, str]:
        """Those it says to paste."""
        self.until("Stop it with Ctrl-C")
        return dict(re.findall(r"export FLASK_(\w+)=(\S+)", self.said))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code, after this signal."""
        self.process.send_signal(number)
        self.process.wait(10)
        assert self.process.stdout is not None
        self.said += self.process.stdout.read().decode()
        return self.process.returncode


@contextmanager
def running(folder: Path, *options: str, command: Sequence[str] = GROUP) -> Iterator[Running]:
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        cwd=folder,
        # No app, and none of its settings.
        env={name: value for name, value in os.environ.items() if not name.startswith("FLASK_")},
    )
    try:
        yield Running(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def push(settings: dict[str, str], age: float = 0) -> httpx2.Response:
    """What is answered to a push made from nothing but the settings.

    Args:
        settings: Those that were said.
        age: Of the provider token, in seconds.
    """
    folder = Path(settings["LIVE_ACTIVITY_APNS_KEY"]).parent
    apns = LocalApns(certificate_folder=folder)
    token = apns.key.provider_token(time.time() - age)
    wish = right_push(apns).with_header("authorization", f"bearer {token}")
    verify = ssl.create_default_context(cafile=settings["LIVE_ACTIVITY_APNS_CA"])
    with httpx2.Client(http2=True, verify=verify) as client:
        url = settings["LIVE_ACTIVITY_APNS_SERVER"] + wish.path
        return client.post(url, headers=wish.headers, content=wish.body)


def test_it_serves_with_the_settings_that_it_says(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0") as simulator:
        settings = simulator.settings()
        assert push(settings).status_code == 200
        assert settings["LIVE_ACTIVITY_APNS_ENVIRONMENT"] == "sandbox"
        assert Path(settings["LIVE_ACTIVITY_APNS_KEY"]).read_text().startswith("-----BEGIN")


def test_it_says_them_in_python_too(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0") as simulator:
        from_environment = simulator.settings()
        found = simulator.until(r"app\.config\.update\((?s:.*?)\n\)")
        said = eval(found[0].replace("app.config.update", "dict"))
        assert said == from_environment


def test_each_push_is_a_line(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0") as simulator:
        push(simulator.settings())
        simulator.until(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  200 \(token 6bedff97, event end, priority 10\)"
        )


def test_a_refusal_is_a_line_with_what_would_have_been_right(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0", "--bundle-id", "org.example.other") as simulator:
        assert push(simulator.settings()).status_code == 400
        line = simulator.until(r".*400 TopicDisallowed.*")[0]
        assert "org.example.other.push-type.liveactivity" in line
        assert 'Source: Apple, "' in line


def test_the_settings_stay_valid_when_it_is_started_again(tmp_path: Path) -> None:
    folder = str(tmp_path / "kept")
    with running(tmp_path, "--port", "0", "--folder", folder) as simulator:
        settings = simulator.settings()
        assert simulator.stop() == 0
    port = settings["LIVE_ACTIVITY_APNS_SERVER"].rpartition(":")[2]
    with running(tmp_path, "--port", port, "--folder", folder) as simulator:
        assert simulator.settings() == settings
        assert push(settings).status_code == 200


def test_its_folder_is_kept_out_of_git(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0") as simulator:
        simulator.settings()
    assert (tmp_path / ".live-activity-simulator" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_it_ends_when_told_to(tmp_path: Path, number: int) -> None:
    with running(tmp_path, "--port", "0") as simulator:
        simulator.settings()
        assert simulator.stop(number) == 0
        assert simulator.said.endswith("Stopped.\n")


def test_it_can_be_production(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0", "--environment", "production") as simulator:
        settings = simulator.settings()
        assert settings["LIVE_ACTIVITY_APNS_ENVIRONMENT"] == "production"
        assert "apns-unique-id" not in push(settings).headers


def test_strict_refuses_a_provider_token_renewed_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0", "--strict") as simulator:
        settings = simulator.settings()
        assert [push(settings, age).status_code for age in (60, 0)] == [200, 429]


def test_it_can_refuse_who_connects_for_each_push(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0", "--reconnects", "2") as simulator:
        settings = simulator.settings()
        with contextlib.suppress(httpx2.TransportError):
            for _ in range(10):
                push(settings)
        simulator.until(r"A connection is refused: 127.0.0.1 has opened and closed \d+ within")


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with LocalApns() as other, running(tmp_path, "--port", str(other.port)) as simulator:
        simulator.process.wait(20)
        assert simulator.process.returncode == 1
        simulator.until(rf"Error: Port {other.port} of 127.0.0.1 cannot be used.*--port")


def test_an_address_that_is_not_of_this_machine_is_said(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0", "--host", "192.0.2.1") as simulator:
        simulator.process.wait(20)
        assert simulator.process.returncode == 1
        simulator.until(r"Error: Port 0 of 192.0.2.1 cannot be used.*--host")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with running(tmp_path, "--port", "0", "--folder", "file/folder") as simulator:
        simulator.process.wait(20)
        assert simulator.process.returncode == 1
        simulator.until(r"Error: The folder file/folder cannot be used.*--folder")


def test_it_needs_no_app(tmp_path: Path) -> None:
    """As a user runs it, in a folder in which there is no app to be found."""
    command = [sys.executable, "-u", "-m", "flask", "live-activity", "simulator"]
    with running(tmp_path, "--port", "0", command=command) as simulator:
        assert push(simulator.settings()).status_code == 200
        assert simulator.stop(signal.SIGINT) == 0
        assert simulator.said.endswith("Stopped.\n")


def test_without_h2_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['h2'] = None\n" + GROUP_CODE
    done = subprocess.run(
        [sys.executable, "-c", code, "simulator"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        'Error: The local APNs needs h2: pip install "flask-allmine-liveactivity[simulator]"'
    )
