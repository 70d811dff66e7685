"""The coach says what is so and what helps, whatever goes wrong; who obeys it gets through."""

from __future__ import annotations

import re

import pytest
from chromium_desk import Desk
from playwright.sync_api import Browser, expect
from running_demo import Demo
from tabs import quiet_tabs

TITLE = "Ask me anything"
FOLLOWERS = ("Grace", "Alan", "Mary")
AS_USUAL = "Let Apple answer as usual"
OVER = re.compile("Every countdown has ended")


def answers(desk: Desk, label: str) -> None:
    desk.page.get_by_label("Answers each push").select_option(label=label)


def says(desk: Desk, words: str) -> None:
    # As long as the longest that the host is asked to wait, and more.
    expect(desk.page.locator("#coach-text")).to_contain_text(re.compile(words), timeout=15_000)


def obey(desk: Desk, label: str) -> None:
    """Press the coach's button, which says so."""
    button = desk.page.locator("#coach-action")
    # After a step it is deaf for a moment: a double click is no second step.
    expect(button).not_to_have_attribute("aria-busy", "true")
    expect(button).to_have_text(label)
    expect(button).to_have_attribute("aria-disabled", "false")
    button.click()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("503 ServiceUnavailable", "503 ServiceUnavailable"),
        ("429 TooManyRequests", "429 TooManyRequests"),
        ("500 InternalServerError", "500 InternalServerError"),
        ("No answer: stream reset", "nothing"),
    ],
)
def test_what_the_host_sends_again_is_told_with_its_time(
    desk: Desk, answer: str, reason: str
) -> None:
    answers(desk, answer)
    desk.say(TITLE, "Cancel")
    says(
        desk,
        f"Apple answered {reason} to .*The host has not given up. It (tries again at|is due now)",
    )
    obey(desk, AS_USUAL)
    says(desk, OVER.pattern)


def test_a_410_is_given_up_and_the_app_must_register_again(desk: Desk) -> None:
    answers(desk, "410 Unregistered")
    desk.say(TITLE, "Cancel")
    says(desk, "Apple answered 410 Unregistered to 3 phones. The host has given up")
    expect(desk.page.locator("body")).not_to_contain_text("by itself")
    expect(desk.phone("Grace")).to_contain_text("has given it up, Unregistered")
    obey(desk, AS_USUAL)
    says(desk, r"given up on 3 phones \(Unregistered\).*until the app registers again")
    obey(desk, "Open the app on these phones")
    says(desk, "The host is to tell 3 phones. It tries again at")
    expect(desk.page.locator("#coach-action")).to_have_attribute("aria-disabled", "true")


def test_who_was_given_up_follows_no_stream_that_is_scheduled_again(desk: Desk) -> None:
    answers(desk, "410 Unregistered")
    desk.say(TITLE, "Cancel")
    says(desk, "The host has given up")
    answers(desk, "As usual")
    desk.say(TITLE, "Schedule again")
    expect(desk.stream(TITLE)).to_contain_text("nobody follows yet, 3 not to be told")
    expect(desk.page.locator("#tally")).to_have_text("3 countdowns run, 3 not to be told")
    obey(desk, "Open the app on these phones")
    expect(desk.stream(TITLE)).to_contain_text("3 phones follow")
    # By now it begins later. Who was given up is told again, but not at once.
    expect(desk.page.locator("#tally")).to_have_text("3 countdowns run, 3 show what was")
    says(desk, r"The host is to tell 3 phones of the change. It tries again at \S+$")


def test_a_bad_device_token_waits_long_and_a_new_token_helps(desk: Desk) -> None:
    answers(desk, "400 BadDeviceToken")
    desk.say(TITLE, "Cancel")
    says(desk, "Apple answered 400 BadDeviceToken to 3 phones. The host has not given up")
    obey(desk, AS_USUAL)
    says(desk, r"lets 3 phones wait \(BadDeviceToken\). It tries again at .* A new token")
    obey(desk, "Give them new tokens")
    says(desk, OVER.pattern)


def test_a_wrong_key_holds_the_stream_and_sending_it_again_lifts_that(desk: Desk) -> None:
    answers(desk, "403 InvalidProviderToken")
    desk.say(TITLE, "Start")
    says(desk, "Apple answered 403 InvalidProviderToken to .* The host holds the stream")
    expect(desk.phone("Mary")).to_contain_text("holds the stream, InvalidProviderToken")
    obey(desk, AS_USUAL)
    says(desk, r"holds the stream \(InvalidProviderToken\).*“flask live-activity resend”")
    obey(desk, "Let the host send it again")
    says(desk, OVER.pattern)
    desk.sees_end("Mary", TITLE, "Live now")


