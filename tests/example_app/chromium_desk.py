"""Words for what a person looks at on the page."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

COUNTDOWN = re.compile(r"^\d\d?:\d\d")


class Desk:
    """The page as its reader sees it: by roles and names, not by the markup.

    Args:
        page: Open at the simulator.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    # The phones

    def phone(self, name: str) -> Locator:
        return self.page.get_by_role("article", name=f"{name}'s iPhone")

    def card(self, name: str, title: str) -> Locator:
        """A Live Activity on somebody's lock screen."""
        return self.phone(name).get_by_role("listitem").filter(has_text=title)

    def press(self, name: str, button: str) -> None:
        """A button under somebody's phone."""
        self.phone(name).get_by_text(button, exact=True).click()

    def sees_countdown(self, name: str, title: str) -> None:
        expect(self.card(name, title).get_by_role("timer")).to_have_text(COUNTDOWN)

    def sees_end(self, name: str, title: str, words: str) -> None:
        expect(self.card(name, title)).to_contain_text(words)
        expect(self.card(name, title)).to_contain_text("Ended")

    # The host

    def stream(self, title: str) -> Locator:
        return self.page.get_by_role("article", name=title, exact=True)

    def say(self, title: str, moment: str) -> None:
        """Cancel, Ready, Start, Expire, +10 min, Cancel and die, or Schedule again."""
        self.stream(title).get_by_role("button", name=moment, exact=True).click()

    def rename(self, title: str, to: str) -> None:
        self.say(title, "Rename")
        self.stream(title).get_by_label("New title").fill(to)
        self.say(title, "Save")

    def schedule(self, title: str, minutes: int) -> None:
        self.page.get_by_label("Another stream").fill(title)
        self.page.get_by_label("in minutes").fill(str(minutes))
        self.page.get_by_role("button", name="Schedule", exact=True).click()

    # Apple and the log

    @property
    def apple(self) -> Locator:
        return self.page.get_by_role("switch", name="Apple is up")

    @property
    def pushes(self) -> Locator:
        return self.page.get_by_role("region", name="Pushes").locator("details")

    @property
    def ends(self) -> Locator:
        """The pushes that end a countdown; phones that begin one are told what it shows, too."""
        return self.page.get_by_role("region", name="Pushes").locator('details[data-event="end"]')
