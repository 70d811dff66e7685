"""What stands behind the local APNs: whoever knows device tokens and takes what was accepted."""

from __future__ import annotations

from typing import Protocol

from flask_allmine_liveactivity.simulator.answers import Answer
from flask_allmine_liveactivity.simulator.received import Received


class Devices(Protocol):
    """The phones, as Apple's server sees them. Called in the server's thread: never blocking."""

    def refusal(self, token: str, *, bundle_id: str, environment: str, at: float) -> Answer | None:
        """Why a push to this token is refused; ``None``: it is not, or the token is not known.

        Args:
            token: Of the device, from the path.
            bundle_id: The app that the push's topic names.
            environment: Of the server: ``sandbox`` or ``production``.
            at: Seconds since the epoch.
        """

    def receive(self, push: Received) -> None:
        """Take a push that is answered with 200."""

    def broadcast(self, channel_id: str, push: Received) -> None:
        """Take a push to all activities that are subscribed to a channel."""
