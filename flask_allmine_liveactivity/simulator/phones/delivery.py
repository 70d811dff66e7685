"""How an accepted push gets to its phone: now, later, or never."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask_allmine_liveactivity.simulator.phones.activity import Activity
from flask_allmine_liveactivity.simulator.phones.activity_kit import ActivityKit
from flask_allmine_liveactivity.simulator.phones.log import Journal
from flask_allmine_liveactivity.simulator.phones.world import World
from flask_allmine_liveactivity.simulator.received import Received

# Apple, "Sending notification requests to APNs": the longest that APNs stores, in seconds.
LONGEST_STORED = 30 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A push that waits for its phone."""

    push: Received
    channel_id: str | None
    """Of a broadcast; ``None`` for a push to a device token."""
    expires_at: float
    """Seconds since the epoch."""


class Mailbox:
    """The one notification that Apple stores for an app on a device; the newest overwrites it.

    Apple, "Viewing the status of push notifications using Metrics and APNs": only the most recent
    is stored. A broadcast channel stores its own (Apple, "Sending channel management requests to
    APNs": the most recent message, where its storage policy says so).
    """

    def __init__(self) -> None:
        self._stored: dict[str | None, Stored] = {}

    def put(
        self, push: Received, channel_id: str | None, now: float
    ) -> tuple[Received, str] | None:
        """Store a push, or not.

        Returns:
            The push that is lost by it, if one is, and why.
        """
        expires_at = _expiration(push.headers, now)
        if expires_at <= now:
            return push, "The phone is offline, and apns-expiration lets Apple keep nothing."
        overwritten = self._stored.pop(channel_id, None)
        self._stored[channel_id] = Stored(push, channel_id, expires_at)
        if overwritten is None:
            return None
        return (
            overwritten.push,
            "Apple keeps one push for a phone that is offline, and has a newer one now.",
        )

    def has(self, token: str) -> bool:
        """Whether it stores a push to this device token."""
        stored = self._stored.get(None)
        return stored is not None and stored.push.token == token

    def take_expired(self, now: float) -> list[Stored]:
        """What Apple has given up, and no longer has."""
        expired = [one for one in self._stored.values() if one.expires_at <= now]
        for one in expired:
            del self._stored[one.channel_id]
        return expired

    def take_all(self) -> list[Stored]:
        """All there is, oldest first, for a phone that is online again."""
        stored = list(self._stored.values())
        self._stored.clear()
        return stored


class Delivery:
    """Apple's side of one phone. Called with the world's lock held.

    Args:
        world: What the phones share.
        kit: The phone's.
        journal: The phone's.
    """

    def __init__(self, world: World, kit: ActivityKit, journal: Journal) -> None:
        self._world = world
        self._kit = kit
        self._journal = journal
        self._mailbox = Mailbox()

    def bring(self, push: Received, channel_id: str | None, now: float) -> Activity | None:
        """Hand a push to a phone that is online.

        Returns:
            The activity whose token the app is woken for, if it is.
        """
        if channel_id is not None:
            self._kit.take_broadcast(push, channel_id, now)
            return None
        token = self._world.token(push.token)
        return self._kit.take(push, token, now) if token else None

    def store(self, push: Received, channel_id: str | None, now: float) -> None:
        """Keep a push for a phone that is offline, if it may be kept."""
        if channel_id is not None and not self._kit.is_subscribed(channel_id):
            return
        lost = self._mailbox.put(push, channel_id, now)
        if lost is not None:
            self._drop(*lost, now)

    def has_stored(self, activity: Activity) -> bool:
        """Whether Apple stores a push to the activity's token, until the phone is online."""
        return activity.token is not None and self._mailbox.has(activity.token)

    def bring_stored(self, now: float) -> list[Activity]:
        """Hand over what was stored to a phone that is online again; see `bring`."""
        self.give_up_expired(now)
        started = [
            self.bring(stored.push, stored.channel_id, now) for stored in self._mailbox.take_all()
        ]
        return [activity for activity in started if activity is not None]

    def give_up_expired(self, now: float) -> None:
        """Drop what has expired at Apple."""
        for stored in self._mailbox.take_expired(now):
            self._drop(stored.push, "Its apns-expiration has passed at Apple.", now)

    def _drop(self, push: Received, why: str, now: float) -> None:
        token = self._world.token(push.token)
        activity_id = token.activity.id if token and token.activity else None
        self._journal.note(now, "dropped", why, activity_id, push.payload)


def _expiration(headers: Mapping[str, str], now: float) -> float:
    """When a push is given up, in seconds since the epoch; 0: it is never stored."""
    given = headers.get("apns-expiration")
    latest = now + LONGEST_STORED
    # Without one the choice is Apple's.
    return latest if given is None else min(float(given), latest)
