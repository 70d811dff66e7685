"""What a test says is true on any machine: none measures time, and none sleeps without a reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time", "monotonic_ns", "time_ns"}
# They measure, for people to read; nothing is asserted of it.
MEASURE = {"storage/plans/meters.py", "storage/plans/story.py"}


def _called(node: ast.AST) -> str | None:
    """The last name of what is called."""
    if not isinstance(node, ast.Call):
        return None
    called = node.func
    return getattr(called, "attr", None) or getattr(called, "id", None)


def durations(source: str) -> Iterator[int]:
    """The lines on which something is subtracted from what a clock says.

    A deadline, ``monotonic() + seconds``, only keeps what hangs from hanging for ever.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            both = (*ast.walk(node.left), *ast.walk(node.right))
            if any(_called(each) in CLOCKS for each in both):
                yield node.lineno


def sleeps(source: str) -> Iterator[int]:
    """The lines with a fixed sleep of which no comment, there or just above, says why.

    In a ``while`` loop it is a look at what is waited for, and then another one.
    """
    lines = source.splitlines()
    tree = ast.parse(source)
    looks = {
        id(each)
        for loop in ast.walk(tree)
        if isinstance(loop, ast.While)
        for each in ast.walk(loop)
    }
    for node in ast.walk(tree):
        if _called(node) != "sleep" or id(node) in looks:
            continue
        assert isinstance(node, ast.Call)
        if node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0:
            continue  # it lets others have a turn
        around = lines[max(0, node.lineno - 2) : node.end_lineno]
        if not any("#" in line for line in around):
            yield node.lineno


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(TESTS).as_posix())
def test_no_test_measures_time_or_sleeps_without_a_reason(file: Path) -> None:
    source = file.read_text()
    measured = [] if file.relative_to(TESTS).as_posix() in MEASURE else list(durations(source))
    assert (measured, list(sleeps(source))) == ([], [])


@pytest.mark.parametrize(
    "line",
    [
        "assert time.monotonic() - began < 2",
        "assert 1 <= time.perf_counter() - began",
        "took = monotonic() - began",
        "took = (time.perf_counter() - began) / 2",
    ],
)
def test_what_measures_is_found(line: str) -> None:
    assert list(durations(f"began = 0\n{line}")) == [2]


def test_a_deadline_is_none() -> None:
    assert list(durations("until = time.monotonic() + 20")) == []


@pytest.mark.parametrize("line", ["time.sleep(1)", "sleep(seconds)", "await asyncio.sleep(0.1)"])
def test_a_sleep_without_a_reason_is_found(line: str) -> None:
    function = f"async def test():\n    {line}"
    assert list(sleeps(function)) == [2]
    assert list(sleeps(f"{function}  # nothing may happen meanwhile")) == []
    assert list(sleeps(f"async def test():\n    while not done():\n        {line}")) == []
