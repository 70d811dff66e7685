"""The demo's page, walked through by somebody with a browser."""

from __future__ import annotations

import re

import pytest
from chromium_desk import Desk
from playwright.sync_api import Browser, Page, expect
from running_demo import Demo
from tabs import Tabs, quiet_tabs

TITLE = "Ask me anything"
FOLLOWERS = ("Grace", "Alan", "Mary")
STORIES = ("Cancel", "Rename", "Move", "Flight mode", "New token", "Apple down", "Host dies")
# As a card shows ten minutes more than twelve, a little later.
TEN_MINUTES_MORE = re.compile(r"^2[01]:\d\d")


def test_the_whole_story(desk: Desk) -> None:
    expect(desk.page.get_by_text("3 countdowns run, as they should")).to_be_visible()

    desk.press("Grace", "Flight mode")
    desk.press("Alan", "Rotate token")
    expect(desk.phone("Alan")).to_contain_text("The backend has its token.")
    desk.apple.click()
    expect(desk.apple).not_to_be_checked()

    desk.say(TITLE, "Cancel")
    expect(desk.page.get_by_text("3 countdowns should have ended")).to_be_visible()
    expect(desk.card("Alan", TITLE)).to_contain_text("The stream is over")
    expect(desk.ends).to_have_count(0)

    desk.apple.click()
    desk.sees_end("Alan", TITLE, "Cancelled")
    desk.sees_end("Mary", TITLE, "Cancelled")
    expect(desk.card("Grace", TITLE)).to_contain_text("The stream is over")
    expect(desk.page.get_by_text("1 countdown should have ended")).to_be_visible()
    expect(desk.ends).to_have_count(3)

    desk.press("Grace", "Flight mode")
    desk.sees_end("Grace", TITLE, "Cancelled")
    expect(desk.stream(TITLE)).to_contain_text("every countdown has ended")


def test_each_push_tells_its_payload_its_headers_and_its_answer(desk: Desk) -> None:
    desk.say(TITLE, "Cancel")
    expect(desk.ends).to_have_count(3)
    push = desk.ends.first
    push.locator("summary").click()
    expect(push).to_contain_text('"event": "end"')
    expect(push).to_contain_text('"status": "cancelled"')
    expect(push).to_contain_text("com.example.allmine.push-type.liveactivity")
    expect(push).to_contain_text("apns-priority")
    expect(push).to_contain_text("200 OK")
    expect(desk.page.get_by_role("link", name=re.compile("end to .* 200 OK"))).to_be_visible()


def test_a_stream_is_renamed_and_its_countdowns_follow(desk: Desk) -> None:
    desk.rename(TITLE, "Ask me nothing")
    for name in FOLLOWERS:
        desk.sees_countdown(name, "Ask me nothing")
        expect(desk.card(name, TITLE)).to_have_count(0)
        # A new title must not light up a phone.
        expect(desk.phone(name).get_by_text("It begins at another time.")).to_be_hidden()
    expect(desk.page.locator("#tally")).to_have_text("3 countdowns run, as they should")
    desk.say("Ask me nothing", "Cancel")
    desk.sees_end("Mary", "Ask me nothing", "Cancelled")


def test_a_stream_is_moved_and_its_countdowns_follow(desk: Desk) -> None:
    desk.press("Grace", "Flight mode")
    desk.say(TITLE, "+10 min")
    for name in ("Alan", "Mary"):
        expect(desk.card(name, TITLE).get_by_role("timer")).to_have_text(TEN_MINUTES_MORE)
        expect(desk.phone(name).locator(".alert")).to_contain_text("It begins at another time.")
    expect(desk.page.locator("#tally")).to_have_text("3 countdowns run, 1 shows what was")
    expect(desk.page.locator("#coach-text")).to_contain_text("Apple keeps the update until it is")
    desk.press("Grace", "Flight mode")
    expect(desk.card("Grace", TITLE).get_by_role("timer")).to_have_text(TEN_MINUTES_MORE)


def test_a_host_that_dies_before_it_could_say_has_told_every_phone_all_the_same(
    desk: Desk,
) -> None:
    desk.say(TITLE, "Cancel and die")
    coach = desk.page.locator("#coach-text")
    expect(coach).to_contain_text("the host has not said so. It is asked what its streams are")
    expect(coach).to_contain_text("The host was asked, and says “cancelled”", timeout=12_000)
    expect(coach).to_contain_text("Nobody had said it, and every phone was told", timeout=12_000)
    for name in FOLLOWERS:
        desk.sees_end(name, TITLE, "Cancelled")


def test_a_refusal_tells_why_and_the_host_tries_again(desk: Desk) -> None:
    desk.page.get_by_label("Answers each push").select_option(label="429 TooManyRequests")
    desk.say(TITLE, "Ready")
    refused = desk.ends.filter(has_text="429 TooManyRequests")
    expect(refused.first).to_be_visible()
    desk.page.get_by_label("Answers each push").select_option(label="As usual")
    for name in FOLLOWERS:
        desk.sees_end(name, TITLE, "About to begin")


