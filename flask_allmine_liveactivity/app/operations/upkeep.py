"""The storage is made, everything is looked at, and what is over is deleted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask_allmine_liveactivity.app.checks import Finding, check_installation, probe
from flask_allmine_liveactivity.app.installation import Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What ``check`` has looked at."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return all(finding.ok for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was over."""

    rows: int
    """Sessions and events that were deleted."""


def prepare(installation: Installation) -> None:
    """Make the tables and indexes. Safe to repeat, and safe for many processes to race."""
    installation.storage.prepare()


def check(installation: Installation, *, with_probe: bool = False) -> Checked:
    """See whether everything is set: keys, storage, callbacks and JWT; make nothing.

    Within an app context.

    Args:
        installation: Of the app.
        with_probe: Send Apple a bogus token, too: whether it knows us shows in the refusal.
    """
    findings = check_installation(installation)
    if with_probe:
        findings += probe(installation)
    return Checked(findings=tuple(findings))


def purge(installation: Installation, older_than: float) -> Purged:
    """Delete sessions and events that are over.

    Args:
        installation: Of the app.
        older_than: For how long they have been over, in seconds.
    """
    return Purged(rows=installation.storage.purge(time.time() - older_than))