def test_apple_down_is_not_apple_refusing(desk: Desk) -> None:
    desk.apple.click()
    expect(desk.apple).not_to_be_checked()
    desk.say(TITLE, "Cancel")
    says(desk, "Apple is down: 3 countdowns run on")
    obey(desk, "Bring Apple back")
    says(desk, OVER.pattern)


def test_an_update_that_is_refused_is_no_end_that_is_and_comes_when_apple_is_back(
    desk: Desk,
) -> None:
    desk.apple.click()
    expect(desk.apple).not_to_be_checked()
    desk.rename(TITLE, "Ask me nothing")
    says(desk, "Apple is down: 3 countdowns show what was")
    expect(desk.phone("Mary")).to_contain_text("has to send an update")
    obey(desk, "Bring Apple back")
    desk.sees_countdown("Mary", "Ask me nothing")


def test_a_wrong_key_holds_an_update_and_an_end_lifts_that(desk: Desk) -> None:
    answers(desk, "403 InvalidProviderToken")
    desk.say(TITLE, "+10 min")
    says(desk, "Apple answered 403 InvalidProviderToken to .* The host holds the stream")
    obey(desk, AS_USUAL)
    says(desk, r"The host holds the update \(InvalidProviderToken\)")
    desk.say(TITLE, "Cancel")
    says(desk, OVER.pattern)


def test_a_phone_that_could_not_register_is_no_follower(desk: Desk) -> None:
    desk.schedule("Late show", 45)
    for name in FOLLOWERS:
        desk.press(name, "Flight mode")
    desk.stream("Late show").get_by_role("button", name="Follow it on all phones").click()
    expect(desk.stream("Late show")).to_contain_text("nobody follows yet, 3 not registered")
    says(desk, "3 phones could not register: they are in flight mode")
    expect(desk.phone("Alan")).to_contain_text("not asked: offline")
    obey(desk, "End flight mode on all of them")
    expect(desk.stream("Late show")).to_contain_text("3 phones follow")


def test_a_new_token_that_is_not_registered_is_told(desk: Desk) -> None:
    desk.press("Grace", "Flight mode")
    desk.press("Grace", "Rotate token")
    says(desk, "Grace's iPhone could not register its new token: it is in flight mode")
    obey(desk, "End flight mode on Grace's iPhone")
    expect(desk.phone("Grace")).to_contain_text("200, has its token")


def test_what_has_not_happened_is_not_seen(desk: Desk) -> None:
    # What a button is answered has its keys in another order than what comes by itself.
    for name in FOLLOWERS:
        desk.press(name, "Flight mode")
        expect(desk.phone(name).get_by_role("switch")).to_be_checked()
        desk.press(name, "Flight mode")
    # Each phone is told what it is to show: nothing new.
    expect(desk.pushes).not_to_have_count(0, timeout=15_000)
    expect(desk.page.locator("#steps")).not_to_contain_text("(seen)")


def test_a_push_that_apple_lost_is_not_on_its_way(desk: Desk) -> None:
    """Apple keeps one push for a phone in the air: of two ends the first is lost."""
    desk.schedule("Late show", 45)
    desk.stream("Late show").get_by_role("button", name="Follow it on all phones").click()
    expect(desk.stream("Late show")).to_contain_text("3 phones follow")
    desk.press("Grace", "Flight mode")
    desk.say("Late show", "Cancel")
    expect(desk.stream("Late show")).to_contain_text("1 phone still counts down")
    desk.say(TITLE, "Cancel")
    expect(desk.stream(TITLE)).to_contain_text("1 phone still counts down")
    says(desk, "Grace's iPhone is in flight mode. Apple keeps the push until it is back")
    obey(desk, "End flight mode on Grace's iPhone")
    says(desk, "Apple accepted the push, and Grace's iPhone never showed it: Apple keeps one push")
    obey(desk, "Open the app on Grace's iPhone")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1024, 768), (1280, 720)])
def test_the_cards_and_what_is_known_of_them_are_seen_without_scrolling(
    browser: Browser, untouched_demo: Demo, width: int, height: int, scheme: str
) -> None:
    with quiet_tabs(browser, untouched_demo.page) as tabs:
        desk = tabs.open(width=width, height=height, scheme=scheme, still=True)
        for name in FOLLOWERS:
            desk.sees_countdown(name, TITLE)
            for seen in (desk.card(name, TITLE), desk.phone(name).locator(".facts dl")):
                box = seen.bounding_box()
                assert box is not None
                assert box["y"] + box["height"] <= height
        assert desk.page.evaluate(HIDDEN) == 0


# How much of the cards their list hides, in pixels.
HIDDEN = """() => Math.max(...[...document.querySelectorAll('.cards')]
  .map(list => list.scrollHeight - list.clientHeight))"""
