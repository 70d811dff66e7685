"""A small Allmine: users, scheduled streams, and their Live Activities.

It embeds the extension as any host would. ``python -m example_app`` runs it beside a local APNs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask_jwt_extended import JWTManager

from example_app.accounts import accounts
from example_app.activities import live_activity
from example_app.background import open_celery
from example_app.database import open_database
from example_app.streams import streams


def create_app(config: Mapping[str, Any] | None = None, **flask_options: Any) -> Flask:
    """Make the app.

    Args:
        config: Overrides the defaults; environment variables such as
            ``FLASK_LIVE_ACTIVITY_STORAGE_URI`` override both.
        flask_options: For ``Flask``, such as ``instance_path``.
    """
    app = Flask(__name__, **flask_options)
    app.config.update(JWT_SECRET_KEY="only for this example, never for production")
    app.config.update(config or {})
    app.config.from_prefixed_env()

    JWTManager(app)
    open_database(app)
    open_celery(app)
    live_activity.init_app(app)
    app.register_blueprint(accounts)
    app.register_blueprint(streams)
    return app
