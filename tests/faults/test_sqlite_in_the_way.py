"""A SQLite file that another process has locked, or that may not be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import services

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.simulator import LocalApns

from .audience import until
from .midst import the_midst_of_a_fan_out
from .phoning import register_in_process
from .processes import settings_of

PHONES = 400

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""

IMPATIENT = {"connect_args": {"timeout": 2.0}}


def test_another_process_that_holds_the_lock_for_longer_than_anybody_waits(
    slow_apns: LocalApns, tmp_path: Path
) -> None:
    file = tmp_path / "live_activity.db"
    uri = f"sqlite:///{file}"
    config = settings_of(uri, slow_apns.settings, LIVE_ACTIVITY_STORAGE_OPTIONS=IMPATIENT)
    with (
        the_midst_of_a_fan_out(uri, slow_apns, tmp_path, phones=PHONES, options=IMPATIENT) as midst,
        subprocess.Popen(
            [sys.executable, "-c", LOCK, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other,
    ):
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        assert midst.audience.pending
        with pytest.raises(StorageUnavailable, match="write lock for too long"):
            midst.audience.register(PHONES)
        assert register_in_process(config, 1) == 503
        assert until(lambda: "write lock for too long" in midst.log.read_text(), 20)
        other.communicate()
        assert register_in_process(config, 2) == 200


def test_a_folder_that_becomes_read_only(slow_apns: LocalApns, tmp_path: Path) -> None:
    wrapper: tuple[str, ...] = ()
    if os.geteuid() == 0:  # who else may write what nobody may
        services.require(
            shutil.which("setpriv") is not None,
            "A root without rights",
            "apt-get install util-linux, or do not run as root.",
        )
        wrapper = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-all")
    folder = tmp_path / "instance"
    folder.mkdir()
    uri = f"sqlite:///{folder}/live_activity.db"
    # Each call opens the file anew: what is open already may still be written.
    options = {"pool_recycle": 0}
    with the_midst_of_a_fan_out(
        uri, slow_apns, tmp_path, *wrapper, phones=PHONES, options=options
    ) as midst:
        for each in (*folder.iterdir(), folder):
            each.chmod(0o500 if each.is_dir() else 0o400)
        assert until(lambda: "delivery waits" in midst.log.read_text(), 20)
        assert "readonly" in midst.log.read_text()
        for each in (folder, *folder.iterdir()):
            each.chmod(0o700 if each.is_dir() else 0o600)
