"""The map of the house says what the code is: folders, who knows whom, and the walk of an end."""

from __future__ import annotations

import re
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import FrameType
from typing import Any

import grimp
import pytest
from flask import Flask
from flask_jwt_extended import JWTManager

import flask_allmine_liveactivity
from flask_allmine_liveactivity import LiveActivity, notify_stream_state
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.simulator import LocalApns

from .blocks import ROOT

NAME = "flask_allmine_liveactivity"
PACKAGE = Path(flask_allmine_liveactivity.__file__).parent
PAGE = (ROOT / "docs/explanation/house.md").read_text()
FLOORS, WALK, QUESTION, RULES = (part.split("\n## ")[0] for part in PAGE.split("\n## ")[1:])
GRAPH = grimp.build_graph(NAME, cache_dir=None)
LONGEST_WALK = 21
IN_A_THREAD = ["deliver_until_stopped"]
STREAM = "65f000000000000000000001"


def rows(part: str) -> list[list[str]]:
    """The cells of a table, without its head."""
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


# --- the floors ---------------------------------------------------------------------------------


def layers() -> list[set[str]]:
    """The layers that the linter holds, from the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = (each for each in settings["contracts"] if each["type"] == "layers")
    return [set(layer.split(" | ")) for layer in contract["layers"]]


def knows(folder: str) -> set[str]:
    """The folders that any file of a folder imports."""
    whole = f"{NAME}.{folder}"
    modules = {whole, *GRAPH.find_descendants(whole)}
    imported = {to for module in modules for to in GRAPH.find_modules_directly_imported_by(module)}
    return {name.split(".")[1] for name in imported if name.startswith(f"{NAME}.")} - {folder}


def test_the_map_has_each_floor_in_the_order_of_the_layers() -> None:
    mapped = [quoted(first)[0].rstrip("/") for first, *_ in rows(FLOORS)]
    for layer in layers():
        assert set(mapped[: len(layer)]) == layer
        del mapped[: len(layer)]
    assert mapped == []


@pytest.mark.parametrize("row", rows(FLOORS), ids=lambda row: quoted(row[0])[0])
def test_a_floor_knows_what_the_map_says(row: list[str]) -> None:
    said = quoted(row[2])
    assert set(said) == knows(quoted(row[0])[0].rstrip("/"))
    floors = [
        min(number for number, layer in enumerate(layers()) if name in layer) for name in said
    ]
    assert floors == sorted(floors)


@pytest.mark.parametrize("row", rows(FLOORS), ids=lambda row: quoted(row[0])[0])
def test_every_folder_within_is_named(row: list[str]) -> None:
    folder = PACKAGE / quoted(row[0])[0]
    within = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert within <= set(quoted(row[1]))


# --- the walk -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One line of the walk."""

    number: int
    file: str
    called: str
    caller: int | None
    interface: str | None

    @property
    def module(self) -> str:
        return f"{NAME}.{self.file.removesuffix('.py').replace('/', '.')}"


def walk() -> Iterator[Step]:
    for number, file, called, by, _ in rows(WALK):
        caller, _, through = by.partition(" by ")
        yield Step(
            number=int(number),
            file=quoted(file)[0],
            called=quoted(called)[0],
            caller=int(caller) if caller.isdigit() else None,
            interface=quoted(through)[0] if through else None,
        )


STEPS = {step.number: step for step in walk()}


def test_its_files_are_counted_and_few() -> None:
    files = {step.file for step in STEPS.values()}
    assert f"**{len(files)} files**" in WALK
    assert len(files) <= LONGEST_WALK


def test_it_goes_from_the_call_to_the_settlement() -> None:
    assert list(STEPS) == list(range(1, len(STEPS) + 1))
    assert STEPS[1].called == "notify_stream_state"
    assert STEPS[len(STEPS)].called.endswith("Sessions.settle")


@pytest.mark.parametrize("step", STEPS.values(), ids=lambda step: f"{step.number} {step.file}")
def test_what_is_called_is_there(step: Step) -> None:
    assert (PACKAGE / step.file).is_file()
    called = attrgetter(step.called)(import_module(step.module))
    assert called.__module__ == step.module


@pytest.mark.parametrize("step", list(STEPS.values())[1:], ids=lambda step: f"{step.number}")
def test_a_file_imports_the_one_it_calls_or_the_interface_behind_which_it_is(step: Step) -> None:
    assert step.caller is not None
    assert step.caller < step.number
    caller = STEPS[step.caller]
    source = (PACKAGE / caller.file).read_text()
    assert re.search(rf"\b{step.called.split('.')[-1]}\b", source) or step.interface
    if step.interface is None:
        assert imports(caller.module, step.module)
        return
    interface = f"{NAME}.{step.interface.removesuffix('.py').replace('/', '.')}"
    assert caller.module == interface or imports(caller.module, interface)
    assert imports(interface, step.module) or imports(step.module, interface)


