"""What runs while a local APNs does."""

from __future__ import annotations

import threading


def threads() -> set[threading.Thread]:
    """Those of any local APNs, by their names: those of earlier tests' apps come and go."""
    return {each for each in threading.enumerate() if each.name.startswith("local-apns-")}