@pytest.mark.parametrize(
    ("moment", "words"),
    [("Ready", "About to begin"), ("Start", "Live now"), ("Expire", "Did not take place")],
)
def test_a_stream_of_ones_own(desk: Desk, moment: str, words: str) -> None:
    desk.schedule("Late show", 45)
    desk.stream("Late show").get_by_role("button", name="Follow it on all phones").click()
    for name in FOLLOWERS:
        desk.sees_countdown(name, "Late show")
    desk.say("Late show", moment)
    for name in FOLLOWERS:
        desk.sees_end(name, "Late show", words)
        desk.sees_countdown(name, TITLE)
    desk.say("Late show", "Schedule again")
    expect(desk.stream("Late show")).to_contain_text("Scheduled")


def test_a_phone_without_the_app_and_one_that_is_swiped(desk: Desk) -> None:
    desk.press("Grace", "Delete app")
    expect(desk.phone("Grace")).to_contain_text("Allmine is not installed")
    desk.card("Alan", TITLE).get_by_role("button", name=f"Swipe away {TITLE}").click()
    expect(desk.card("Alan", TITLE)).to_have_count(0)
    desk.say(TITLE, "Start")
    desk.sees_end("Mary", TITLE, "Live now")
    expect(desk.ends).to_have_count(3)


def test_two_tabs_show_the_same(desk: Desk, tabs: Tabs) -> None:
    other = tabs.open(scheme="dark")
    other.sees_countdown("Grace", TITLE)
    desk.say(TITLE, "Cancel")
    for name in FOLLOWERS:
        other.sees_end(name, TITLE, "Cancelled")
    other.page.reload()
    expect(other.ends).to_have_count(3)


def test_it_is_used_with_the_keyboard_alone(desk: Desk) -> None:
    page = desk.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the phones")).to_be_focused()
    cancel = desk.stream(TITLE).get_by_role("button", name="Cancel", exact=True)
    for _ in range(60):
        page.keyboard.press("Tab")
        if cancel.evaluate("node => node === document.activeElement"):
            break
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    for name in FOLLOWERS:
        desk.sees_end(name, TITLE, "Cancelled")
    # The button is gone, and the focus not lost with it.
    again = desk.stream(TITLE).get_by_role("button", name="Schedule again")
    expect(again).to_be_focused()


def test_the_coach_leads_through_it(desk: Desk) -> None:
    """Pressing nothing but its button shows all seven stories."""
    action = desk.page.locator("#coach-action")
    steps = desk.page.locator("#steps li")
    for story in STORIES:
        for _ in range(50):
            seen = steps.filter(has_text=story).filter(has_text="(seen)")
            if seen.count():
                break
            if action.get_attribute("aria-disabled") != "true":
                action.click()
            desk.page.wait_for_timeout(400)
        expect(steps.filter(has_text=story)).to_contain_text("(seen)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_it_fits(browser: Browser, untouched_demo: Demo, width: int, scheme: str) -> None:
    with quiet_tabs(browser, untouched_demo.page) as tabs:
        # Colours on their way are no colours to judge.
        desk = tabs.open(width=width, scheme=scheme, still=True)
        desk.sees_countdown("Grace", TITLE)
        assert desk.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert _too_pale(desk.page) == []
        assert _too_small(desk.page) == []


def _too_pale(page: Page) -> list[str]:
    """Texts on plain ground with less contrast than WCAG 2.2 AA asks for."""
    found = page.evaluate(CONTRAST)
    assert isinstance(found, list)
    return found


def _too_small(page: Page) -> list[str]:
    """What is pressed and smaller than the 24 px of WCAG 2.2 AA."""
    found = page.evaluate(
        """() => [...document.querySelectorAll('button, select, input, summary')]
            .filter(node => node.checkVisibility())
            .map(node => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
            .filter(([, box]) => box.width < 24 || box.height < 24)
            .map(([html]) => html)"""
    )
    assert isinstance(found, list)
    return found


CONTRAST = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = node => {
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== 'none') return null;  // a picture: judged by eye
      const [r, g, b, a = 1] = rgb(style.backgroundColor);
      if (a === 1) return [r, g, b];
      if (a > 0) return null;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const node of document.querySelectorAll('body *')) {
    const text = [...node.childNodes].filter(it => it.nodeType === 3 && it.data.trim());
    if (!text.length || !node.checkVisibility({ opacityProperty: true })) continue;
    if (node.closest('[aria-disabled=true], .unseen, .skip')) continue;
    const below = ground(node);
    if (!below) continue;
    const style = getComputedStyle(node);
    const [x, y] = [light(rgb(style.color)), light(below)].sort((p, q) => q - p);
    const large = parseFloat(style.fontSize) >= 24;
    if ((x + 0.05) / (y + 0.05) < (large ? 3 : 4.5)) bad.push(text[0].data.trim());
  }
  return bad;
}"""
