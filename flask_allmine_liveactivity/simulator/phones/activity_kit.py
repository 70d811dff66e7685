"""iOS on one phone: what it does with Live Activities, tokens and pushes.

All of it is called with the world's lock held, and calls nothing outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_allmine_liveactivity.simulator.answers import Answer
from flask_allmine_liveactivity.simulator.broadcast import MAX_BROADCAST
from flask_allmine_liveactivity.simulator.payload import MAX_PAYLOAD
from flask_allmine_liveactivity.simulator.phones.activity import Activity, Content
from flask_allmine_liveactivity.simulator.phones.log import Event, Journal
from flask_allmine_liveactivity.simulator.phones.notification import (
    Dropped,
    Notification,
    alert_text,
    read_notification,
)
from flask_allmine_liveactivity.simulator.phones.world import Token, World
from flask_allmine_liveactivity.simulator.received import Received
from flask_allmine_liveactivity.simulator.request import fingerprint

_REMOTE_START = (17, 2)
_INPUT_KEYS = (18, 0)


class ActivityKit:
    """The system's side of a phone.

    Args:
        world: What the phones share.
        phone_id: Whose it is.
        os_version: Such as ``(26, 0)``.
        journal: Where it writes what happens.
    """

    def __init__(
        self, world: World, phone_id: str, os_version: tuple[int, ...], journal: Journal
    ) -> None:
        self.activities: list[Activity] = []
        """All that were ever there, oldest first."""
        self._push_to_start: Token | None = None
        self._orphans: list[Token] = []
        """Those of a deleted app that Apple still takes for living ones."""
        self._world = world
        self._phone_id = phone_id
        self._os_version = os_version
        self._journal = journal
        self._tokens: dict[str, Token] = {}
        """The living runtime token of each activity, by the activity's id."""

    @property
    def push_to_start_token(self) -> str | None:
        """Apple gives it out per device and attributes type, from iOS 17.2 on."""
        return self._push_to_start.value if self._push_to_start else None

    def lock_screen(self) -> list[Activity]:
        """Those shown now, in their order."""
        shown = [activity for activity in self.activities if activity.visible]
        # Apple, "Displaying live data with Live Activities": the highest score first; where scores
        # are equal, the activity that was started first.
        return sorted(shown, key=lambda activity: -activity.relevance_score)

    def install(self, now: float) -> None:
        """The app is there: it gets a push-to-start token, from iOS 17.2 on."""
        self._tell_apple(now)  # by asking for new tokens
        # Apple, "Starting and updating Live Activities ...": pushToStartTokenUpdates, iOS 17.2.
        if self._os_version >= _REMOTE_START:
            self.hand_out_push_to_start_token(now)

    def hand_out_push_to_start_token(self, now: float) -> str:
        """A new push-to-start token; the one before is dead (``pushToStartTokenUpdates``)."""
        former = self._push_to_start
        if former is not None:
            former.dead = Answer.gone(now)
        token = self._push_to_start = self._world.issue_token(self._phone_id, None)
        what = "A push-to-start token" if former is None else "Another push-to-start token"
        self._journal.note(now, "token", f"{what}: <{fingerprint(token.value)}>.")
        return token.value

    def delete_app(self, now: float) -> None:
        """The activities go with the app. Apple learns of it when it brings the next push.

        Apple, "Handling notification responses from APNs": a token that is no longer active is
        ``Unregistered``; when Apple notices is not published, and it is not at once.
        """
        living = [token for token in self._tokens.values() if token.refusal() is None]
        if self._push_to_start is not None:
            living.append(self._push_to_start)
        for token in living:
            token.orphaned = True
        self._orphans += living
        self._push_to_start = None
        for activity in self.activities:
            if activity.state_at(now) != "dismissed":
                self._remove(activity, now, "The app is deleted, and its activities with it.")

    def _tell_apple(self, now: float) -> None:
        """Tell Apple that the app was deleted: its tokens are ``Unregistered`` from now on."""
        for token in self._orphans:
            token.dead = Answer.gone(now)
        self._orphans.clear()

    def start(
        self,
        now: float,
        *,
        stream_id: str,
        content: Content,
        attributes: Mapping[str, Any],
        timestamp: float | None = None,
        channel_id: str | None = None,
    ) -> Activity:
        """A new activity on the lock screen; it has no token yet."""
        activity = Activity(
            activity_id=self._world.new_activity_id(),
            stream_id=stream_id,
            content=content,
            attributes=attributes,
            started_at=now,
            clock=self._world.clock,
            timestamp=timestamp,
            channel_id=channel_id,
        )
        self.activities.append(activity)
        how = "The app starts it." if timestamp is None else "A push starts it."
        self._journal.note(now, "started", how, activity.id)
        return activity

    def hand_out_token(self, activity: Activity, now: float) -> str:
        """A new runtime token; the one before is dead (Apple: ``pushTokenUpdates``)."""
        former = self._tokens.get(activity.id)
        if former is not None and former.dead is None:
            former.dead = Answer.expired_token(now)
        token = self._tokens[activity.id] = self._world.issue_token(self._phone_id, activity)
        activity.token = token.value
        what = "A runtime token" if former is None else "Another runtime token"
        self._journal.note(now, "token", f"{what}: <{fingerprint(token.value)}>.", activity.id)
        return token.value

    def swipe_away(self, activity: Activity, now: float) -> None:
        """The user removes it. The app is not told."""
        if activity.state_at(now) != "dismissed":
            self._remove(activity, now, "The user swipes it away.")

    def _remove(self, activity: Activity, now: float, why: str) -> None:
        activity.remove(now, why)
        activity.announced = "dismissed"
        self._journal.note(now, "dismissed", why, activity.id)

    def take(self, push: Received, token: Token, now: float) -> Activity | None:
        """A push to one of this phone's tokens arrives.

        Returns:
            The activity whose runtime token the app is woken for, if it is.
        """
        activity = token.activity
        try:
            if token.dead is not None:
                raise Dropped("Its token is dead by now.")
            if token.orphaned:
                self._tell_apple(now)
                raise Dropped("The app is deleted, and Apple learns of it now.")
            if activity is None:
                return self._start_remotely(push, now)
            self._update(activity, push, now, limit=MAX_PAYLOAD)
        except Dropped as dropped:
            activity_id = activity.id if activity else None
            self._journal.note(now, "dropped", str(dropped), activity_id, push.payload)
        return None

    def take_broadcast(self, push: Received, channel_id: str, now: float) -> None:
        """A broadcast arrives, for all activities that are subscribed to the channel."""
        for activity in self.activities:
            if activity.channel_id != channel_id or not activity.is_active:
                continue
            try:
                self._update(activity, push, now, limit=MAX_BROADCAST)
            except Dropped as dropped:
                self._journal.note(now, "dropped", str(dropped), activity.id, push.payload)

    def is_subscribed(self, channel_id: str) -> bool:
        """Whether an activity is, that has not ended."""
        return any(one.channel_id == channel_id and one.is_active for one in self.activities)

    def _update(self, activity: Activity, push: Received, now: float, *, limit: int) -> None:
        # Apple: priority 5 does not count towards the budget; without the header it is 10.
        if push.headers.get("apns-priority", "10") == "10":
            activity.spend(now, self._world.budget)
        notification = read_notification(push, now, self._world.content_state, limit=limit)
        activity.take(notification, now)
        self._journal.note(
            now, "push", f"A push of event {notification.event}.", activity.id, push.payload
        )
        self._alert(notification, activity, push, now)

    def _start_remotely(self, push: Received, now: float) -> Activity | None:
        notification = read_notification(push, now, self._world.content_state)
        stream_id, channel_id = self._check_start(notification)
        content = Content(
            notification.content_state or {},
            notification.stale_date,
            notification.relevance_score,
        )
        activity = self.start(
            now,
            stream_id=stream_id,
            content=content,
            attributes=notification.aps["attributes"],
            timestamp=notification.timestamp,
            channel_id=channel_id,
        )
        self._journal.note(now, "push", "A push of event start.", activity.id, push.payload)
        self._alert(notification, activity, push, now)
        # From iOS 18 on the push says whether a runtime token is wanted; before, there always is
        # one, unless the activity listens to a channel (Apple, as above: "input-push-token").
        asked = notification.aps.get("input-push-token") == 1
        if channel_id is not None or not (asked or self._os_version < _INPUT_KEYS):
            return None
        self.hand_out_token(activity, now)
        return activity

    def _check_start(self, notification: Notification) -> tuple[str, str | None]:
        """The stream and the channel of a start.

        Raises:
            Dropped: It breaks a rule for starts.
        """
        aps = notification.aps
        if notification.event != "start":
            raise Dropped(
                f"An {notification.event} belongs to a runtime token, and this is a push-to-start "
                "one."
            )
        attributes, declared = aps.get("attributes"), self._world.attributes_type
        if not isinstance(aps.get("attributes-type"), str):
            raise Dropped("attributes-type is missing, and a start needs it.")
        if declared is not None and aps["attributes-type"] != declared:
            raise Dropped(
                f"attributes-type is {aps['attributes-type']!r}, and the app has {declared!r}."
            )
        if not isinstance(attributes, dict) or not isinstance(attributes.get("streamId"), str):
            raise Dropped("attributes do not decode: they must be an object with a streamId.")
        if notification.alert is None:
            raise Dropped("alert is missing, and a start needs it.")
        channel_id = aps.get("input-push-channel")
        if channel_id is None:
            return attributes["streamId"], None
        if self._os_version < _INPUT_KEYS:
            raise Dropped("input-push-channel needs iOS 18: the activity does not start.")
        return attributes["streamId"], str(channel_id)

    def _alert(
        self, notification: Notification, activity: Activity, push: Received, now: float
    ) -> None:
        if notification.alert is not None:
            text = alert_text(notification.alert)
            self._journal.note(now, "alert", text, activity.id, push.payload)

    def catch_up(self, now: float) -> None:
        """Write down what time has brought about since this was last called, in its order."""
        due: list[Event] = []
        for activity in self.activities:
            if activity.announced == "dismissed":
                continue
            state = activity.state_at(now)
            if state == activity.announced:
                continue
            self._journal.changed = True
            end = activity.end_at(now)
            if end is not None and activity.announced != "ended":
                due.append(Event(end.at, "ended", end.why, activity.id))
            if end is not None and state == "dismissed":
                text = "It leaves the lock screen."
                due.append(Event(end.dismisses_at, "dismissed", text, activity.id))
            activity.announced = state
        for event in sorted(due, key=lambda event: event.at):
            self._journal.note(event.at, event.kind, event.text, event.activity_id)
