"""Streams that a version which told capitals from lower case has kept under another spelling.

Their sessions run for hours after an upgrade, and are to be told their end all the same. In a
storage that no such version has written to, nothing is found here.
"""

from __future__ import annotations

import re
from dataclasses import replace

from flask_allmine_liveactivity.model import Announcement
from flask_allmine_liveactivity.model.canonical import STREAM_ID, spellings
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.streams.announcement import announcement_that_stands


def earlier_spellings(stream_id: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """What a stream may have been kept under, besides its canonical id."""
    # An ObjectId has always been kept in lower case.
    kept = [
        each.lower() if STREAM_ID.fullmatch(each) else each
        for each in spellings(stream_id, pattern)
    ]
    return tuple(dict.fromkeys(each for each in kept if each != stream_id))


def announce_to_earlier(
    storage: Storage, announcement: Announcement, earlier: tuple[str, ...], now: float
) -> list[str]:
    """Announce an end to the sessions that are kept under earlier spellings of its stream.

    Returns the spellings under which there are some.
    """
    found = [each for each in earlier if storage.sessions.page(stream_id=each, limit=1)]
    for each in found:
        storage.streams.announce(replace(announcement, stream_id=each), now)
    return found


def reopen_earlier(storage: Storage, earlier: tuple[str, ...], now: float) -> None:
    """Forget the ends that are kept under earlier spellings of a stream."""
    for each in earlier:
        if storage.streams.read(each) is not None:
            storage.streams.reopen(each, now)


def end_kept_earlier(
    storage: Storage, stream_id: str, earlier: tuple[str, ...], now: float
) -> Announcement | None:
    """The end that was announced under an earlier spelling of a stream, for its canonical id."""
    for each in earlier:
        event = storage.streams.read(each)
        if event is not None and event.is_end and event.expires_at > now:
            return replace(announcement_that_stands(event), stream_id=stream_id)
    return None
