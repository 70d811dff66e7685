"""The page: phones on a desk, the host's console, and each push as it goes by.

The only part of the simulator that knows Flask.
"""

from flask_allmine_liveactivity.simulator.page.console import DirectConsole, HttpConsole, Known
from flask_allmine_liveactivity.simulator.page.outlook import Outlook, Outlooks, Resend
from flask_allmine_liveactivity.simulator.page.simulator import URL_PREFIX, Simulator
from flask_allmine_liveactivity.simulator.page.user import User

__all__ = [
    "URL_PREFIX",
    "DirectConsole",
    "HttpConsole",
    "Known",
    "Outlook",
    "Outlooks",
    "Resend",
    "Simulator",
    "User",
]
