"""One measurement, in a process of its own: ``python benchmarks/measure.py MODULE NAME JSON``."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def measured(module: str, name: str, core: int | None = None, **given: Any) -> dict[str, Any]:
    """Make a measurement in another process, on one core of its own or wherever there is room.

    Raises:
        subprocess.CalledProcessError: It failed, and has said why.
    """
    done = subprocess.run(
        [sys.executable, str(HERE / "measure.py"), module, name, json.dumps(given)],
        check=True,
        stdout=subprocess.PIPE,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{module} {name} {_shown(given)}: {result}", file=sys.stderr, flush=True)
    return result


def _shown(given: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in given.items() if key not in ("url", "ca"))


if __name__ == "__main__":
    module, name, given = sys.argv[1:]
    print(json.dumps(importlib.import_module(module).MEASURES[name](**json.loads(given))))
