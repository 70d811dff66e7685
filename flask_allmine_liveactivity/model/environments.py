"""Apple's two environments: a token belongs to one of them."""

from __future__ import annotations

PRODUCTION = "production"
SANDBOX = "sandbox"
ENVIRONMENTS = (PRODUCTION, SANDBOX)
