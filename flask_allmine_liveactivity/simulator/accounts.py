"""The developer accounts that a local APNs knows: keys, and the channels of apps."""

from __future__ import annotations

from collections.abc import Collection

from flask_allmine_liveactivity.simulator.channels import Channels
from flask_allmine_liveactivity.simulator.keys import Keys, SigningKey, make_signing_key

ENVIRONMENTS = ("sandbox", "production")


class Accounts:
    """The side of ``LocalApns`` that is Apple's developer site. Safe to use from any thread.

    Args:
        key: Of the app, as `settings` have it.
        bundle_id: Of the app.
        most_channels: How many channels there may be of an app.
    """

    def __init__(self, key: SigningKey, bundle_id: str, most_channels: int) -> None:
        self.key = key
        """The key of `settings`."""
        self.team_id = key.team_id
        self.bundle_id = bundle_id
        self._keys = Keys()
        self._keys.add(key)
        self._most_channels = most_channels
        self._channels: dict[str, Channels] = {}

    def make_key(
        self,
        key_id: str,
        *,
        team_id: str | None = None,
        apps: Collection[str] | None = None,
        environment: str | None = None,
    ) -> SigningKey:
        """Make one more key, as on Apple's developer site.

        Args:
            key_id: Its ten characters.
            team_id: Of its team; without it, the one of `settings`.
            apps: The bundle ids that it may push to; without them, the team's: none of a team that
                is another one.
            environment: ``sandbox`` or ``production``, where it is for that one only.

        Raises:
            ValueError: There is one with this id, or there is no such environment.
        """
        if environment is not None:
            check_environment(environment)
        team = self.team_id if team_id is None else team_id
        if apps is None:
            apps = (self.bundle_id,) if team == self.team_id else ()
        key = SigningKey(key_id, team, make_signing_key(), frozenset(apps), environment)
        self._keys.add(key)
        return key

    def revoke_key(self, key: SigningKey) -> None:
        """Revoke a key: its provider tokens are ``InvalidProviderToken`` from now on."""
        self._keys.revoke(key.key_id)

    @property
    def key_id(self) -> str:
        """The id of the key of `settings`."""
        return self.key.key_id

    @property
    def key_pem(self) -> str:
        """The key of `settings`: the text of the ``.p8`` file."""
        return self.key.pem

    @property
    def channels(self) -> Channels:
        """The broadcast channels of the app."""
        return self.channels_of(self.bundle_id)

    def channels_of(self, bundle_id: str) -> Channels:
        """The broadcast channels of an app."""
        return self._channels.setdefault(bundle_id, Channels(self._most_channels))


def check_environment(environment: str) -> None:
    """Go on where it is one of Apple's two.

    Raises:
        ValueError: It is not.
    """
    if environment not in ENVIRONMENTS:
        raise ValueError(f"environment is one of {ENVIRONMENTS}, not {environment!r}.")
