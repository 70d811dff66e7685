"""What a Celery worker loads: ``celery -A example_app.worker worker --beat``."""

from __future__ import annotations

from example_app import create_app

flask_app = create_app()
celery_app = flask_app.extensions["celery"]
