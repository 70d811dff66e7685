"""The reference page: the operation, a playground, samples and types, all served by the host."""

from __future__ import annotations

import json
from importlib import resources, util
from importlib.resources.abc import Traversable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, render_template

from flask_allmine_liveactivity.app.settings import Settings
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.openapi import warning
from flask_allmine_liveactivity.openapi.document import (
    endpoint,
    is_production,
    openapi_document,
    servers,
)
from flask_allmine_liveactivity.openapi.samples import LANGUAGES, sample
from flask_allmine_liveactivity.openapi.typescript import typescript

NAME = "live_activity_reference"
# Swagger UI, as this package on PyPI carries it: no page of ours asks anybody else for a file.
_RENDERER = "flask_openapi3_swagger"
_RENDERER_FILES = {
    "swagger-ui-bundle.js": ("js", "text/javascript"),
    "swagger-ui.css": ("css", "text/css"),
}


def mount_reference(app: Flask, settings: Settings) -> None:
    """Put the page on `app`: where the setting says, or in debug mode beside the endpoint.

    Raises:
        ConfigurationError: The setting is there, and what the page is made of is not installed.
    """
    path = settings.api_reference
    if path is None and app.debug and is_installed():
        path = f"{settings.url_prefix}/reference"
    if path is None:
        return
    if not is_installed():
        raise ConfigurationError(
            "LIVE_ACTIVITY_API_REFERENCE needs Swagger UI and apispec: "
            'pip install "flask-allmine-liveactivity[reference]"'
        )
    app.register_blueprint(_make_blueprint(settings), url_prefix=path)


def is_installed() -> bool:
    """Whether there is what the page is made of."""
    return all(util.find_spec(name) is not None for name in (_RENDERER, "apispec"))


def _make_blueprint(settings: Settings) -> Blueprint:
    blueprint = Blueprint(
        NAME,
        __name__,
        static_folder="static",
        static_url_path="/static",
        template_folder="templates",
    )

    @blueprint.get("", strict_slashes=False)
    def page() -> str:
        return render_template("live_activity_reference/page.html", **_shown(settings))

    @blueprint.get("/openapi.json")
    def document() -> Response:
        # Not jsonify, which sorts: a reader finds the fields in the contract's order.
        text = json.dumps(openapi_document(_app()), ensure_ascii=False)
        return Response(text, mimetype="application/json")

    @blueprint.get("/live-activity.ts")
    def types() -> Response:
        return Response(typescript(openapi_document(_app())), mimetype="text/plain")

    @blueprint.get("/renderer/<name>")
    def renderer(name: str) -> Response:
        if name not in _RENDERER_FILES:
            abort(404)
        folder, mimetype = _RENDERER_FILES[name]
        response = Response(_renderer_file(folder, name).read_bytes(), mimetype=mimetype)
        response.cache_control.max_age = 3600
        return response

    @blueprint.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _content_security_policy(settings)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return blueprint


def _app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def _shown(settings: Settings) -> dict[str, Any]:
    app = _app()
    url = endpoint(app, settings)
    production = [base for name, base in servers(app, settings).items() if is_production(name)]
    return {
        "english": warning.ENGLISH.replace("**", ""),
        "turkish": warning.TURKISH.replace("**", ""),
        "production": json.dumps(production),
        "samples": [(language, sample(language, url)) for language in LANGUAGES],
        "types": typescript(openapi_document(app)),
    }


def _renderer_file(folder: str, name: str) -> Traversable:
    return resources.files(_RENDERER).joinpath("templates", "swagger", folder, name)


def _content_security_policy(settings: Settings) -> str:
    urls = [urlsplit(url) for url in settings.api_servers.values()]
    origins = sorted({f"{url.scheme}://{url.netloc}" for url in urls if url.netloc})
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            # The renderer writes style attributes.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            " ".join(["connect-src 'self'", *origins]),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
