"""Ids, and short names for what is secret."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Iterator


def fingerprint(secret: str) -> str:
    """A short name for a token that is safe to log: it can be compared, and not turned back."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


def new_id() -> str:
    """An id for a row or a claim: 32 hex digits."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def new_apns_ids() -> Iterator[str]:
    """Endless values of ``apns-id``, which Apple echoes: UUIDs of version 4 in canonical form.

    72 bits are drawn once, the last group counts: drawing each takes several times as long.
    """
    digits = os.urandom(9).hex()
    random = f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:]}"
    return (f"{random}-{number:012x}" for number in itertools.count())
