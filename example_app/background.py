"""The host's Celery app, for an installation on more than one machine: see ``deploy``."""

from __future__ import annotations

from typing import Any

from flask import Flask


def open_celery(app: Flask) -> None:
    """Make the Celery app that ``CELERY`` describes, where it does."""
    if "CELERY" not in app.config:
        return
    from celery import Celery, Task

    class FlaskTask(Task):  # type: ignore[misc]  # Celery is untyped
        """Runs in an app context, as Flask's documentation has it."""

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                return self.run(*args, **kwargs)

    celery = Celery(app.import_name, task_cls=FlaskTask)
    celery.config_from_object(app.config["CELERY"])
    celery.set_default()
    app.extensions["celery"] = celery
