"""The OpenAPI 3.1 document of the blueprint, made from the schema that validates its requests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from flask import Flask, has_request_context, request

from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.app.settings import Settings
from flask_allmine_liveactivity.blueprint.routes import SESSIONS
from flask_allmine_liveactivity.blueprint.schema import SessionSchema
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.openapi.answers import (
    FAILURES,
    REGISTERED_SCHEMA,
    conflict_schema,
    example,
    failure_schema,
)
from flask_allmine_liveactivity.openapi.samples import LANGUAGES, sample
from flask_allmine_liveactivity.openapi.warning import DEVELOPMENT, PRODUCTION, above_the_operation

OPERATION = "registerLiveActivitySession"
TAG = "Notifications"
SESSION, REGISTERED, FAILURE, CONFLICT = (
    "LiveActivitySession",
    "LiveActivitySessionRegistered",
    "Failure",
    "Conflict",
)

_DESCRIPTION = """\
After a remote start iOS gives the app a push token for that one Live Activity. Register it here,
so that the activity gets its **end push** when the stream is `cancelled`, `ready`, `started` or
`expired`.

Call it whenever `pushTokenUpdates` gives a token, and again when the app is opened and the
activity is still there. The same call again changes nothing; a new token for the same activity
replaces the old one. Fields that are not described here are ignored."""

# What Python's regular expressions have and those of JSON Schema (ECMA 262) have not.
_ONLY_PYTHON = re.compile(r"\(\?[aiLmsux-]+[:)]|\(\?P|\(\?\(|\(\?#|\(\?>|\\[AZz]|[*+?}]\+")


def openapi_document(app: Flask) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the endpoint on `app`, as JSON values.

    A host merges ``paths`` and ``components`` into a document of its own.

    Raises:
        ConfigurationError: The extension is not installed on `app`, or apispec is not installed.

    .. versionadded:: 0.1.0
    """
    settings = installed_on(app).settings
    spec_class, plugin_class = _apispec()
    spec = spec_class(
        title="Live Activity notifications",
        version=version("flask-allmine-liveactivity"),
        openapi_version="3.1.0",
        info={
            "description": "Registers iOS Live Activities, so that they end with their stream.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        servers=[{"url": url, "description": name} for name, url in servers(app, settings).items()],
        tags=[{"name": TAG, "description": "Push notifications and Live Activities."}],
        plugins=[plugin_class()],
    )
    schema = SessionSchema(settings.stream_id_pattern, settings.token_pattern)
    spec.components.schema(SESSION, schema=schema)
    spec.components.schema(REGISTERED, dict(REGISTERED_SCHEMA))
    spec.components.schema(FAILURE, failure_schema())
    spec.components.schema(CONFLICT, conflict_schema())
    spec.components.security_scheme(
        "bearerAuth",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A JWT access token. Paste it alone, without the prefix `Bearer`.",
        },
    )
    url = endpoint(app, settings)
    spec.path(path=path(settings), operations={"post": _operation(url)})
    document: dict[str, Any] = spec.to_dict()
    _add_patterns(document["components"]["schemas"][SESSION]["properties"], schema.patterns)
    return document


def path(settings: Settings) -> str:
    """The endpoint's path on its server."""
    return f"{settings.url_prefix}{SESSIONS}"


def servers(app: Flask, settings: Settings) -> Mapping[str, str]:
    """Base URLs by name; without a setting, the server that is asked."""
    if settings.api_servers:
        return settings.api_servers
    here = (request.script_root if has_request_context() else "") or "/"
    return {DEVELOPMENT if app.debug else PRODUCTION: here}


def is_production(name: str) -> bool:
    """Whether a server of this name is one that real users are on."""
    return PRODUCTION.lower() in name.lower()


def endpoint(app: Flask, settings: Settings) -> str:
    """The URL that samples show: not that of production, where there is another."""
    known = servers(app, settings)
    for_tests = [url for name, url in known.items() if not is_production(name)]
    base = (for_tests or list(known.values()))[0].rstrip("/")
    host = request.host_url.rstrip("/") if has_request_context() else "http://127.0.0.1:5000"
    return f"{base if '://' in base else host + base}{path(settings)}"


def _operation(url: str) -> dict[str, Any]:
    return {
        "operationId": OPERATION,
        "tags": [TAG],
        "summary": "Register a Live Activity's push token",
        "description": f"{above_the_operation()}\n\n{_DESCRIPTION}",
        "security": [{"bearerAuth": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _of(SESSION), "example": _example_session()}
            },
        },
        "responses": {
            "200": {
                "description": "Registered, now or before.",
                "content": {
                    "application/json": {"schema": _of(REGISTERED), "example": {"success": True}}
                },
            },
            **{str(status): _failure(status) for status in FAILURES},
        },
        "x-codeSamples": [
            {"lang": language.name, "label": language.label, "source": sample(language, url)}
            for language in LANGUAGES
        ],
    }


def _of(schema: str) -> dict[str, str]:
    """A reference to one of our schemas: by its name alone apispec would take the host's, where
    marshmallow knows one of that name."""
    return {"$ref": f"#/components/schemas/{schema}"}


def _example_session() -> dict[str, Any]:
    """What must be sent, in the contract's order, which renderers keep."""
    fields = SessionSchema._declared_fields.values()
    return {str(field.data_key): field.metadata["example"] for field in fields if field.required}


def _failure(status: int) -> dict[str, Any]:
    schema = CONFLICT if status == 409 else FAILURE
    answer: dict[str, Any] = {
        "description": FAILURES[status].when,
        "content": {"application/json": {"schema": _of(schema), "example": example(status)}},
    }
    if status == 401:
        answer["headers"] = {
            "WWW-Authenticate": {
                "description": "`Bearer`: the way to authenticate.",
                "schema": {"type": "string"},
            }
        }
    return answer


def _add_patterns(
    properties: dict[str, dict[str, Any]], patterns: Mapping[str, Sequence[re.Pattern[str]]]
) -> None:
    for name, described in properties.items():
        known = dict.fromkeys(each.pattern for each in patterns.get(name, ()) if _others_read(each))
        whole = [rf"^(?:{pattern})$" for pattern in known]
        if len(whole) == 1:
            described["pattern"] = whole[0]
        elif whole:
            described["allOf"] = [{"pattern": pattern} for pattern in whole]


def _others_read(pattern: re.Pattern[str]) -> bool:
    """Whether it means the same without Python and without its flags."""
    return not pattern.flags & ~re.UNICODE and not _ONLY_PYTHON.search(pattern.pattern)


def _apispec() -> tuple[Any, Any]:
    try:
        from apispec import APISpec
        from apispec.ext.marshmallow import MarshmallowPlugin
    except ImportError:
        raise ConfigurationError(
            'apispec is not installed: pip install "flask-allmine-liveactivity[openapi]"'
        ) from None
    return APISpec, MarshmallowPlugin
