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


class LogInFailed(Exception):
    """The app could not log in; the message says why."""


class Backend:
    """The calls that the app makes. See `HttpBackend` and `WsgiBackend`.

    Args:
        send: ``send(method, path, json, token) -> (status, json)``: one request, with the access
            token as bearer where there is one. Raises `OSError` where there is no answer.
        login_path: Takes ``{"username", "password"}``, gives ``{"accessToken"}``.
        logout_path: Takes ``{"deviceId"}``.
        prefix: Before ``/live-activity-sessions``.
    """

    def __init__(
        self,
        send: Send,
        *,
        login_path: str = "/api/v1/login",
        logout_path: str = "/api/v1/logout",
        prefix: str = "/api/v1/notifications",
    ) -> None:
        self._send = send
        self._login_path = login_path
        self._logout_path = logout_path
        self._prefix = prefix

    def log_in(self, username: str, password: str) -> str:
        """An access token.

        Raises:
            LogInFailed: The backend says no.
            OSError: It does not answer.
        """
        given = {"username": username, "password": password}
        status, answer = self._send("POST", self._login_path, given, None)
        token = answer.get("accessToken") if isinstance(answer, dict) else None
        if status != 200 or not isinstance(token, str):
            raise LogInFailed(
                f"POST {self._login_path} for {username!r} answers {status}, "
                f"{'with' if token else 'without'} an accessToken."
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
            The HTTP status, and what the answer says is wrong: empty where it says nothing.

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
        errors = answer.get("errors") if isinstance(answer, dict) else None
        return status, "; ".join(map(str, errors)) if isinstance(errors, list) else ""


class HttpBackend(Backend):
    """A backend at an address.

    Args:
        url: Such as ``http://127.0.0.1:5000``.
        timeout: For connecting, and for each wait for an answer, in seconds.
        paths: As for `Backend`.
    """

    def __init__(self, url: str, *, timeout: float = 10.0, **paths: str) -> None:
        super().__init__(self._request, **paths)
        self._url = url.rstrip("/")
        self._timeout = timeout
        # A phone on this desk reaches a backend on this desk, whatever proxy is in between.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

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


class WsgiBackend(Backend):
    """A WSGI application, called without a socket in between.

    Args:
        wsgi_app: Such as a Flask app. What it raises, its caller gets.
        paths: As for `Backend`.
    """

    def __init__(self, wsgi_app: WSGIApplication, **paths: str) -> None:
        super().__init__(self._call, **paths)
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


def _read_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
