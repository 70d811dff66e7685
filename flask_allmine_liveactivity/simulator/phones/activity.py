"""One Live Activity on one phone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flask_allmine_liveactivity.simulator.phones.notification import Dropped, Notification

ActivityState = Literal["active", "stale", "ended", "dismissed"]

# Apple, "Displaying live data with Live Activities": the system ends an activity after eight hours;
# ended, it stays on the lock screen until it is removed, for up to four hours more. In seconds.
LONGEST_LIFE = 8 * 3600.0
LONGEST_AFTERLIFE = 4 * 3600.0
_BUDGET_WINDOW = 3600.0


@dataclass(frozen=True, slots=True)
class Content:
    """ActivityKit's ``ActivityContent``: each update replaces all of it."""

    state: Mapping[str, Any]
    stale_date: float | None = None
    relevance_score: float = 0.0


@dataclass(frozen=True, slots=True)
class End:
    """How an activity has ended."""

    at: float
    dismisses_at: float
    why: str
    """A sentence."""


class Activity:
    """A Live Activity. Times are seconds since the epoch; all are the phone's to change.

    Its state follows from the clock whenever it is looked at: nothing has to run for eight hours
    to pass.
    """

    def __init__(
        self,
        *,
        activity_id: str,
        stream_id: str,
        content: Content,
        attributes: Mapping[str, Any],
        started_at: float,
        clock: Callable[[], float],
        timestamp: float | None = None,
        channel_id: str | None = None,
    ) -> None:
        self.id = activity_id
        self.stream_id = stream_id
        self.attributes = attributes
        self.started_at = started_at
        self.timestamp = timestamp
        """The newest ``timestamp`` it has taken; ``None`` before the first push."""
        self.channel_id = channel_id
        """The broadcast channel it is subscribed to."""
        self.token: str | None = None
        """The runtime token, once iOS has handed it out."""
        self.announced: ActivityState = "active"
        """The state that stands in the phone's log."""
        self._content = content
        self._end: End | None = None
        self._spent: deque[float] = deque()
        self._clock = clock

    def __repr__(self) -> str:
        return f"Activity({self.id!r}, stream_id={self.stream_id!r}, state={self.state!r})"

    # What it shows

    @property
    def content_state(self) -> Mapping[str, Any]:
        """What it shows, or has shown last."""
        return self._content.state

    @property
    def stale_date(self) -> float | None:
        """From when on the app may show it as outdated."""
        return self._content.stale_date

    @property
    def relevance_score(self) -> float:
        """Its place among the app's activities: the highest comes first."""
        return self._content.relevance_score

    # Where it is in its life

    @property
    def state(self) -> ActivityState:
        """``active``, ``stale``, ``ended`` (perhaps still on the lock screen) or ``dismissed``."""
        return self.state_at(self._clock())

    @property
    def is_active(self) -> bool:
        """Whether it has not ended; stale ones have not."""
        return self.state in ("active", "stale")

    @property
    def visible(self) -> bool:
        """Whether it is on the lock screen now."""
        return self.state != "dismissed"

    @property
    def ended_at(self) -> float | None:
        """When it ended; ``None`` while it is active."""
        end = self.end_at(self._clock())
        return end.at if end else None

    @property
    def dismisses_at(self) -> float | None:
        """When it leaves, or has left, the lock screen; ``None`` while it is active."""
        end = self.end_at(self._clock())
        return end.dismisses_at if end else None

    def state_at(self, now: float) -> ActivityState:
        """Its state at that time, as things stand."""
        end = self.end_at(now)
        if end is not None:
            return "ended" if now < end.dismisses_at else "dismissed"
        stale_date = self.stale_date
        return "active" if stale_date is None or now < stale_date else "stale"

    def end_at(self, now: float) -> End | None:
        """How it has ended by that time; ``None``: it has not."""
        if self._end is not None:
            return self._end
        at = self.started_at + LONGEST_LIFE
        if now < at:
            return None
        return End(at, at + LONGEST_AFTERLIFE, "The system ends it: it is eight hours old.")

    # What happens to it

    def spend(self, now: float, budget: int | None) -> None:
        """Count a push of priority 10 against the hour's budget.

        Apple, "Starting and updating Live Activities with ActivityKit push notifications": there is
        a budget, and the system throttles beyond it. It publishes no figure.

        Raises:
            Dropped: It is used up.
        """
        if budget is None:
            return
        while self._spent and self._spent[0] <= now - _BUDGET_WINDOW:
            self._spent.popleft()
        if len(self._spent) >= budget:
            raise Dropped(f"The hour's budget of {budget} pushes of priority 10 is used up.")
        self._spent.append(now)

    def take(self, notification: Notification, now: float) -> None:
        """Show what a push says, or end as it says.

        Raises:
            Dropped: It is a start, it is out of order, or the activity has ended.
        """
        if notification.event == "start":
            raise Dropped("A start belongs to the push-to-start token, and this is a runtime one.")
        if self.end_at(now) is not None:
            raise Dropped("The activity has ended already.")
        if self.timestamp is not None and notification.timestamp < self.timestamp:
            raise Dropped(
                f"timestamp {notification.timestamp} is older than {self.timestamp}, the newest "
                "that it has taken."
            )
        # Apple's forum, thread 776165: an update of the past is dropped, an end is not. What an
        # activity was started with is newer than an update from before it.
        if notification.event == "update" and notification.timestamp < int(self.started_at):
            raise Dropped(
                f"timestamp {notification.timestamp} is from before the activity was started."
            )
        self.timestamp = notification.timestamp
        if notification.content_state is not None:
            self._content = Content(
                notification.content_state, notification.stale_date, notification.relevance_score
            )
        if notification.event == "end":
            latest = now + LONGEST_AFTERLIFE
            asked = notification.dismissal_date
            dismisses_at = latest if asked is None else max(now, min(asked, latest))
            self._end = End(now, dismisses_at, "An end push has ended it.")

    def remove(self, now: float, why: str) -> None:
        """Take it off the lock screen at once, and end it where it has not ended."""
        end = self.end_at(now)
        self._end = End(end.at if end else now, now, end.why if end else why)
