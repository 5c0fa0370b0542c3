"""No letter is lost, and none run twice, whenever a redrive dies: on a small scale.

``hatch run faults-redrive`` does the same on a large scale.
"""

from __future__ import annotations

import pytest

from .redrive import RedriveAccount, run

pytestmark = pytest.mark.starts


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> RedriveAccount:
    """The account of a run."""
    return run(letters=60, kills=6, seed=4, folder=tmp_path_factory.mktemp("redrive"))


def test_every_letter_is_run_once(account: RedriveAccount) -> None:
    """After each kill it lies in a queue or is done, and in the end all are done, once."""
    assert account.broken_promises == [], account.figures


def test_redrives_were_killed(account: RedriveAccount) -> None:
    """Some died, and others came to their end."""
    assert account.kills.total() >= 3
    assert account.whole >= 1
