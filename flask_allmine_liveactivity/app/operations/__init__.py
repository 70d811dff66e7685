"""What an operator does: for the command line, and for any other view of it.

Each takes the installation of one app and gives back a value that is whole and says its units. None
prints, asks or exits: that is the view's. They raise ``StorageUnavailable`` where the storage does
not answer, and ``ValueError`` where a stream id is none.
"""

from __future__ import annotations

from flask_allmine_liveactivity.app.operations.delivering import DeliveryRun, Progress, deliver
from flask_allmine_liveactivity.app.operations.ending import Reopened, end, reopen
from flask_allmine_liveactivity.app.operations.listing import (
    ListedSession,
    SessionPage,
    pages_of_sessions,
)
from flask_allmine_liveactivity.app.operations.owners import Forgotten, Released, forget, release
from flask_allmine_liveactivity.app.operations.phones import Phone, PhonesOfStream, why
from flask_allmine_liveactivity.app.operations.reporting import report
from flask_allmine_liveactivity.app.operations.resending import Resent, resend
from flask_allmine_liveactivity.app.operations.standing import Standing, status
from flask_allmine_liveactivity.app.operations.upkeep import (
    Checked,
    Purged,
    check,
    prepare,
    purge,
)

__all__ = [
    "Checked",
    "DeliveryRun",
    "Forgotten",
    "ListedSession",
    "Phone",
    "PhonesOfStream",
    "Progress",
    "Purged",
    "Released",
    "Reopened",
    "Resent",
    "SessionPage",
    "Standing",
    "check",
    "deliver",
    "end",
    "forget",
    "pages_of_sessions",
    "prepare",
    "purge",
    "release",
    "reopen",
    "report",
    "resend",
    "status",
    "why",
]
