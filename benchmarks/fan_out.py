"""The whole fan-out on SQLite beside the bare send loop of aioapns, on the same cores, in one run.

    python benchmarks/fan_out.py [--sessions 50000] [--rounds 3]

Each measurement is a process of its own, pinned to one core; the sink has the other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from sink import sink

from flask_allmine_liveactivity import LiveActivity, notify_stream_state
from flask_allmine_liveactivity.installation import Installation
from flask_allmine_liveactivity.registration import Claimant
from flask_allmine_liveactivity.storage.base import as_row
from flask_allmine_liveactivity.storage.sql import sessions

STREAM = "65f000000000000000000001"
BUNDLE = "com.example.allmine"


def main() -> None:
    """Run the peers in turn and print the ratios."""
    arguments = _arguments()
    if arguments.measure is not None:
        print(json.dumps(MEASURES[arguments.measure](arguments)))
        return
    cores = sorted(os.sched_getaffinity(0))
    with sink(cores[-1]) as there:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in MEASURES}
        for _ in range(arguments.rounds):
            for name in MEASURES:
                found[name].append(_measured(name, arguments, there.url, there.ca, cores[0]))
                print(name, found[name][-1], file=sys.stderr)
    ours, theirs = (
        statistics.median(row["per_second"] for row in found[name])
        for name in ("fan_out", "aioapns")
    )
    print(f"fan-out of {arguments.sessions} on SQLite: {ours:8.0f} pushes/s")
    print(f"aioapns, bare send loop:       {theirs:8.0f} pushes/s")
    print(f"ratio:                         {ours / theirs:8.1f}")
    small = statistics.median(row["resident_mb"] for row in found["fan_out_of_1000"])
    large = statistics.median(row["resident_mb"] for row in found["fan_out"])
    print(f"resident memory: {small:.0f} MB at 1,000, {large:.0f} MB at {arguments.sessions}")


def _measured(
    name: str, arguments: argparse.Namespace, url: str, ca: str, core: int
) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", name, "--url", url, "--ca", ca]
    output = subprocess.run(
        [*command, "--sessions", str(arguments.sessions)],
        check=True,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    ).stdout
    result: dict[str, float] = json.loads(output)
    return result


def _fan_out(arguments: argparse.Namespace) -> dict[str, float]:
    return _fan_out_of(arguments.sessions, arguments)


def _fan_out_of_1000(arguments: argparse.Namespace) -> dict[str, float]:
    return _fan_out_of(1000, arguments)


def _fan_out_of(count: int, arguments: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        app = Flask(__name__, instance_path=folder)
        app.config.update(
            LIVE_ACTIVITY_DELIVERY="inline",
            LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
            LIVE_ACTIVITY_APNS_KEY=_key(),
            LIVE_ACTIVITY_APNS_KEY_ID="KEY1234567",
            LIVE_ACTIVITY_APNS_TEAM_ID="TEAM123456",
            LIVE_ACTIVITY_APNS_BUNDLE_ID=BUNDLE,
            LIVE_ACTIVITY_APNS_ENVIRONMENT="sandbox",
            LIVE_ACTIVITY_APNS_SERVER=arguments.url,
            LIVE_ACTIVITY_APNS_CA=arguments.ca,
        )
        LiveActivity(app)
        installation = app.extensions["live_activity"]
        _fill(installation, count)
        with app.app_context():
            began = time.perf_counter()
            report = notify_stream_state(STREAM, "ready")
            seconds = time.perf_counter() - began
        assert report.delivered == count, report
        installation.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"per_second": count / seconds, "resident_mb": peak}


def _fill(installation: Installation, count: int) -> None:
    storage: Any = installation.storage
    storage.prepare()
    now = time.time()
    for begin in range(0, count, 1000):
        rows = [
            as_row(
                Claimant(
                    user_id=f"user-{number}",
                    device_id="iphone",
                    activity_id=f"activity-{number}",
                    stream_id=STREAM,
                    token=_token(number),
                ).session(now, 12 * 3600.0)
            )
            for number in range(begin, min(begin + 1000, count))
        ]
        storage._transactions.write(
            lambda connection, rows=rows: connection.execute(sessions.insert(), rows)
        )


def _aioapns(arguments: argparse.Namespace) -> dict[str, float]:
    from aioapns import APNs, NotificationRequest, PushType

    count = min(arguments.sessions, 10_000)

    async def run() -> float:
        host, _, port = arguments.url.removeprefix("https://").partition(":")
        context = ssl.create_default_context(cafile=arguments.ca)
        context.set_alpn_protocols(["h2"])
        apns = APNs(
            key=_key(),
            key_id="KEY1234567",
            team_id="TEAM123456",
            topic=f"{BUNDLE}.push-type.liveactivity",
            ssl_context=context,
            max_connections=1,
        )
        protocol: Any = apns.pool.protocol_class  # type: ignore[attr-defined]
        protocol.APNS_SERVER, protocol.APNS_PORT = host, int(port)
        aps = {"aps": {"timestamp": int(time.time()), "event": "end", "dismissal-date": 1}}
        room = asyncio.Semaphore(500)

        async def send(number: int) -> None:
            async with room:
                answer = await apns.send_notification(
                    NotificationRequest(
                        device_token=_token(number),
                        message=aps,
                        push_type=PushType.LIVEACTIVITY,
                        priority=10,
                    )
                )
                assert answer.is_successful

        await send(0)
        began = time.perf_counter()
        await asyncio.gather(*(send(number) for number in range(count)))
        return count / (time.perf_counter() - began)

    return {"per_second": asyncio.run(run())}


MEASURES = {"fan_out_of_1000": _fan_out_of_1000, "fan_out": _fan_out, "aioapns": _aioapns}


def _token(number: int) -> str:
    return f"{number:0160x}"


def _key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sessions", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--ca", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
