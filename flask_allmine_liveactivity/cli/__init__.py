"""``flask live-activity``: what an operator asks, and the worker."""

# Importing them is what puts the commands into the group.
from flask_allmine_liveactivity.cli import (
    acting,
    describing,
    explaining,
    looking,
    simulating,
    standing,
    working,
)
from flask_allmine_liveactivity.cli.group import live_activity_commands

__all__ = [
    "acting",
    "describing",
    "explaining",
    "live_activity_commands",
    "looking",
    "simulating",
    "standing",
    "working",
]
