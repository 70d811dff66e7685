"""``flask``, by a clock that is wrong: ``python -m faults.turned ...``.

It is off by as many seconds as the file ``FAULTS_CLOCK`` says, now: the clock can be turned while
the process runs. Only ``time.time`` is turned, before anything is loaded that could keep the right
one; the monotonic clock goes on, as a machine's does. libfaketime would turn C code's clock, too:
nothing there asks for the time of day, and it would have to be installed.
"""

from __future__ import annotations

import os
import runpy
import time
from pathlib import Path

_right = time.time


class Clock:
    """The time of day, off by what a file says."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self) -> float:
        return _right() + float(self._file.read_text())

    def turn(self, off: float) -> None:
        """Be off by so many seconds from now on, for all who go by this file."""
        new = self._file.with_suffix(".new")
        new.write_text(str(off))
        new.replace(self._file)


if __name__ == "__main__":
    time.time = Clock(Path(os.environ["FAULTS_CLOCK"]))
    runpy.run_module("flask", run_name="__main__", alter_sys=True)
