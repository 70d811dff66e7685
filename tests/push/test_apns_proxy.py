"""Through a proxy to Apple, and what a proxy answers instead."""

from __future__ import annotations

import logging
import ssl

import pytest
from faults import sick
from faults.apple import Front

from flask_allmine_liveactivity.model import PushResult, Verdict
from flask_allmine_liveactivity.push.answers import remedy_of
from flask_allmine_liveactivity.push.apns.endpoint import Endpoint
from flask_allmine_liveactivity.simulator import Answer, LocalApns
from flask_allmine_liveactivity.simulator.certificate import SERVER_FILE, SERVER_KEY_FILE

from .connect_proxy import ConnectProxy, SocksProxy
from .engine import TOKEN, engine, pushes, send_one

CREDENTIALS = "ada:s3cret@:/ word"
ESCAPED = "ada:s3cret%40%3A%2F%20word"


def sent(apns: LocalApns, proxy: str | None) -> PushResult:
    with engine(apns, proxy=proxy) as push:
        return send_one(push)


def target(apns: LocalApns) -> str:
    return apns.url.removeprefix("https://")


# --- through it ------------------------------------------------------------------------------


def test_pushes_go_through_the_proxy_over_one_connection(apns: LocalApns) -> None:
    with ConnectProxy() as proxy, engine(apns, proxy=f"http://127.0.0.1:{proxy.port}") as push:
        verdicts = [result.verdict for result in push.send(pushes(100))]
    assert verdicts == [Verdict.DELIVERED] * 100
    assert proxy.asked == [target(apns)]


def test_a_user_and_password_in_its_url_are_shown_to_it(apns: LocalApns) -> None:
    with ConnectProxy(credentials=CREDENTIALS) as proxy:
        result = sent(apns, f"http://{ESCAPED}@127.0.0.1:{proxy.port}")
    assert result.verdict is Verdict.DELIVERED


def test_a_proxy_may_be_spoken_to_over_tls(apns: LocalApns) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(apns.ca_file.parent / SERVER_FILE, apns.ca_file.parent / SERVER_KEY_FILE)
    with ConnectProxy(tls=tls) as proxy:
        result = sent(apns, f"https://127.0.0.1:{proxy.port}")
    assert result.verdict is Verdict.DELIVERED
    assert proxy.asked == [target(apns)]


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_it_may_speak_socks(apns: LocalApns, scheme: str) -> None:
    with SocksProxy(credentials=CREDENTIALS) as proxy:
        result = sent(apns, f"{scheme}://{ESCAPED}@127.0.0.1:{proxy.port}")
    assert result.verdict is Verdict.DELIVERED
    assert proxy.asked == [target(apns)]


def test_what_apple_answers_is_apples_answer(apns: LocalApns) -> None:
    apns.answer(TOKEN, Answer.bad_device_token())
    with ConnectProxy() as proxy:
        result = sent(apns, f"http://127.0.0.1:{proxy.port}")
    assert (result.verdict, result.reason) == (Verdict.REJECTED, "BadDeviceToken")


# --- the environment's -----------------------------------------------------------------------


