"""The reference page: where it is, what it lets through, and what a reader does on it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from blueprint.host import BODY, PATH, Host
from chromium import chromium
from flask import Flask
from flask_jwt_extended import JWTManager
from playwright.sync_api import Browser, Page, expect

from flask_allmine_liveactivity import ConfigurationError, LiveActivity
from flask_allmine_liveactivity.openapi import openapi_document, typescript

from .conftest import SERVERS
from .contrast import faint_texts
from .served import Served, served

PAGE = "/reference"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


# --- where it is --------------------------------------------------------------------------------


def paths(app: Flask) -> set[str]:
    return {str(rule) for rule in app.url_map.iter_rules()}


def in_debug_mode(**config: Any) -> Flask:
    app = Flask("host")
    app.debug = True
    app.config.update(JWT_SECRET_KEY="x" * 32, LIVE_ACTIVITY_STORAGE_URI="memory://", **config)
    JWTManager(app)
    LiveActivity(app)
    return app


def test_it_is_off_unless_it_is_asked_for(make_host: Callable[..., Host]) -> None:
    assert not any("reference" in path for path in paths(make_host().app))


def test_it_is_where_the_host_says(make_host: Callable[..., Host]) -> None:
    client = make_host(LIVE_ACTIVITY_API_REFERENCE="/docs/api").client
    assert client.get("/docs/api").status_code == 200
    assert client.get("/docs/api/").status_code == 200


def test_in_debug_mode_it_is_beside_the_endpoint() -> None:
    app = in_debug_mode()
    assert app.test_client().get("/api/v1/notifications/reference").status_code == 200
    (server,) = openapi_document(app)["servers"]
    assert server["description"] == "Development"


@pytest.fixture
def without_the_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> Any:
        return None if name == "flask_openapi3_swagger" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


@pytest.mark.usefixtures("without_the_renderer")
def test_without_its_packages_debug_mode_goes_on_without_it() -> None:
    assert not any("reference" in path for path in paths(in_debug_mode()))


@pytest.mark.usefixtures("without_the_renderer")
def test_without_its_packages_the_setting_says_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match=r'pip install ".*\[reference\]"'):
        in_debug_mode(LIVE_ACTIVITY_API_REFERENCE=PAGE)


@pytest.mark.parametrize("path", ["reference", "/", "/a b", "/a/", "/<path>"])
def test_a_path_that_is_none(path: str) -> None:
    with pytest.raises(ConfigurationError, match="LIVE_ACTIVITY_API_REFERENCE"):
        in_debug_mode(LIVE_ACTIVITY_API_REFERENCE=path)


# --- what it serves -----------------------------------------------------------------------------


def test_document_and_types_are_there(served_host: Served) -> None:
    client, app = served_host.host.client, served_host.host.app
    with app.test_request_context():
        document = openapi_document(app)
    assert client.get(f"{PAGE}/openapi.json").get_json() == document
    assert client.get(f"{PAGE}/live-activity.ts").text == typescript(document)


def test_fields_are_in_the_contracts_order(served_host: Served) -> None:
    text = served_host.host.client.get(f"{PAGE}/openapi.json").text
    example = text[text.index('"example": {"streamId"') :]
    assert sorted(BODY, key=example.index) == list(BODY)


def test_an_app_under_a_prefix_is_called_there(served_host: Served) -> None:
    client = served_host.host.client
    there = {"SCRIPT_NAME": "/shop", "HTTP_HOST": "example.com"}
    document = client.get(f"{PAGE}/openapi.json", environ_overrides=there).get_json()
    assert document["servers"] == [{"url": "/shop", "description": "Production"}]
    sample = document["paths"][PATH]["post"]["x-codeSamples"][0]["source"]
    assert f"http://example.com/shop{PATH}" in sample


@pytest.mark.parametrize(
    "name", ["../__init__.py", "swagger-ui.js", "..%2f..%2f__init__.py", "%2e"]
)
def test_no_other_file_is_served(served_host: Served, name: str) -> None:
    assert served_host.host.client.get(f"{PAGE}/renderer/{name}").status_code == 404


def test_nothing_is_asked_of_anybody_else(make_host: Callable[..., Host]) -> None:
    host = make_host(LIVE_ACTIVITY_API_REFERENCE=PAGE, LIVE_ACTIVITY_API_SERVERS=SERVERS)
    policy = host.client.get(PAGE).headers["Content-Security-Policy"]
    connect = re.search(r"connect-src ([^;]*)", policy)
    assert connect is not None
    assert connect.group(1).split() == ["'self'", *sorted(SERVERS.values())]
    assert re.search(r"script-src ([^;]*)", policy).group(1) == "'self'"  # type: ignore[union-attr]
    assert not re.findall(r'(?:src|href)="https?:', host.client.get(PAGE).text)


def test_the_endpoints_failures_keep_their_shape_and_the_pages_have_the_hosts(
    served_host: Served,
) -> None:
    client = served_host.host.client
    assert client.post(PATH).get_json()["statusCode"] == 401
    assert client.get(f"{PAGE}/nothing").mimetype == "text/html"


# --- what a reader does -------------------------------------------------------------------------


class Reader:
    """Somebody at the page, who is listened to."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(url)
        expect(page.get_by_role("button", name="Execute")).to_be_visible()

    def _hear(self, message: Any) -> None:
        # A failure that is asked for is in the console, too.
        if message.type == "error" and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def authorize(self, token: str) -> None:
        self.page.get_by_role("button", name="Authorize").first.click()
        dialog = self.page.locator(".modal-ux")
        expect(dialog).to_contain_text("without the prefix")
        dialog.locator("input").fill(token)
        dialog.get_by_role("button", name="Apply credentials").click()
        dialog.get_by_role("button", name="Close").click()

    def execute(self) -> None:
        self.page.get_by_role("button", name="Execute").click()

    @property
    def answer(self) -> Any:
        return self.page.locator(".live-responses-table td.response-col_status:not(.col_header)")


