"""The server side of an iOS Live Activity, for Flask: register, and never lose an end push."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from flask_allmine_liveactivity.errors import (
    ConfigurationError,
    LiveActivityError,
    PayloadTooLarge,
    SchemaUnusable,
    StorageUnavailable,
    StreamForbidden,
    StreamNotFound,
)
from flask_allmine_liveactivity.extension.live_activity import LiveActivity, notify_stream_state
from flask_allmine_liveactivity.model import (
    Announcement,
    Counts,
    Decide,
    DeliveryReport,
    Push,
    PushResult,
    Session,
    SessionStatus,
    Settlement,
    StreamEvent,
    StreamState,
    Verdict,
)
from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.model.report import StreamReceipt, StreamReport
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution, Resolve
from flask_allmine_liveactivity.storage.sessions import Sessions
from flask_allmine_liveactivity.storage.streams import Streams

if TYPE_CHECKING:
    from flask_allmine_liveactivity.push.apns2 import Apns2Push
    from flask_allmine_liveactivity.push.console import ConsolePush
    from flask_allmine_liveactivity.push.memory import MemoryPush
    from flask_allmine_liveactivity.storage.memory import MemoryStorage
    from flask_allmine_liveactivity.storage.mongodb import MongoStorage
    from flask_allmine_liveactivity.storage.sql import SQLStorage

__version__ = "0.1.0"

__all__ = [
    "Announcement",
    "Apns2Push",
    "ConfigurationError",
    "ConsolePush",
    "Countdown",
    "Counts",
    "Decide",
    "DeliveryReport",
    "LiveActivity",
    "LiveActivityError",
    "MemoryPush",
    "MemoryStorage",
    "MongoStorage",
    "Outcome",
    "PayloadTooLarge",
    "Push",
    "PushBackend",
    "PushResult",
    "Resolution",
    "Resolve",
    "SQLStorage",
    "SchemaUnusable",
    "Session",
    "SessionStatus",
    "Sessions",
    "Settlement",
    "Storage",
    "StorageUnavailable",
    "StreamEvent",
    "StreamForbidden",
    "StreamNotFound",
    "StreamReceipt",
    "StreamReport",
    "StreamState",
    "Streams",
    "Verdict",
    "__version__",
    "notify_stream_state",
]

# A backend that is not used costs no import of its driver.
_BACKENDS = {
    "Apns2Push": "push.apns2",
    "ConsolePush": "push.console",
    "MemoryPush": "push.memory",
    "MemoryStorage": "storage.memory",
    "MongoStorage": "storage.mongodb",
    "SQLStorage": "storage.sql",
}


def __getattr__(name: str) -> Any:
    if name in _BACKENDS:
        return getattr(import_module(f"{__name__}.{_BACKENDS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
