"""All measurements in one run, side by side, written to ``docs/benchmarks.md``.

    python benchmarks [--quick] [--only fan_out,engines,...]

Each measurement is a process of its own; the sink has the last core. What is measured is kept in
``benchmarks/results.json``, one part at a time: ``--only`` makes a part anew and leaves the others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hosts import a_database
from late import WAYS
from latency import delayed
from machine import machine
from measure import measured
from report import write_report
from sink import Sink, sink
from updates import EVENTS

RESULTS = Path(__file__).parent / "results.json"
APNS2 = "12.2.0"

Row = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rounds: int
    audiences: tuple[int, ...]
    """Each measured once a round; those of over 100,000 once."""
    pushes: int
    """By those that send tens of thousands a second; the others send a tenth or less."""
    million: int
    registrations: int
    seconds: float
    """Of registrations for one stream."""
    streams: int
    """That the host is asked about."""
    updated: int
    """The audience of an update, or of an end beside it."""
    restless: float
    """How many seconds a stream changes each second."""


FULL = Sizes(
    2, (1_000, 10_000, 100_000, 1_000_000), 50_000, 1_000_000, 8_000, 10.0, 100_000, 200_000, 60.0
)
QUICK = Sizes(1, (1_000, 10_000), 10_000, 50_000, 2_000, 2.0, 5_000, 20_000, 20.0)
STORAGES = ("SQLite", "PostgreSQL", "MariaDB")

# How many seconds an answer takes to come back, and how many are in flight meanwhile: near the
# sink fewer are quicker for most, and for aioapns by far.
LATENCIES = {0.0: 500, 0.02: 1000, 0.1: 1000}
# By how much less a peer sends, so that each takes some seconds.
SHARES = {
    "ours": 1.0,
    "bare_libcurl": 1.0,
    "h2load": 2.0,
    "node_http2": 0.4,
    "npm_apns2": 0.2,
    "aioapns": 0.2,
    "httpx2": 0.02,
    "mopyapns": 0.01,
}


class Bench:
    """One run.

    Args:
        sizes: How much is measured.
        there: The sink.
        folder: For what is gone afterwards.
    """

    def __init__(self, sizes: Sizes, there: Sink, folder: str) -> None:
        self.sizes = sizes
        self.there = there
        self.folder = folder
        cores = sorted(os.sched_getaffinity(0))
        self.first, self.last = cores[0], cores[-1]

    def _to_sink(self) -> dict[str, str]:
        return {"url": self.there.url, "ca": self.there.ca}

    def fan_out(self) -> list[Row]:
        """(a) Whole fan-outs by storage and audience, and what bare loops reach meanwhile."""
        rows: list[Row] = []
        for audience in self.sizes.audiences:
            for _ in range(self.sizes.rounds if audience <= 100_000 else 1):
                for peer in ("bare_libcurl", "aioapns"):
                    count = int(min(audience, self.sizes.pushes) * SHARES[peer])
                    more = {"in_flight": 500} if peer == "aioapns" else {}
                    found = measured("engines", peer, **self._to_sink(), count=count, **more)
                    rows.append({"who": peer, "audience": audience, **found})
                for storage in STORAGES:
                    if storage == "MariaDB" and audience > 100_000:
                        continue  # to fill it takes a pool of 128 MB, the default, half an hour
                    with a_database(storage, self.folder) as uri:
                        if uri is None:
                            continue
                        measured("hosts", "filled", storage_uri=uri, count=audience)
                        found = measured("audience", "notified", storage_uri=uri)
                        told = {**self._to_sink(), "storage_uri": uri, "count": audience}
                        found |= measured("audience", "told", **told)
                        rows.append({"who": storage, "audience": audience, **found})
        return rows

    def engines(self) -> list[Row]:
        """(b) The engine alone beside others, near the sink and far from it."""
        rows: list[Row] = []
        package = self._npm_apns2()
        for seconds, in_flight in LATENCIES.items():
            with delayed(self.there.port, seconds, self.last) as port:
                for _ in range(self.sizes.rounds):
                    for who, share in SHARES.items():
                        # One after the other, each would take a whole answer's time.
                        alone = who == "mopyapns" and seconds
                        given: Row = {
                            "url": f"https://127.0.0.1:{port}",
                            "ca": self.there.ca,
                            "count": 100 if alone else int(self.sizes.pushes * share),
                        }
                        if who in ("aioapns", "node_http2", "npm_apns2"):
                            given["in_flight"] = in_flight
                        if who == "npm_apns2":
                            given["package"] = package
                        found = measured("engines", who, self.first, **given)
                        rows.append({"who": who, "latency": seconds, **found})
        return rows

    def _npm_apns2(self) -> str:
        folder = f"{self.folder}/npm"
        Path(folder).mkdir()
        install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        subprocess.run([*install, f"apns2@{APNS2}"], cwd=folder, check=True)
        return folder

    def endpoint(self) -> list[Row]:
        """(d) The endpoint under gunicorn beside a view by hand."""
        rows: list[Row] = []
        for _ in range(self.sizes.rounds):
            for storage in ("SQLite", "PostgreSQL"):
                for who, factory in (
                    ("ours", "endpoint:make_ours()"),
                    ("by_hand", "by_hand:make_app()"),
                ):
                    with a_database(storage, self.folder) as uri:
                        if uri is None:
                            continue
                        count = self.sizes.registrations
                        given = {"factory": factory, "storage_uri": uri, "count": count}
                        found = measured("endpoint", "registered", **given)
                        rows.append({"who": who, "storage": storage, **found})
        return rows

    def late(self) -> list[Row]:
        """Registrations for one hot stream: before its end, afterwards, and while it is told."""
        rows: list[Row] = []
        for _ in range(self.sizes.rounds):
            for storage in ("PostgreSQL", "SQLite"):
                for way in WAYS:
                    with a_database(storage, self.folder) as uri:
                        if uri is None:
                            continue
                        given = {"storage_uri": uri, "seconds": self.sizes.seconds, "way": way}
                        found = measured("late", "registered", **given)
                        rows.append({"storage": storage, "way": way, **found})
        return rows

    def beside_a_fan_out(self) -> list[Row]:
        """The endpoint while a large fan-out runs in the same process."""
        rows: list[Row] = []
        for storage in ("SQLite", "PostgreSQL"):
            with a_database(storage, self.folder) as uri, a_database(storage, self.folder) as other:
                if uri is None:
                    continue
                audience = self.sizes.million
                given = {**self._to_sink(), "storage_uri": uri, "other_uri": other}
                given["audience"] = audience
                found = measured("endpoint", "disturbed", **given)
                rows.append({"storage": storage, "audience": audience, **found})
        return rows

    def workers(self) -> list[Row]:
        """(e) One, two and four workers on one stream, near Apple and far from it."""
        rows: list[Row] = []
        for seconds in (0.0, 0.3):
            with delayed(self.there.port, seconds, self.last) as port:
                for _ in range(self.sizes.rounds):
                    for workers in (1, 2, 4):
                        with a_database("PostgreSQL", self.folder) as uri:
                            if uri is None:
                                continue
                            given = {
                                "storage_uri": uri,
                                "url": f"https://127.0.0.1:{port}",
                                "ca": self.there.ca,
                                "count": min(self.sizes.million, 100_000),
                                "workers": workers,
                            }
                            found = measured("crowds", "shared", **given)
                            rows.append({"workers": workers, "latency": seconds, **found})
        return rows

    def fairness(self) -> list[Row]:
        """How long ten phones wait while a large stream is being told."""
        rows: list[Row] = []
        for workers in (1, 2):
            for storage in ("SQLite", "PostgreSQL"):
                with a_database(storage, self.folder) as uri:
                    if uri is None:
                        continue
                    given = {**self._to_sink(), "storage_uri": uri, "workers": workers}
                    found = measured("crowds", "fair", count=self.sizes.million, **given)
                    rows.append({"storage": storage, "workers": workers, **found})
        return rows

    def questions(self) -> list[Row]:
        """Rounds of questions: the first, those that follow, and one beside a fan-out."""
        rows: list[Row] = []
        streams = self.sizes.streams
        audience = {"audience": self.sizes.updated}
        for storage in ("SQLite", "PostgreSQL"):
            for first, count in ((True, streams // 10), (False, streams)):
                with a_database(storage, self.folder) as uri:
                    if uri is None:
                        continue
                    found = measured(
                        "questions", "asked", storage_uri=uri, count=count, first=first
                    )
                    what = "first" if first else "next"
                    rows.append({"storage": storage, "what": what, **found})
            for what in ("fan-out", "both"):
                with a_database(storage, self.folder) as uri:
                    if uri is None:
                        continue
                    given = {**self._to_sink(), "storage_uri": uri, "count": streams, **audience}
                    found = measured("questions", "beside", **given, questions=what == "both")
                    rows.append({"storage": storage, "what": what, **audience, **found})
        return rows

    def updates(self) -> list[Row]:
        """Updates beside ends, of a stream that changes each second, and to who comes late."""
        rows: list[Row] = []
        count = self.sizes.updated
        measures: list[tuple[str, Row]] = [
            *(("told", {**self._to_sink(), "count": count, "event": event}) for event in EVENTS),
            ("restless", {**self._to_sink(), "count": count, "seconds": self.sizes.restless}),
            ("latecomer", {"count": 1_000}),
            ("latecomer", {"count": self.sizes.million}),
        ]
        for storage in ("SQLite", "PostgreSQL"):
            for what, given in measures:
                with a_database(storage, self.folder) as uri:
                    if uri is None:
                        continue
                    found = measured("updates", what, storage_uri=uri, **given)
                    event = {"event": given["event"]} if what == "told" else {}
                    rows.append(
                        {"storage": storage, "what": what, "count": count, **event, **found}
                    )
        return rows


PARTS: dict[str, Callable[[Bench], list[Row]]] = {
    "fan_out": Bench.fan_out,
    "engines": Bench.engines,
    "endpoint": Bench.endpoint,
    "late": Bench.late,
    "beside_a_fan_out": Bench.beside_a_fan_out,
    "workers": Bench.workers,
    "fairness": Bench.fairness,
    "questions": Bench.questions,
    "updates": Bench.updates,
}


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="little of each: does it run at all?")
    parser.add_argument("--only", default="", help=f"some of {','.join(PARTS)}")
    arguments = parser.parse_args()
    chosen = [part for part in arguments.only.split(",") if part] or list(PARTS)
    for part in chosen:
        if part not in PARTS:
            parser.error(f"{part!r} is none of {', '.join(PARTS)}")
    results: dict[str, Any] = {}
    if RESULTS.exists() and not arguments.quick:
        results = json.loads(RESULTS.read_text())
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, sink(cores[-1]) as there:
        bench = Bench(QUICK if arguments.quick else FULL, there, folder)
        for part in chosen:
            results[part] = {"rows": PARTS[part](bench), "machine": machine()}
            if not arguments.quick:
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    write_report(results, preview=arguments.quick)


if __name__ == "__main__":
    main()