def test_without_a_setting_the_environments_proxy_is_used(
    apns: LocalApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy() as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        result = sent(apns, None)
    assert result.verdict is Verdict.DELIVERED
    assert proxy.asked == [target(apns)]


def test_no_proxy_in_the_environment_leads_past_it(
    apns: LocalApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert sent(apns, None).verdict is Verdict.DELIVERED


def test_the_setting_goes_before_no_proxy_in_the_environment(
    apns: LocalApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with ConnectProxy() as proxy:
        sent(apns, f"http://127.0.0.1:{proxy.port}")
    assert proxy.asked == [target(apns)]


def test_an_empty_setting_is_no_proxy_whatever_the_environment_says(
    apns: LocalApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert sent(apns, "").verdict is Verdict.DELIVERED


# --- what a proxy refuses --------------------------------------------------------------------


def test_a_proxy_that_wants_another_password_is_for_a_person_to_mend(apns: LocalApns) -> None:
    with ConnectProxy(credentials=CREDENTIALS) as proxy:
        result = sent(apns, f"http://ada:wrong@127.0.0.1:{proxy.port}")
    assert (result.verdict, result.reason) == (Verdict.MISCONFIGURED, "proxy: HTTP 407")
    assert "password" in (remedy_of("proxy: HTTP 407") or "")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("403 Forbidden", Verdict.MISCONFIGURED),
        ("405 Method Not Allowed", Verdict.MISCONFIGURED),
        ("429 Too Many Requests", Verdict.UNREACHABLE),
        ("502 Bad Gateway", Verdict.UNREACHABLE),
        ("503 Service Unavailable", Verdict.UNREACHABLE),
    ],
)
def test_a_refusal_is_the_proxys_and_named_so(
    apns: LocalApns, answer: str, verdict: Verdict
) -> None:
    with ConnectProxy(refusal=answer) as proxy:
        result = sent(apns, f"http://127.0.0.1:{proxy.port}")
    assert (result.verdict, result.reason) == (verdict, f"proxy: HTTP {answer[:3]}")
    assert result.status is None


def test_so_is_one_of_the_environments_proxy(
    apns: LocalApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy(refusal="403 Forbidden") as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        assert sent(apns, None).reason == "proxy: HTTP 403"


def test_a_socks_proxy_that_wants_a_password_is_for_a_person_to_mend(apns: LocalApns) -> None:
    with SocksProxy(credentials=CREDENTIALS) as proxy:
        without = sent(apns, f"socks5://127.0.0.1:{proxy.port}")
        wrong = sent(apns, f"socks5://ada:wrong@127.0.0.1:{proxy.port}")
    assert (without.verdict, without.reason) == (Verdict.MISCONFIGURED, "proxy: SOCKS error 12")
    assert (wrong.verdict, wrong.reason) == (Verdict.MISCONFIGURED, "proxy: SOCKS error 33")


def test_a_proxy_that_hangs_up_is_named(apns: LocalApns) -> None:
    with Front(apns) as proxy:
        proxy.become(sick.slams_the_door)
        result = sent(apns, proxy.url.replace("https", "http"))
    assert result.verdict is Verdict.UNREACHABLE
    assert (result.reason or "").startswith("proxy: libcurl")


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
def test_a_proxy_that_is_not_there_is_named(apns: LocalApns, scheme: str) -> None:
    result = sent(apns, f"{scheme}://127.0.0.1:9")
    assert result.verdict is Verdict.UNREACHABLE
    assert result.reason == "proxy: libcurl 7: couldnt connect"
    assert "LIVE_ACTIVITY_APNS_PROXY" in (remedy_of(result.reason) or "")


def test_a_proxy_whose_name_is_unknown_is_named(apns: LocalApns) -> None:
    result = sent(apns, "http://nowhere.invalid:3128")
    assert (result.verdict, result.reason) == (
        Verdict.UNREACHABLE,
        "proxy: libcurl 5: couldnt resolve proxy",
    )


def test_an_apple_that_is_away_behind_a_proxy_is_said_to_be_so(apns: LocalApns) -> None:
    with ConnectProxy() as proxy, engine(apns, proxy=f"http://127.0.0.1:{proxy.port}") as push:
        send_one(push)
        with apns.outage():
            assert send_one(push).verdict is Verdict.UNREACHABLE
        assert send_one(push).verdict is Verdict.DELIVERED


# --- its password ----------------------------------------------------------------------------


def test_its_password_is_in_no_repr_result_or_log(
    apns: LocalApns, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ConnectProxy(credentials="somebody:else") as proxy:
        url = f"http://ada:s3cret@127.0.0.1:{proxy.port}"
        with engine(apns, proxy=url) as push:
            shown = [repr(send_one(push)), repr(push), repr(vars(push))]
            shown.append(repr(Endpoint(apns.url, "com.example.allmine", proxy=url)))
    assert "s3cret" not in "\n".join([*shown, caplog.text])
