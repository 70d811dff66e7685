"""How to call the endpoint, in the languages of those who do.

Each file beside this one is a whole program: what is shown is what is tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

# As it stands in the files.
_URL = "https://api.example.com/api/v1/notifications/live-activity-sessions"


@dataclass(frozen=True, slots=True)
class Language:
    """A language that there is a sample in."""

    name: str
    """As renderers know it."""
    label: str
    file: str


LANGUAGES = (
    Language("Shell", "curl", "register.sh"),
    Language("Swift", "Swift", "Register.swift"),
    Language("TypeScript", "TypeScript", "register.ts"),
    Language("Python", "Python", "register.py.txt"),
)


def sample(language: Language, url: str) -> str:
    """The sample in `language`, for the endpoint at `url`."""
    text = resources.files(__name__).joinpath(language.file).read_text(encoding="utf-8")
    return text.replace(_URL, url).rstrip("\n")
