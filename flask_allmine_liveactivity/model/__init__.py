"""The records that say what should be and what is, and the values that pass between the floors.

All are values, which nobody changes; those of which one is made for each push are not frozen, since
setting the fields of a frozen one takes ten times as long.
"""

from __future__ import annotations

from flask_allmine_liveactivity.model.ids import fingerprint, new_apns_ids, new_id
from flask_allmine_liveactivity.model.push import Push, PushResult, Verdict
from flask_allmine_liveactivity.model.report import Counts, DeliveryReport
from flask_allmine_liveactivity.model.session import Session, SessionStatus
from flask_allmine_liveactivity.model.settlement import Settlement
from flask_allmine_liveactivity.model.stream import (
    END,
    KINDS,
    UPDATE,
    Announcement,
    StreamEvent,
    StreamState,
    no_answer,
)
from flask_allmine_liveactivity.model.stream_writes import Decide, next_event
from flask_allmine_liveactivity.model.times import DUE_NOW, NEVER, newly_due

__all__ = [
    "DUE_NOW",
    "END",
    "KINDS",
    "NEVER",
    "UPDATE",
    "Announcement",
    "Counts",
    "Decide",
    "DeliveryReport",
    "Push",
    "PushResult",
    "Session",
    "SessionStatus",
    "Settlement",
    "StreamEvent",
    "StreamState",
    "Verdict",
    "fingerprint",
    "new_apns_ids",
    "new_id",
    "newly_due",
    "next_event",
    "no_answer",
]
