"""How an app talks to its backend."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from werkzeug.test import Client

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Send: TypeAlias = Callable[[str, str, Mapping[str, Any], str | None], tuple[int, Any]]

_MAX_ANSWER = 1024 * 1024
_OK = 200


class LogInFailed(Exception):
    """The app could not log in; the message says why."""


class Backend:
    """The calls that the app makes. See `HttpBackend` and `WsgiBackend`.

    Args:
        send: ``send(method, path, json, token) -> (status, json)``: one request, with the access
            token as bearer where there is one. Raises `OSError` where there is no answer.
        login_path: Takes ``{"username", "password"}``; gives ``accessToken`` or ``access_token``,
            at the top of its JSON or in ``data``.
        username_field: What the log-in calls the user's name, such as ``email``.
        logout_path: Takes ``{"deviceId"}``.
        prefix: Before ``/live-activity-sessions``.
    """

    def __init__(
        self,
        send: Send,
        *,
        login_path: str = "/api/v1/login",
        username_field: str = "username",
        logout_path: str = "/api/v1/logout",
        prefix: str = "/api/v1/notifications",
    ) -> None:
        self._send = send
        self._login_path = login_path
        self._username_field = username_field
        self._logout_path = logout_path
        self._prefix = prefix

    def log_in(self, username: str, password: str) -> str:
        """An access token.

        Raises:
            LogInFailed: The backend says no.
            OSError: It does not answer.
        """
        given = {self._username_field: username, "password": password}
        status, answer = self._send("POST", self._login_path, given, None)
        token = _access_token(answer)
        if not 200 <= status < 300 or token is None:
            raise LogInFailed(
                f"POST {self._login_path} for {username!r} answers {status}, "
                f"{'with' if token else 'without'} an accessToken. Where your log-in is another "
                "one, say login_path= and username_field=, or log in with an access token: "
                "phone.log_in_with_token(...)."
            )
        return token

    def log_out(self, access_token: str, device_id: str) -> int:
        """The user leaves this phone.

        Returns:
            The HTTP status.

        Raises:
            OSError: The backend does not answer.
        """
        status, _ = self._send("POST", self._logout_path, {"deviceId": device_id}, access_token)
        return status

    def register(
        self,
        access_token: str,
        *,
        stream_id: str,
        device_id: str,
        live_activity_token: str,
        activity_id: str,
    ) -> tuple[int, str]:
        """Hand over the runtime token of a Live Activity.

        Returns:
            The HTTP status, and what the answer says is wrong: empty where it says nothing. A 200
            that is not the endpoint's, such as a page of the host's, is wrong too.

        Raises:
            OSError: The backend does not answer.
        """
        body = {
            "streamId": stream_id,
            "deviceId": device_id,
            "liveActivityToken": live_activity_token,
            "activityId": activity_id,
        }
        path = f"{self._prefix}/live-activity-sessions"
        status, answer = self._send("POST", path, body, access_token)
        said = answer if isinstance(answer, dict) else {}
        if status == _OK and said.get("success") is not True:
            return status, f'The answer is not {{"success": true}}: is the endpoint at {path}?'
        errors = said.get("errors")
        return status, "; ".join(map(str, errors)) if isinstance(errors, list) else ""


class HttpBackend(Backend):
    """A backend at an address.

    Args:
        url: Such as ``http://127.0.0.1:5000``.
        timeout: For connecting, and for each wait for an answer, in seconds.
        host: As for `Backend`: paths, and the names of fields.
    """

    def __init__(self, url: str, *, timeout: float = 10.0, **host: str) -> None:
        super().__init__(self._request, **host)
        self._url = url.rstrip("/")
        self._timeout = timeout
        # A phone on this desk reaches a backend on this desk, whatever proxy is in between.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())

    def _request(
        self, method: str, path: str, body: Mapping[str, Any], token: str | None
    ) -> tuple[int, Any]:
        request = urllib.request.Request(
            self._url + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **_bearer(token)},
            method=method,
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return response.status, _read_json(response.read(_MAX_ANSWER))
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _read_json(error.read(_MAX_ANSWER))
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self._url} breaks off its answer: {error!r}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer to look at: followed, a POST becomes a GET of something else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class WsgiBackend(Backend):
    """A WSGI application, called without a socket in between.

    Args:
        wsgi_app: Such as a Flask app. What it raises, its caller gets.
        host: As for `Backend`: paths, and the names of fields.
    """

    def __init__(self, wsgi_app: WSGIApplication, **host: str) -> None:
        super().__init__(self._call, **host)
        self._client = Client(wsgi_app, use_cookies=False)

    def _call(
        self, method: str, path: str, body: Mapping[str, Any], token: str | None
    ) -> tuple[int, Any]:
        response = self._client.open(
            path, method=method, json=body, headers=_bearer(token), buffered=True
        )
        with response:
            return response.status_code, _read_json(response.get_data())


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _access_token(answer: Any) -> str | None:
    if not isinstance(answer, dict):
        return None
    inner = answer.get("data")
    for fields in (answer, inner if isinstance(inner, dict) else {}):
        for name in ("accessToken", "access_token"):
            if isinstance(fields.get(name), str):
                return str(fields[name])
    return None


def _read_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # no JSON, or too deep to be read
        return None
