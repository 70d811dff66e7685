"""What a host has pushed, as any browser can read it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# Of objects and lists in each other. Python reads nearly a thousand, and may then be unable to
# write them, or to compare them, where the stack is higher.
DEEPEST = 64
TOO_DEEP = "…"


def showable(value: Any, levels: int = DEEPEST) -> Any:
    """The same without what is no JSON, or so deep that it would break the page for all.

    ``NaN`` and ``Infinity``, which Python takes for numbers, become their names.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        if levels == 0:
            return TOO_DEEP
        return {str(key): showable(inner, levels - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [showable(inner, levels - 1) for inner in value] if levels else TOO_DEEP
    return value
