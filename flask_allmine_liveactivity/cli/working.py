"""The command that delivers until it is told to stop: the worker."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator

import click
from flask import Flask, current_app

from flask_allmine_liveactivity.app.installation import current
from flask_allmine_liveactivity.cli.group import command
from flask_allmine_liveactivity.cli.printing import with_the_time
from flask_allmine_liveactivity.dispatch.asking import AskingThread
from flask_allmine_liveactivity.dispatch.loop import deliver_until_stopped
from flask_allmine_liveactivity.errors import StorageUnavailable

# How often a worker looks for what is due, in seconds: one index scan.
WORKER_INTERVAL = 1.0


@command("worker")
@click.option(
    "--metrics",
    "port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve Prometheus metrics at this port, at any path; 0: a free one.",
)
@click.option(
    "--metrics-host",
    "host",
    default="127.0.0.1",
    show_default=True,
    help="The address to serve them at; 0.0.0.0: to other machines, too.",
)
def worker(port: int | None, host: str) -> None:
    """Deliver until told to stop. At SIGTERM or SIGINT what is in flight is settled first."""
    installation = current()
    _log_to_terminal()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with contextlib.nullcontext() if port is None else _metrics(app, host, port):
        delivery = installation.parts.delivery
        wake, stopped = threading.Event(), threading.Event()

        def stop(*_: object) -> None:
            stopped.set()
            delivery.stop()
            wake.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        with contextlib.suppress(StorageUnavailable):  # that passes; a database that is wrong, not
            installation.storage.streams.due(time.time(), 1)
        click.echo("Delivering. Stop with SIGTERM or Ctrl-C.", err=True)
        interval = min(WORKER_INTERVAL, installation.settings.sweep_interval)
        questions = AskingThread(installation.asking) if installation.streams.is_asked else None
        deliver_until_stopped(delivery, wake, stopped, interval)
        if questions is not None:
            questions.end()
        installation.close()
    click.echo("Stopped; what was unsent has been given back.", err=True)


@contextlib.contextmanager
def _metrics(app: Flask, host: str, port: int) -> Iterator[None]:
    """Serve what this process does, in a registry of its own: the app may have measured itself."""
    # An extra: it is imported only where it is wanted, and says how it is installed.
    from flask_allmine_liveactivity.observability.prometheus import measure

    # Afterwards, since this import says nothing of the kind.
    from prometheus_client import CollectorRegistry, start_http_server  # isort: skip

    registry = CollectorRegistry()
    measure(app, registry)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise click.ClickException(
            f"Metrics cannot be served at port {port} of {host} ({error.strerror}): choose another "
            "with --metrics, or another address with --metrics-host."
        ) from None
    shown_host = f"[{host}]" if ":" in host else host
    click.echo(f"Metrics are at http://{shown_host}:{server.server_port}/metrics.", err=True)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _log_to_terminal() -> None:
    """Where the app has said nothing about logs: with the time, for a worker runs for long."""
    log = logging.getLogger("flask_allmine_liveactivity")
    if log.hasHandlers():
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(with_the_time("%(levelname)s  %(message)s"))
    log.addHandler(handler)
