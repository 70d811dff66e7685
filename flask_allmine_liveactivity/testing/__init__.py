"""For the tests of those who use the package, and of those who write backends for it.

``StorageContract`` and ``PushContract`` need pytest; the rest does not.

.. versionadded:: 0.1.0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from flask_allmine_liveactivity.model.content_state import ContentState
from flask_allmine_liveactivity.testing.asking import ask_now
from flask_allmine_liveactivity.testing.capture import capture_pushes
from flask_allmine_liveactivity.testing.content_state import (
    ContentStateMismatch,
    check_content_state,
)
from flask_allmine_liveactivity.testing.delivering import Delivered, deliver_now
from flask_allmine_liveactivity.testing.outbox import Outbox, SentPush

if TYPE_CHECKING:
    from flask_allmine_liveactivity.testing.push_contract import PushContract, PushVerdicts
    from flask_allmine_liveactivity.testing.storage_contract import (
        ProcessConcurrency,
        StorageContract,
        ThreadConcurrency,
    )

__all__ = [
    "ContentState",
    "ContentStateMismatch",
    "Delivered",
    "Outbox",
    "ProcessConcurrency",
    "PushContract",
    "PushVerdicts",
    "SentPush",
    "StorageContract",
    "ThreadConcurrency",
    "ask_now",
    "capture_pushes",
    "check_content_state",
    "deliver_now",
]

# Whoever only catches pushes, perhaps in a unittest.TestCase, needs no pytest.
_CONTRACTS = {
    "ProcessConcurrency": "storage_contract",
    "PushContract": "push_contract",
    "PushVerdicts": "push_contract",
    "StorageContract": "storage_contract",
    "ThreadConcurrency": "storage_contract",
}


def __getattr__(name: str) -> Any:
    if name in _CONTRACTS:
        return getattr(import_module(f"{__name__}.{_CONTRACTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
