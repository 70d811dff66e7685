"""The two pictures: whole fan-outs by audience, engines by latency."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]
# Colours that are told apart also by the colour-blind (Okabe and Ito).
COLOURS = {
    "SQLite": "#0072B2",
    "PostgreSQL": "#009E73",
    "MariaDB": "#CC79A7",
    "ours": "#D55E00",
    "bare_libcurl": "#000000",
    "aioapns": "#E69F00",
    "h2load": "#999999",
}
OTHERS = "#56B4E9"


def draw(fan_outs: Sequence[Row], engines: Sequence[Row], file: Path) -> None:
    """Draw both, and write them to `file`."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "the same figures are the same file"
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    for who, by_audience in _medians(fan_outs, "audience").items():
        bare = who in ("bare_libcurl", "aioapns")
        left.plot(
            list(by_audience),
            list(by_audience.values()),
            label=f"{who.replace('_', ' ')}, only sending" if bare else f"fan-out, {who}",
            color=COLOURS.get(who, OTHERS),
            linestyle="--" if bare else "-",
            marker="o",
        )
    left.set(xscale="log", xlabel="audience", ylabel="pushes a second", title="Whole fan-outs")
    left.set_ylim(bottom=0)
    left.legend(fontsize="small")

    by_client = _medians(engines, "latency")
    latencies = list(next(iter(by_client.values())))
    width = 0.8 / len(by_client)
    for place, (who, by_latency) in enumerate(by_client.items()):
        right.bar(
            [number + place * width for number in range(len(latencies))],
            [by_latency[latency] for latency in latencies],
            width,
            label="this package" if who == "ours" else who.replace("_", " "),
            color=COLOURS.get(who, OTHERS),
            edgecolor="white",
        )
    right.set_xticks([number + 0.4 - width / 2 for number in range(len(latencies))])
    right.set_xticklabels([f"{latency * 1000:.0f} ms" for latency in latencies])
    right.set(yscale="log", xlabel="latency", ylabel="pushes a second", title="Engines alone")
    right.legend(fontsize="small", ncols=2)
    figure.savefig(file, metadata={"Date": None})


def _medians(rows: Sequence[Row], key: str) -> dict[str, dict[Any, float]]:
    found: dict[str, dict[Any, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row["who"]][row[key]].append(row["per_second"])
    return {
        who: {at: statistics.median(rates) for at, rates in by.items()} for who, by in found.items()
    }
