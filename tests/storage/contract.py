"""What every storage must do. A storage of your own can be held against it in the same way."""

from __future__ import annotations

from storage.administering import Administering
from storage.announcing import Announcing
from storage.claiming import Claiming
from storage.exactness import Exactness
from storage.interleaving import Interleaving
from storage.registering import Registering
from storage.registering_by_the_rule import RegisteringByTheRule
from storage.resting import Resting
from storage.settling import Settling


class StorageContract(
    Registering,
    RegisteringByTheRule,
    Announcing,
    Resting,
    Claiming,
    Settling,
    Administering,
    Exactness,
    Interleaving,
):
    """Every test takes the fixture ``storage``: empty, and its own."""
