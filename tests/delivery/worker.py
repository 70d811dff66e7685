"""A process that delivers until it is killed: ``worker.py FOLDER URL CA KEY``."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from flask_allmine_liveactivity.delivery import Delivery
from flask_allmine_liveactivity.dispatch.loop import deliver_until_stopped
from flask_allmine_liveactivity.fanout import Policy
from flask_allmine_liveactivity.parts import open_push, open_storage
from flask_allmine_liveactivity.settings import read_settings


def main(folder: str, url: str, ca: str, key: str) -> None:
    settings = read_settings(
        {
            "LIVE_ACTIVITY_STORAGE_URI": f"sqlite:///{folder}/live_activity.db",
            "LIVE_ACTIVITY_APNS_KEY": Path(key).read_text(),
            "LIVE_ACTIVITY_APNS_KEY_ID": "KEY1234567",
            "LIVE_ACTIVITY_APNS_TEAM_ID": "TEAM123456",
            "LIVE_ACTIVITY_APNS_BUNDLE_ID": "com.example.allmine",
            "LIVE_ACTIVITY_APNS_ENVIRONMENT": "sandbox",
            "LIVE_ACTIVITY_APNS_SERVER": url,
            "LIVE_ACTIVITY_APNS_CA": ca,
            "LIVE_ACTIVITY_LEASE": 1,
            "LIVE_ACTIVITY_SWEEP_INTERVAL": 0.2,
            "LIVE_ACTIVITY_BATCH_SIZE": 200,
        },
        push_given=False,
        lenient=False,
    )
    policy = Policy(
        lease=settings.lease,
        batch_size=settings.batch_size,
        sweep_interval=settings.sweep_interval,
    )
    delivery = Delivery(open_storage(settings, folder), open_push(settings), policy, time.time)
    deliver_until_stopped(delivery, threading.Event(), threading.Event(), settings.sweep_interval)


if __name__ == "__main__":
    main(*sys.argv[1:])
