"""The host's Flask-JWT-Extended."""

from __future__ import annotations

from flask import current_app

from flask_allmine_liveactivity.errors import ConfigurationError


def require_jwt_manager() -> None:
    """Raise ``ConfigurationError`` where the host has not set up Flask-JWT-Extended."""
    if "flask-jwt-extended" not in current_app.extensions:
        raise ConfigurationError(
            "Live Activity sessions are registered with a JWT, and this app has no JWTManager: "
            "call JWTManager(app), with JWT_SECRET_KEY set (Flask-JWT-Extended)."
        )
