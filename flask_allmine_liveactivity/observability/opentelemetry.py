"""Spans for OpenTelemetry, from the signals.

    from flask_allmine_liveactivity.observability.opentelemetry import trace
    trace(app)

A span marks a moment, within whatever span is current: a registration, an end and an update lie
within that of their request; a batch, and what was found by asking, in a trace of its own.

.. versionadded:: 0.1.0
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Flask

from flask_allmine_liveactivity.app.installation import EXTENSION, installed_on
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model.settled import Settled
from flask_allmine_liveactivity.signals import (
    pushes_settled,
    session_registered,
    stream_ended,
    stream_updated,
)

try:
    from opentelemetry.trace import Tracer, TracerProvider, get_tracer
except ImportError:
    raise ConfigurationError(
        'opentelemetry is not installed: pip install "flask-allmine-liveactivity[opentelemetry]"'
    ) from None


def trace(app: Flask, provider: TracerProvider | None = None) -> None:
    """Trace `app`; once for each app.

    Args:
        app: With the extension installed.
        provider: Where spans go; the default is the global one.

    Raises:
        ConfigurationError: The extension is not installed on `app`.

    .. versionadded:: 0.1.0
    """
    installed_on(app)
    spans = _Spans(get_tracer("flask_allmine_liveactivity", tracer_provider=provider))
    app.extensions[f"{EXTENSION}_spans"] = spans  # which holds it: the signals do not
    session_registered.connect(spans.registered, app)
    stream_ended.connect(spans.ended, app)
    stream_updated.connect(spans.updated, app)
    pushes_settled.connect(spans.settled, app)


class _Spans:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def registered(self, _app: Flask, *, stream_id: str, answer: str, fingerprint: str) -> None:
        self._mark(
            "live_activity.session_registered",
            stream_id=stream_id,
            answer=answer,
            token_fingerprint=fingerprint,
        )

    def ended(
        self, _app: Flask, *, stream_id: str, state: Any, revision: int, source: str | None
    ) -> None:
        self._mark(
            "live_activity.stream_ended",
            stream_id=stream_id,
            state=str(state),
            revision=revision,
            source=source or "",
        )

    def updated(self, _app: Flask, *, stream_id: str, revision: int, priority: int | None) -> None:
        self._mark(
            "live_activity.stream_updated",
            stream_id=stream_id,
            revision=revision,
            priority=priority or 0,
        )

    def settled(self, _app: Flask, *, settled: Sequence[Settled]) -> None:
        with self._tracer.start_as_current_span("live_activity.pushes_settled") as span:
            span.set_attribute("live_activity.count", sum(each.count for each in settled))
            for each in settled:
                span.add_event(
                    each.outcome,
                    {
                        "live_activity.stream_id": each.stream_id,
                        "live_activity.count": each.count,
                        "live_activity.reason": each.reason or "",
                        "live_activity.token_fingerprints": each.fingerprints,
                    },
                )

    def _mark(self, name: str, **what: str | int) -> None:
        attributes = {f"live_activity.{key}": value for key, value in what.items()}
        self._tracer.start_span(name, attributes=attributes).end()
