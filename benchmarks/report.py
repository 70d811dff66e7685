"""What was measured as tables and a plot: the part between two marks of ``docs/benchmarks.md``."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from late import WAYS
from plot import draw
from updates import EVENTS

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- measured: made by `make bench` -->", "<!-- /measured -->"

Row = dict[str, Any]
NAMES = {
    "ours": "**this package**",
    "bare_libcurl": "bare libcurl (pycurl)",
    "node_http2": "node `http2`",
    "npm_apns2": "npm `apns2`",
    "httpx2": "`httpx2`",
    "aioapns": "`aioapns`",
    "mopyapns": "`mopyapns`, one by one",
    "h2load": "h2load (C)",
}
NAMES_OF_ROUNDS = {"first": "the first round", "next": "those that follow"}


def write_report(results: dict[str, Any], *, preview: bool) -> None:
    """Put the tables into the document, or print them."""
    parts = [table(results[part]["rows"]) for part, table in TABLES.items() if part in results]
    measured = "\n".join([_machines(results), *parts])
    if preview:
        print(measured)
        return
    document = DOCS / "benchmarks.md"
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n\n{measured}\n{END}{after}")
    if "fan_out" in results and "engines" in results:
        draw(results["fan_out"]["rows"], results["engines"]["rows"], DOCS / "benchmarks.svg")


def median(rows: Iterable[Row], figure: str, **where: Any) -> float | None:
    """The median of a figure over the rows that are so; ``None``: there are none."""
    found = [
        row[figure]
        for row in rows
        if figure in row and all(row.get(key) == value for key, value in where.items())
    ]
    return statistics.median(found) if found else None


def _distinct(rows: Sequence[Row], key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _ratio(value: float | None, to: float | None) -> str:
    return "" if value is None or not to else f"{value / to:.2f}"


def _machines(results: dict[str, Any]) -> str:
    said = dict.fromkeys(
        ", ".join(f"{name} {version}" for name, version in part["machine"].items())
        for part in results.values()
    )
    return "Measured on: " + "; and on: ".join(said) + ".\n"


def _fan_out(rows: Sequence[Row]) -> str:
    def line(audience: int, storage: str) -> list[str]:
        of = {"audience": audience}
        ours = median(rows, "per_second", who=storage, **of)
        return [
            f"{storage}, {audience:,}",
            _number(ours),
            _ratio(ours, median(rows, "per_second", who="bare_libcurl", **of)),
            _ratio(ours, median(rows, "per_second", who="aioapns", **of)),
            _number(median(rows, "cpu_microseconds", who=storage, **of)),
            _number(median(rows, "peak_mb", who=storage, **of)),
            _number(median(rows, "milliseconds", who=storage, **of), 2),
        ]

    storages = [who for who in _distinct(rows, "who") if who not in NAMES]
    head = [
        "storage, audience", "pushes/s", "of bare libcurl", "of `aioapns`",
        "own CPU, us a push", "peak memory, MB", "`notify_stream_state`, ms",
    ]  # fmt: skip
    body = [
        line(audience, who)
        for who in storages
        for audience in _distinct([row for row in rows if row["who"] == who], "audience")
    ]
    return (
        "### Whole fan-outs: claimed, pushed, settled\n\n"
        "Beside bare loops that only send, on the same cores.\n\n" + _table(head, body)
    )


def _engines(rows: Sequence[Row]) -> str:
    latencies = _distinct(rows, "latency")
    head = ["client, one connection"]
    for latency in latencies:
        head += [f"pushes/s at {latency * 1000:.0f} ms", "ours is"]

    def line(who: str) -> list[str]:
        cells = [NAMES[who]]
        for latency in latencies:
            theirs = median(rows, "per_second", who=who, latency=latency)
            ours = median(rows, "per_second", who="ours", latency=latency)
            cells += [_number(theirs), _ratio(ours, theirs)]
        return cells

    return "### The engine alone\n\n" + _table(head, map(line, _distinct(rows, "who")))


def _endpoint(rows: Sequence[Row]) -> str:
    def line(storage: str) -> list[str]:
        ours = median(rows, "per_second", who="ours", storage=storage)
        by_hand = median(rows, "per_second", who="by_hand", storage=storage)
        return [storage, _number(ours), _number(by_hand), _ratio(ours, by_hand)]

    head = ["storage", "registrations/s", "a view by hand", "ratio"]
    return "### The endpoint, under gunicorn with four threads\n\n" + _table(
        head, map(line, _distinct(rows, "storage"))
    )


def _late(rows: Sequence[Row]) -> str:
    def line(storage: str) -> list[str]:
        of = {way: median(rows, "per_second", storage=storage, way=way) for way in WAYS}
        quiet = of[WAYS[0]]
        cells = [_number(quiet)]
        for way in WAYS[1:]:
            cells += [_number(of[way]), _ratio(of[way], quiet)]
        return [storage, *cells]

    head = [
        "storage", "to come", "has ended", "of that", "and is being told", "of that",
        "each writes to its row", "of that",
    ]  # fmt: skip
    return (
        "### Registrations a second for one stream, over eight connections\n\n"
        "Past the endpoint, by two processes of four threads. Until this version each late one "
        "wrote to the stream's row, as in the last two columns.\n\n"
        + _table(head, map(line, _distinct(rows, "storage")))
    )


def _beside(rows: Sequence[Row]) -> str:
    def line(row: Row) -> list[str]:
        quiet, busy = row["quiet_p99"], row["busy_p99"]
        times = [row["quiet_p50"], quiet, row["elsewhere_p99"], row["busy_p50"], busy]
        return [
            f"{row['storage']}, {row['audience']:,}",
            *[_number(time, 1) for time in times],
            _ratio(busy, quiet),
            _number(row["told_per_second"]),
        ]

    head = [
        "storage, audience", "quiet p50, ms", "quiet p99",
        "p99 beside another process's", "p50 meanwhile", "p99 meanwhile",
        "p99, ratio", "pushes/s meanwhile",
    ]  # fmt: skip
    return "### Registrations while a fan-out runs in the same process\n\n" + _table(
        head, map(line, rows)
    )


def _workers(rows: Sequence[Row]) -> str:
    latencies = _distinct(rows, "latency")
    head = ["workers"]
    for latency in latencies:
        head += [f"pushes/s at {latency * 1000:.0f} ms", "of one"]

    def line(workers: int) -> list[str]:
        cells = [str(workers)]
        for latency in latencies:
            these = median(rows, "per_second", workers=workers, latency=latency)
            one = median(rows, "per_second", workers=1, latency=latency)
            cells += [_number(these), _ratio(these, one)]
        return cells

    return "### Several workers on one stream, on PostgreSQL\n\n" + _table(
        head, map(line, _distinct(rows, "workers"))
    )


def _fairness(rows: Sequence[Row]) -> str:
    head = ["storage, workers", "longest wait of ten phones, s", "still to be told then"]
    body = [
        [
            f"{row['storage']}, {row['workers']}",
            _number(row["longest_wait"], 2),
            _number(row["left_of_the_large_one"]),
        ]
        for row in rows
    ]
    return "### A stream of ten that ends while a large one is being told\n\n" + _table(head, body)


def _questions(rows: Sequence[Row]) -> str:
    def one(row: Row, figure: str, digits: int = 1) -> str:
        return _number(row.get(figure), digits)

    def by_itself(row: Row) -> list[str]:
        server = row.get("servers_cpu")
        return [
            f"{row['storage']}, {NAMES_OF_ROUNDS[row['what']]}, {row['count']:,}",
            one(row, "seconds"),
            one(row, "cpu"),
            _number(server, 1),
            _number(1e6 * row["cpu"] / row["count"]),
        ]

    def beside(storage: str) -> list[str]:
        alone, both = (
            next(row for row in rows if row["storage"] == storage and row["what"] == what)
            for what in ("fan-out", "both")
        )
        return [
            storage,
            one(both, "seconds"),
            one(both, "cpu"),
            one(alone, "per_second", 0),
            one(both, "per_second", 0),
            _ratio(both["per_second"], alone["per_second"]),
            one(alone, "longest_wait", 2),
            one(both, "longest_wait", 2),
        ]

    alone = [row for row in rows if row["what"] in NAMES_OF_ROUNDS]
    head = ["storage, round, streams", "s", "own CPU, s", "PostgreSQL's CPU, s", "own, us a stream"]
    head_beside = [
        "storage", "a round, s", "CPU of those who ask, s", "pushes/s without", "pushes/s with",
        "of that", "longest wait of ten phones without, s", "and with, s",
    ]  # fmt: skip
    streams = max((row["count"] for row in alone), default=0)
    audience = max((row.get("audience", 0) for row in rows), default=0)
    return (
        "### The host is asked about its streams\n\n"
        "In a first round each answer is written, and is an update to be told; in those that "
        "follow nothing has changed. The host answers at once.\n\n"
        + _table(head, map(by_itself, alone))
        + f"\nA round about {streams:,} streams in a worker that tells {audience:,} phones of an "
        "end, while streams of ten end, too; beside the same worker without questions.\n\n"
        + _table(head_beside, map(beside, _distinct(rows, "storage")))
    )


def _updates(rows: Sequence[Row]) -> str:
    def told(storage: str) -> list[str]:
        cells = [storage]
        end = median(rows, "per_second", storage=storage, event=EVENTS[0])
        for event in EVENTS:
            figure = median(rows, "per_second", storage=storage, event=event)
            cells += [_number(figure), _ratio(figure, end)]
        return [*cells[:2], *cells[3:]]

    def restless(row: Row) -> list[str]:
        alone = median(rows, "per_second", storage=row["storage"], event=EVENTS[-1])
        least = None if alone is None else row["count"] / alone
        return [
            f"{row['storage']}, {row['count']:,}",
            *[_number(row[name], 1) for name in ("interval", "longest_interval")],
            _number(least, 1),
            _ratio(row["interval"], least),
            *[_number(row[name], 2) for name in ("update_waits", "end_waits")],
        ]

    def late(row: Row) -> list[str]:
        figures = ("register", "next_due", "claim", "nobody", "until_cleared", "first_look")
        return [
            f"{row['storage']}, {row['count']:,}",
            *[_number(row[name], 2) for name in figures],
        ]

    def of(what: str) -> list[Row]:
        return [row for row in rows if row["what"] == what]

    count = max(row["count"] for row in of("told"))
    return (
        f"### Updates beside ends, to {count:,}\n\n"
        + _table(
            ["storage", "an end, pushes/s", "an update", "of that", "the next update", "of that"],
            map(told, _distinct(rows, "storage")),
        )
        + "\nA stream that changes each second: how often a phone is told, beside its audience by "
        "the pushes a second that the next update takes alone; and how long streams of ten wait "
        "meanwhile that change, or end.\n\n"
        + _table(
            [
                "storage, audience", "mean interval, s", "longest", "audience by pushes/s, s",
                "ratio", "longest wait of ten, an update, s", "an end, s",
            ],
            map(restless, of("restless")),
        )
        + "\nA phone that registers once so many have been told an update; milliseconds.\n\n"
        + _table(
            [
                "storage, audience", "registers", "who is next", "claim of one",
                "both, once it is told", "both, until what the round left is cleared away",
                "the first look of all",
            ],
            map(late, of("latecomer")),
        )
    )  # fmt: skip


TABLES: dict[str, Callable[[Sequence[Row]], str]] = {
    "fan_out": _fan_out,
    "engines": _engines,
    "endpoint": _endpoint,
    "late": _late,
    "beside_a_fan_out": _beside,
    "workers": _workers,
    "fairness": _fairness,
    "questions": _questions,
    "updates": _updates,
}
