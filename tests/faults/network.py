"""A network of two machines on one: a namespace for the hosts, and a cable to Apple to pull."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator

import services

REMEDY = (
    "Run these tests as root (in a container: --cap-add NET_ADMIN --cap-add SYS_ADMIN), with "
    "iproute2 installed: apt-get install iproute2."
)
NOBODYS_ADDRESS = "02:00:00:00:00:99"


class Network:
    """A pair of interfaces: one here, where Apple listens, and one in the namespace.

    Args:
        name: Of the namespace.
        number: Tells the addresses of several networks apart.
    """

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.here, self.there = f"{name}h", f"{name}n"
        self.apple = f"10.213.{number}.1"
        self.host = f"10.213.{number}.2"
        self.inside = ("ip", "netns", "exec", name)
        """What a command is wrapped in, to run in the namespace."""

    def lay(self) -> None:
        """Make it."""
        _run("ip", "netns", "add", self.name)
        _run("ip", "link", "add", self.here, "type", "veth", "peer", "name", self.there)
        _run("ip", "link", "set", self.there, "netns", self.name)
        _run("ip", "address", "add", f"{self.apple}/30", "dev", self.here)
        _run("ip", "link", "set", self.here, "up")
        self._run_inside("ip", "address", "add", f"{self.host}/30", "dev", self.there)
        self._run_inside("ip", "link", "set", self.there, "up")

    def remove(self) -> None:
        """Leave nothing of it."""
        for command in (("ip", "link", "del", self.here), ("ip", "netns", "del", self.name)):
            subprocess.run(command, check=False, capture_output=True)

    @contextlib.contextmanager
    def without_a_cable(self) -> Iterator[None]:
        """There is no carrier."""
        _run("ip", "link", "set", self.here, "down")
        try:
            yield
        finally:
            _run("ip", "link", "set", self.here, "up")

    @contextlib.contextmanager
    def losing_all(self) -> Iterator[None]:
        """What the hosts send vanishes without a word: it is addressed to nobody."""
        neighbour = ("neigh", "replace", self.apple, "dev", self.there)
        self._run_inside("ip", *neighbour, "lladdr", NOBODYS_ADDRESS, "nud", "permanent")
        try:
            yield
        finally:
            self._run_inside("ip", "neigh", "del", self.apple, "dev", self.there)

    def _run_inside(self, *command: str) -> None:
        _run(*self.inside, *command)


@contextlib.contextmanager
def a_network() -> Iterator[Network]:
    """A network, removed at the end; without the rights for it the test is skipped."""
    number = secrets.randbelow(250)
    network = Network(f"la{number}", number)
    able = os.geteuid() == 0 and shutil.which("ip") is not None
    services.require(able, "A network namespace", REMEDY)
    try:
        try:
            network.lay()
        except subprocess.CalledProcessError as error:  # root without the capability
            services.require(False, f"A network namespace ({error.stderr!r})", REMEDY)
        yield network
    finally:
        network.remove()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=10)
