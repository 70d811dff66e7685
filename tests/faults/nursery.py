"""Workers that are at work in a fifth of the time: children of one that has loaded everything.

That one has opened nothing, and runs nothing itself; each child runs the command as it is. Only
what a worker needs is imported here, for the children import this.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

NURSERY = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload(
    [
        "flask.cli",
        "flask_jwt_extended",
        "flask_limiter",  # where it is installed the `flask` command loads it
        "flask_allmine_liveactivity",
        "flask_allmine_liveactivity.cli",
        "flask_allmine_liveactivity.push.apns.client",
        "flask_allmine_liveactivity.storage.mongodb",
        "flask_allmine_liveactivity.storage.sql",
        "sqlalchemy.dialects.mysql.pymysql",
        "sqlalchemy.dialects.postgresql.psycopg",
        "psycopg",
        "pymysql",
    ]
)


def a_young_worker(config: dict[str, Any], output: Path, name: str) -> ForkServerProcess:
    """``flask live-activity worker``, started; PostgreSQL knows it by its name."""
    worker = NURSERY.Process(target=_work, args=(config, str(output), name), name=name)
    worker.start()
    return worker


def _work(config: dict[str, Any], output: str, name: str) -> None:
    import flask.cli

    file = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(Path(output).parent)
    os.environ.update(FAULTS_HOST=json.dumps(config), PGAPPNAME=name)
    sys.argv = ["flask", "--app", "faults.host:make_host", "live-activity", "worker"]
    flask.cli.main()
