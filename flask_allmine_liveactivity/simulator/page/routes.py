"""The page's own HTTP: its files, its state, its events, and what its buttons do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException

from flask_allmine_liveactivity.simulator.page.access import CONTENT_SECURITY_POLICY, refusal
from flask_allmine_liveactivity.simulator.page.actions import PHONE_ACTIONS, act_on_apple
from flask_allmine_liveactivity.simulator.page.answers import CHOICES
from flask_allmine_liveactivity.simulator.page.console import DirectConsole, HttpConsole
from flask_allmine_liveactivity.simulator.page.events import at_now, events
from flask_allmine_liveactivity.simulator.page.streams import add_stream_routes

if TYPE_CHECKING:
    from flask_allmine_liveactivity.simulator.page.simulator import Simulator

NAME = "live_activity_simulator"
# Bytes; a content-state of Apple's 4 KiB has room in it.
LARGEST_BODY = 16 * 1024


def make_blueprint(simulator: Simulator) -> Blueprint:
    """The page of a simulator."""
    blueprint = Blueprint(NAME, __name__, static_folder="static", template_folder="templates")
    _guard(blueprint, simulator)
    _add_page(blueprint, simulator)
    _add_actions(blueprint, simulator)
    _watch_the_host(blueprint, simulator)
    if isinstance(simulator.console, DirectConsole):
        add_stream_routes(blueprint, simulator, simulator.console)
    return blueprint


def _guard(blueprint: Blueprint, simulator: Simulator) -> None:
    @blueprint.before_request
    def refuse() -> tuple[Response, int] | None:
        # Asked again: `app.run(debug=False)` comes after it was mounted.
        if not simulator.may_serve(current_app):
            abort(404)
        request.max_content_length = LARGEST_BODY
        refused = refusal(request)
        if refused is not None:
            return jsonify(error=refused[1]), refused[0]
        simulator.start()
        return None

    @blueprint.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        if request.endpoint != f"{NAME}.static":
            response.headers["Cache-Control"] = "no-store"
        return response

    @blueprint.errorhandler(HTTPException)
    def explain(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description), error.code or 500


def _add_page(blueprint: Blueprint, simulator: Simulator) -> None:
    @blueprint.get("/")
    def page() -> str:
        return render_template("live_activity_simulator/page.html", config=_config(simulator))

    @blueprint.get("/state")
    def state() -> Response:
        pushes = simulator.feed.pushes_after(0)
        return jsonify({**at_now(simulator.view()), "pushes": pushes})

    @blueprint.get("/events")
    def server_sent_events() -> Response:
        # "X-Accel-Buffering": nginx would keep the events until there are enough of them.
        return Response(
            events(simulator),
            mimetype="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )


def _config(simulator: Simulator) -> Mapping[str, Any]:
    """What the page needs to know before anything else."""
    answers = [
        {"name": name, "label": choice.label, "then": choice.then}
        for name, choice in CHOICES.items()
    ]
    return {
        "base": url_for(f"{NAME}.page"),
        "answers": answers,
        "console": _console(simulator.console),
        "resends": simulator.resend is not None,
    }


def _console(console: object) -> Mapping[str, Any] | None:
    """Where the streams are, as whom they are changed, whether phones hear that they have changed,
    and whether an end is found that nobody has said."""
    match console:
        case HttpConsole():
            # A made-up user of an example: the terminal shows the same words.
            login = {
                "path": console.login,
                "username": console.username,
                "password": console.password,
            }
            dies = console.dies is not None
            return {"streams": console.streams, "login": login, "changes": True, "unsaid": dies}
        case DirectConsole():
            streams, asked = url_for(f"{NAME}.list_streams"), console.is_asked()
            return {"streams": streams, "login": None, "changes": asked, "unsaid": asked}
    return None


def _add_actions(blueprint: Blueprint, simulator: Simulator) -> None:
    @blueprint.post("/phones/<phone_id>/<action>")
    def act(phone_id: str, action: str) -> Response:
        try:
            phone = simulator.phones.phone(phone_id)
        except KeyError:
            abort(404, "There is no such phone.")
        if action not in PHONE_ACTIONS:
            abort(404, f"A phone can {', '.join(PHONE_ACTIONS)}.")
        PHONE_ACTIONS[action](simulator, phone)
        return jsonify(at_now(simulator.view()))

    @blueprint.post("/die/<stream_id>")
    def die(stream_id: str) -> Response:
        console = simulator.console
        if not isinstance(console, HttpConsole) or console.dies is None:
            abort(404, "The host's own tables are not known here.")
        console.dies(stream_id)
        simulator.feed.changed()
        return jsonify(at_now(simulator.view()))

    @blueprint.post("/resend/<stream_id>")
    def resend(stream_id: str) -> Response:
        if simulator.resend is None:
            abort(404, "The host does not let it be sent again from here.")
        simulator.resend(stream_id)
        simulator.feed.changed()
        return jsonify(at_now(simulator.view()))

    @blueprint.post("/apple")
    def apple() -> Response:
        act_on_apple(simulator)
        return jsonify(at_now(simulator.view()))

    @blueprint.post("/clear")
    def clear() -> Response:
        simulator.feed.clear()
        return jsonify(at_now(simulator.view()))


def _watch_the_host(blueprint: Blueprint, simulator: Simulator) -> None:
    """The page reads the host's streams again when something may have happened to them."""

    @blueprint.after_app_request
    def something_happened(response: Response) -> Response:
        if request.method != "GET" and request.blueprint != NAME:
            simulator.feed.changed()
        return response
