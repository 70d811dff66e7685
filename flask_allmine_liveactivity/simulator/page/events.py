"""The page's state as server-sent events (WHATWG HTML, "Server-sent events")."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask_allmine_liveactivity.simulator.page.simulator import Simulator

# Seconds. A proxy, and a browser, learn by it that the connection lives; and so does this end.
HEARTBEAT = 15.0
# Milliseconds after which a browser that has lost the connection tries again.
RECONNECT = 1000
# Seconds. What the host has to do yet it does without a word to the page, which looks again.
LOOK_AGAIN = 1.0


def events(simulator: Simulator) -> Iterator[str]:
    """What one browser is told: first all there is, then each change.

    A browser that reconnects is told all again, so nothing is lost in between:
    ``everything`` has the state and all pushes, ``state`` the state, ``push`` one more push.
    """
    feed = simulator.feed
    # Always read before the pushes: one that comes while the state is built is a change to wait
    # for, though the state's own version counts it already.
    version = feed.version
    pushes = feed.pushes_after(0)
    state = simulator.view()
    yield f"retry: {RECONNECT}\n\n"
    yield message("everything", {**at_now(state), "pushes": pushes})
    last_push = pushes[-1]["id"] if pushes else 0
    while True:
        version = feed.wait(version, next_look(state))
        if feed.closed:
            return  # the host may be gone already, and is not to be asked
        simulator.phones.tick()
        told = False
        for push in feed.pushes_after(last_push):
            last_push, told = push["id"], True
            yield message("push", push)
        before, state = state, simulator.view()
        if state != before:
            yield message("state", at_now(state))
        elif not told:
            yield ": alive\n\n"


def at_now(state: dict[str, Any]) -> dict[str, Any]:
    """The state with this machine's time, by which a browser sets its countdowns."""
    return {"now": time.time(), **state}


def message(event: str, data: dict[str, Any]) -> str:
    """One server-sent event."""
    return f"event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


def next_look(state: dict[str, Any]) -> float:
    """Seconds until an activity goes stale or leaves a lock screen by the clock alone, or until the
    host may have done what it has to do."""
    now = time.time()
    waits: list[float] = [
        date - now
        for phone in state["phones"]
        for activity in phone["activities"]
        for date in (activity["staleAt"], activity["dismissesAt"])
        if date is not None and date > now
    ]
    # A little later than the moment itself, so that it has passed.
    soonest = min([HEARTBEAT, *(wait + 0.05 for wait in waits)])
    outlooks: dict[str, dict[str, Any]] = state["outlooks"] or {}
    # Asked a little later than it is due: what the host answers is seen with its next question.
    questions = (each["askedAt"] for each in outlooks.values())
    waits = [max(0.0, at - now) + LOOK_AGAIN for at in questions if at is not None]
    soonest = min([soonest, *waits])
    at_work = any(each["fate"] in ("waits", "held") for each in outlooks.values())
    return min(soonest, LOOK_AGAIN) if at_work else soonest