@pytest.fixture
def reader(browser: Browser, served_host: Served) -> Iterator[Reader]:
    page = browser.new_page()
    reader = Reader(page, served_host.url + PAGE)
    yield reader
    assert reader.complaints == []
    assert all(url.startswith((served_host.url, "data:", "blob:")) for url in reader.asked)
    page.close()


@pytest.fixture
def two_servers(
    browser: Browser, make_host: Callable[..., Host]
) -> Iterator[tuple[Reader, Served, Served]]:
    """A page whose Development is its own server; Production is another."""
    production = make_host()
    production.app.after_request(_open_to_pages)
    with served(production) as real:
        development = make_host(
            LIVE_ACTIVITY_API_REFERENCE=PAGE,
            LIVE_ACTIVITY_API_SERVERS={"Production": real.url, "Development": "/"},
        )
        with served(development) as there:
            page = browser.new_page()
            reader = Reader(page, there.url + PAGE)
            yield reader, there, real
            assert reader.complaints == []
            page.close()


def _open_to_pages(response: Any) -> Any:
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "authorization, content-type"
    return response


def test_all_that_the_public_page_shows_is_there(reader: Reader) -> None:
    page = reader.page
    expect(page.get_by_text("Register a Live Activity's push token").first).to_be_visible()
    expect(page.get_by_role("note")).to_contain_text("real production data is affected")
    expect(page.get_by_role("note")).to_contain_text("gerçek canlı veriler etkilenir")
    for status in (200, 400, 401, 403, 404, 409):
        expect(page.locator(f'.responses-table tr[data-code="{status}"]').first).to_be_visible()
    for language in ("curl", "Swift", "TypeScript", "Python"):
        sample = page.locator("#samples details").filter(has=page.get_by_text(language, exact=True))
        if not sample.evaluate("details => details.open"):
            sample.locator("summary").click()
        expect(sample.locator("code")).to_be_visible()
        expect(sample).to_contain_text("live-activity-sessions")
    expect(page.locator("#types")).to_contain_text("export interface LiveActivitySession")


def test_a_call_to_development_is_sent_at_once(
    two_servers: tuple[Reader, Served, Served],
) -> None:
    reader, development, production = two_servers
    expect(reader.page.locator("#selected")).to_be_hidden()
    reader.authorize(development.access_token)
    reader.execute()
    expect(reader.answer).to_contain_text("200")
    assert [row.token for row in development.host.sessions()] == [BODY["liveActivityToken"]]
    assert production.host.sessions() == []


def test_a_call_to_production_is_asked_for_again(
    two_servers: tuple[Reader, Served, Served],
) -> None:
    reader, _, production = two_servers
    reader.authorize(production.access_token)
    reader.page.locator(".servers select").select_option(production.url)
    expect(reader.page.locator("#selected")).to_be_visible()

    reader.execute()
    confirm = reader.page.get_by_role("dialog", name="Send this to Production?")
    expect(confirm).to_contain_text("gerçek canlı veriler")
    expect(confirm.get_by_role("button", name="Do not send")).to_be_focused()
    reader.page.keyboard.press("Escape")
    expect(confirm).to_be_hidden()
    expect(reader.page.locator(".live-responses-table")).to_contain_text("kept it from Production")
    assert production.host.sessions() == []

    reader.execute()
    confirm.get_by_role("button", name="Send to Production").click()
    expect(reader.answer).to_contain_text("200")
    assert len(production.host.sessions()) == 1


def test_a_failure_is_understood(two_servers: tuple[Reader, Served, Served]) -> None:
    reader, _, _ = two_servers
    reader.execute()
    expect(reader.answer).to_contain_text("401")
    expect(reader.page.locator(".live-responses-table")).to_contain_text("Authentication required")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(
    browser: Browser, served_host: Served, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    Reader(page, served_host.url + PAGE)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut_off = "[...document.querySelectorAll('#playground *')].filter((each) => \
        each.getBoundingClientRect().right > innerWidth).map((each) => each.className)"
    assert page.evaluate(cut_off) == []
    page.close()


class TestInTheDark:
    @pytest.fixture
    def page(self, browser: Browser, served_host: Served) -> Iterator[Page]:
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        Reader(page, served_host.url + PAGE)
        yield page
        page.close()

    def test_the_ground_is_dark_and_all_can_be_read(self, page: Page) -> None:
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(28, 32, 34)"
        assert faint_texts(page, 3.0) == []

    def test_a_dialog_can_be_read(self, page: Page) -> None:
        page.get_by_role("button", name="Authorize").first.click()
        expect(page.locator(".modal-ux")).to_be_visible()
        assert faint_texts(page, 3.0) == []

    def test_the_question_before_production_can_be_read(self, page: Page) -> None:
        page.evaluate("document.getElementById('confirm').showModal()")
        page.evaluate("document.getElementById('selected').hidden = false")
        assert faint_texts(page, 3.0) == []

    def test_it_follows_the_system(self, page: Page) -> None:
        page.emulate_media(color_scheme="light")
        expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
