"""What every push backend must do, as tests: hold one of your own against it.

from flask_allmine_liveactivity import Verdict
from flask_allmine_liveactivity.testing import PushContract, PushVerdicts

class TestMyPush(PushContract, PushVerdicts):
    @pytest.fixture
    def push(self, server):
        push = MyPush(server.url)
        yield push
        push.close()

    @pytest.fixture
    def answer(self, server):
        statuses = {Verdict.GONE: 410, Verdict.RETRY: 503, ...}
        return lambda token, verdict: server.answer(token, statuses[verdict])
"""

from __future__ import annotations

import pytest

# Before they are imported: pytest explains only what it has rewritten.
pytest.register_assert_rewrite(
    *[f"{__name__}.{name}" for name in ("answering", "pushes", "sending")]
)

from flask_allmine_liveactivity.testing.push_contract.answering import PushVerdicts  # noqa: E402
from flask_allmine_liveactivity.testing.push_contract.sending import PushContract  # noqa: E402

__all__ = ["PushContract", "PushVerdicts"]
