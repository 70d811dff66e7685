"""A host with a Celery app, as its web processes and its workers see it.

``celery -A workers.host worker`` takes its settings from the environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from celery import Celery, Task
from flask import Flask
from flask_jwt_extended import JWTManager

from flask_allmine_liveactivity import LiveActivity, notify_stream_state

JWT_SECRET = "a secret of the tests, long enough for HS256"  # noqa: S105


def make_host(config: Mapping[str, Any], *, flask_task: bool, late_schedule: bool = False) -> Flask:
    """Make the host.

    Args:
        config: Of Flask; ``CELERY`` in it is Celery's.
        flask_task: Whether its tasks run in an app context, as Flask's documentation has it.
        late_schedule: Whether it sets its beat schedule when all else is done.
    """
    app = Flask("host")
    app.config.update(
        JWT_SECRET_KEY=JWT_SECRET,
        LIVE_ACTIVITY_DELIVERY="celery",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
    )
    app.config.update(config)

    class FlaskTask(Task):
        def __call__(self, *args: object, **kwargs: object) -> object:
            with app.app_context():
                return self.run(*args, **kwargs)

    celery = Celery("host", task_cls=FlaskTask if flask_task else Task)
    celery.config_from_object(app.config["CELERY"])
    app.extensions["celery"] = celery
    JWTManager(app)
    LiveActivity(app)

    @celery.task(name="host.cancel", shared=False)
    def cancel(stream_id: str) -> None:
        with app.app_context():
            notify_stream_state(stream_id, "cancelled")

    if late_schedule:
        celery.conf.beat_schedule = {"host.idle": {"task": "host.idle", "schedule": 3600.0}}
    return app


if "HOST_CONFIG" in os.environ:
    flask_app = make_host(**json.loads(os.environ["HOST_CONFIG"]))
    celery_app = flask_app.extensions["celery"]
