"""What every storage must do, as tests: hold a storage of your own against it.

    from flask_allmine_liveactivity.testing import StorageContract

    class TestMyStorage(StorageContract):
        @pytest.fixture
        def storage(self):
            storage = MyStorage(...)
            yield storage
            storage.close()

The tests of one method stand together in one file here, and the class's docstring says what the
method must do. A storage that several threads or processes use is held against
``ThreadConcurrency`` and ``ProcessConcurrency`` too.
"""

from __future__ import annotations

import pytest

# Before they are imported: pytest explains only what it has rewritten.
pytest.register_assert_rewrite(
    *[
        f"{__name__}.{name}"
        for name in (
            "actors",
            "administering",
            "announcing",
            "asking",
            "by_the_page",
            "claiming",
            "clocks",
            "concurrency",
            "counting",
            "exactness",
            "interleaving",
            "making_room",
            "records",
            "registering",
            "registering_at_once",
            "registering_by_the_rule",
            "resting",
            "reviving",
            "settling",
            "turns",
            "updating",
            "waking",
        )
    ]
)

from flask_allmine_liveactivity.testing.storage_contract.administering import (  # noqa: E402
    Administering,
)
from flask_allmine_liveactivity.testing.storage_contract.announcing import Announcing  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.asking import Asking  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.by_the_page import ByThePage  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.claiming import Claiming  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.clocks import Clocks  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.concurrency import (  # noqa: E402
    ProcessConcurrency,
    ThreadConcurrency,
)
from flask_allmine_liveactivity.testing.storage_contract.counting import Counting  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.exactness import Exactness  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.interleaving import (  # noqa: E402
    Interleaving,
)
from flask_allmine_liveactivity.testing.storage_contract.making_room import (  # noqa: E402
    MakingRoom,
)
from flask_allmine_liveactivity.testing.storage_contract.registering import (  # noqa: E402
    Registering,
)
from flask_allmine_liveactivity.testing.storage_contract.registering_by_the_rule import (  # noqa: E402
    RegisteringByTheRule,
)
from flask_allmine_liveactivity.testing.storage_contract.resting import Resting  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.reviving import Reviving  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.settling import Settling  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.updating import Updating  # noqa: E402
from flask_allmine_liveactivity.testing.storage_contract.waking import Waking  # noqa: E402

__all__ = ["ProcessConcurrency", "StorageContract", "ThreadConcurrency"]


class StorageContract(
    Registering,
    RegisteringByTheRule,
    MakingRoom,
    Announcing,
    Clocks,
    Waking,
    Resting,
    Claiming,
    ByThePage,
    Settling,
    Reviving,
    Asking,
    Updating,
    Administering,
    Counting,
    Exactness,
    Interleaving,
):
    """What every storage must do, used by one caller at a time.

    Give the fixture ``storage``: a fresh one for each test, and empty. A database may be emptied
    by ``storage.purge(NEVER)`` (``flask_allmine_liveactivity.model.NEVER``) instead of being made
    anew.

    .. versionadded:: 0.1.0
    """
