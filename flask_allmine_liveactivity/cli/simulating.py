"""The command that runs a local APNs. It needs neither an app nor its settings."""

from __future__ import annotations

import logging
import shlex
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import click

from flask_allmine_liveactivity.cli.group import live_activity_commands
from flask_allmine_liveactivity.cli.printing import with_the_time

FOLDER = Path(".live-activity-simulator")
# Apple's other port, and one that needs no rights.
PORT = 2197


@live_activity_commands.command("simulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: a free one."
)
@click.option(
    "--environment",
    type=click.Choice(["sandbox", "production"]),
    default="sandbox",
    show_default=True,
    help="Which of Apple's two environments to be.",
)
@click.option(
    "--bundle-id", default="com.example.allmine", show_default=True, help="The app to serve."
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Where certificate and key are kept, so that the settings stay valid.",
)
@click.option(
    "--strict", is_flag=True, help="Refuse provider tokens that a team renews within 20 minutes."
)
@click.option(
    "--reconnects",
    type=click.IntRange(1),
    metavar="N",
    help="Refuse an address that opens and closes N connections within a minute. Default: any.",
)
def simulator(
    host: str,
    port: int,
    environment: str,
    bundle_id: str,
    folder: Path,
    strict: bool,
    reconnects: int | None,
) -> None:
    """Run a local APNs: it checks and answers as Apple does, and says which rule was broken."""
    try:
        from flask_allmine_liveactivity.simulator.apns import TOKEN_UPDATES, LocalApns
    except ImportError as missing:
        raise click.ClickException(str(missing)) from None
    _log_to_terminal()
    try:
        _keep_out_of_git(folder)
        apns = LocalApns(
            host=host,
            port=port,
            environment=environment,
            bundle_id=bundle_id,
            certificate_folder=folder.resolve(),
            keep=0,
            token_updates=1 if strict else TOKEN_UPDATES,
            reconnects_a_minute=reconnects,
        )
    except OSError as error:
        raise click.ClickException(
            f"The folder {folder} cannot be used ({error.strerror}): choose another with --folder."
        ) from None
    try:
        apns.start()
    except OSError as error:
        raise click.ClickException(
            f"Port {port} of {host} cannot be used ({error.strerror}): choose another with --port, "
            "or another address with --host."
        ) from None
    stopped = _stopped_by_signal()
    settings = {**apns.settings, "LIVE_ACTIVITY_APNS_KEY": str(apns.key_file)}
    _say_how_to_use(settings)
    click.echo(f"A local APNs ({environment}) listens at {apns.url}. Stop it with Ctrl-C.")
    try:
        stopped.wait()
    finally:
        apns.stop()
    click.echo("Stopped.")


def _say_how_to_use(settings: Mapping[str, str]) -> None:
    click.echo("Settings for your app, in Python:\n")
    click.echo("app.config.update(")
    for key, value in settings.items():
        click.echo(f"    {key}={value!r},")
    click.echo(")\n\nor in the environment, for app.config.from_prefixed_env():\n")
    for key, value in settings.items():
        click.echo(f"export FLASK_{key}={shlex.quote(value)}")
    click.echo()


def _log_to_terminal() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(with_the_time("%(message)s"))
    log = logging.getLogger("flask_allmine_liveactivity.simulator")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def _keep_out_of_git(folder: Path) -> None:
    """There is a private key in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


def _stopped_by_signal() -> threading.Event:
    """What is set once the command is told to end, by Ctrl-C or by the system."""
    stopped = threading.Event()

    def stop(*_: object) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopped
