"""Scripts that announce with DELIVERY=thread and end: ``python -m faults.ending HOW``."""

from __future__ import annotations

import sys
import time

from flask_allmine_liveactivity import notify_stream_state

from .audience import STREAM
from .host import make_host


def main(how: str) -> None:
    with make_host().app_context():
        notify_stream_state(STREAM, "ready")
    if how == "ends at once":
        return
    print("announced", flush=True)
    # Until the test has seen some pushes, and stands in the way no longer.
    sys.stdin.readline()
    if how == "raises":
        raise RuntimeError("the script has failed")
    if how == "exits":
        sys.exit(3)
    if how == "is interrupted":
        for _ in range(600):
            # A signal that comes just before a long sleep would be seen to after it.
            time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1])