def imports(importer: str, imported: str) -> bool:
    """Also as a name that its package hands on."""
    package = imported.rpartition(".")[0]
    handed_on = GRAPH.direct_import_exists(importer=package, imported=imported)
    return bool(GRAPH.direct_import_exists(importer=importer, imported=imported)) or (
        handed_on and GRAPH.direct_import_exists(importer=importer, imported=package)
    )


def caller_of(frame: FrameType) -> str | None:
    """The file of ours from which a function is called; ``None``: it begins a thread."""
    back = frame.f_back
    while back is not None and not Path(back.f_code.co_filename).is_relative_to(PACKAGE):
        back = back.f_back
    return None if back is None else Path(back.f_code.co_filename).relative_to(PACKAGE).as_posix()


def test_an_end_push_goes_this_way_and_leaves_no_file_out(tmp_path: Path) -> None:
    names = {(str(PACKAGE / step.file), step.called): step.number for step in STEPS.values()}
    entered: dict[int, str | None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            number = names.get((frame.f_code.co_filename, frame.f_code.co_qualname))
            if number is not None and number not in entered:
                entered[number] = caller_of(frame)

    with LocalApns() as apns:
        app = Flask("host")
        app.config.update(
            apns.settings,
            JWT_SECRET_KEY="x" * 32,
            LIVE_ACTIVITY_STORAGE_URI=f"sqlite:///{tmp_path}/host.db",
            LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        )
        JWTManager(app)
        LiveActivity(app)
        with app.app_context():
            # Not by a request, which would start the thread before anything is noted.
            installed_on(app).register(
                user_id="ada", stream_id=STREAM, device_id="iphone", activity_id="a", token="80ab"
            )
            before = sys.getprofile()
            threading.setprofile(note)
            sys.setprofile(note)
            try:
                notify_stream_state(STREAM, "cancelled", content_state={"phase": "over"})
                apns.wait_for(1)
            finally:
                sys.setprofile(before)
                threading.setprofile(None)
        installed_on(app).close()  # what is settled is settled by then
    assert list(entered) == sorted(STEPS)
    for number, step in STEPS.items():
        callers = [STEPS[step.caller].file, step.interface] if step.caller else []
        assert entered[number] in [None, *callers], step
    begin = [number for number, caller in entered.items() if caller is None]
    assert [STEPS[number].called for number in begin] == ["notify_stream_state", *IN_A_THREAD]


# --- the walk of a question ---------------------------------------------------------------------

ASKED = [(quoted(file)[0], quoted(called)[0]) for _, file, called, _ in rows(QUESTION)]


def test_the_files_of_a_question_are_counted() -> None:
    assert f"**{len({file for file, _ in ASKED})} files**" in QUESTION


@pytest.mark.parametrize(("file", "called"), ASKED)
def test_what_a_question_calls_is_there(file: str, called: str) -> None:
    module = f"{NAME}.{file.removesuffix('.py').replace('/', '.')}"
    assert attrgetter(called)(import_module(module)).__module__ == module


def test_a_question_goes_this_way(tmp_path: Path) -> None:
    app = Flask("host")
    app.config.update(
        JWT_SECRET_KEY="x" * 32,
        LIVE_ACTIVITY_STORAGE_URI=f"sqlite:///{tmp_path}/host.db",
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
    )
    JWTManager(app)
    live_activity = LiveActivity(app)
    live_activity.streams(lambda stream_ids: dict.fromkeys(stream_ids, "cancelled"))
    installation = installed_on(app)
    with app.app_context():
        installation.register(
            user_id="ada", stream_id=STREAM, device_id="iphone", activity_id="a", token="80ab"
        )
    now = time.time()
    installation.streams.ask_due(clock=lambda: now + 61)  # an end counts at the second answer
    entered: dict[tuple[str, str], None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(PACKAGE):
            entered[file.relative_to(PACKAGE).as_posix(), frame.f_code.co_qualname] = None

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        installation.streams.ask_due(clock=lambda: now + 122)
    finally:
        sys.setprofile(before)
    installation.close()
    assert ASKED[0] == ("dispatch/asking.py", "AskingThread")  # in a thread of its own
    assert [each for each in entered if each in ASKED] == ASKED[1:]


# --- Apple's rules ------------------------------------------------------------------------------


@pytest.mark.parametrize("row", rows(RULES), ids=lambda row: row[0])
def test_a_rule_stands_in_files_that_are_there(row: list[str]) -> None:
    _, here, simulated = row
    assert quoted(here)
    assert quoted(simulated)
    assert all((PACKAGE / file).is_file() for file in quoted(here) + quoted(simulated))
    assert not any(file.startswith("simulator/") for file in quoted(here))
    assert all(file.startswith("simulator/") for file in quoted(simulated))
