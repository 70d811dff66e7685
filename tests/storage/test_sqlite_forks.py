"""A process that forks while its SQLite storage is in use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

HEADER = """
import os, sys, threading, time
from flask_allmine_liveactivity.testing.storage_contract.records import a_session, keep
from storage.opening import open_storage

uri = sys.argv[1]
mine = open_storage(uri)

def keep_in(storage, name):
    keep(storage, session_id=name, token=name, identity=name, activity_lock=name, user_id=name)

def names():
    return sorted(row.user_id for row in open_storage(uri).sessions.page(limit=100_000))
"""

PARENT_ENDS_FIRST = """
keep_in(mine, "parent")
told, tell = os.pipe()
closed, close = os.pipe()
child = os.fork()
if not child:
    theirs = open_storage(uri)
    keep_in(theirs, "child-1")
    os.write(tell, b".")
    os.read(closed, 1)
    keep_in(theirs, "child-2")
    os._exit(0)
os.read(told, 1)
mine.close()  # its last connection: SQLite would tidy up if nobody else used the file
os.write(close, b".")
assert os.waitpid(child, 0)[1] == 0
assert names() == ["child-1", "child-2", "parent"], names()
"""

IN_THE_MIDST = """
keep_in(mine, "parent")
ended = threading.Event()

def work():
    number = 0
    while not ended.is_set():
        keep_in(mine, f"parent-{number}")
        number += 1

threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for child in range(10):
    time.sleep(0.01)
    if not os.fork():
        keep_in(open_storage(uri), f"child-{child}")
        os._exit(0)
assert [os.wait()[1] for _ in range(10)] == [0] * 10
ended.set()
for thread in threads:
    thread.join()
assert len([name for name in names() if name.startswith("child")]) == 10
"""

IN_ITS_OWN_TRANSACTION = """
from flask_allmine_liveactivity.storage.sql import forks
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution

forks.LONGEST_WAIT = 0.1

def fork(met):
    if not os.fork():
        os._exit(0)
    return Resolution(outcome=Outcome.CONFLICT, write=None)

mine.sessions.register(a_session(), fork)
assert os.wait()[1] == 0
keep_in(mine, "parent")
assert names() == ["parent"], names()
"""


@pytest.mark.parametrize(
    "script",
    [PARENT_ENDS_FIRST, IN_THE_MIDST, IN_ITS_OWN_TRANSACTION],
    ids=["loses nothing of the child's", "lets it write", "does not wait for itself"],
)
def test_a_fork(script: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEADER + script, f"sqlite:///{tmp_path}/live_activity.db"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
            ),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
