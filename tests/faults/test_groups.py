"""Groups are joined, once, whatever dies on the way: on a small scale, with a seed that stays.

``hatch run faults`` does the same on a large scale.
"""

from __future__ import annotations

import sys

import pytest

from .group_account import GroupAccount
from .group_run import GroupPlan, run_groups

pytestmark = [
    pytest.mark.starts,
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="finds the worker's processes in /proc"
    ),
]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> GroupAccount:
    """The account of a run."""
    plan = GroupPlan(seed=5, members=50, largest=2, frail=4, kills=6, timeout=12)
    return run_groups(plan, tmp_path_factory.mktemp("groups"))


def test_every_group_is_joined_once(account: GroupAccount) -> None:
    """Each join Task has its effect once, after all members, with their results in order."""
    assert account.broken_promises == [], account.figures


def test_the_faults_happened(account: GroupAccount) -> None:
    """Workers were killed, calls went wrong, and dead letters were redriven."""
    assert account.kills >= 1
    assert sum(account.faults.values()) >= 5
    assert account.redeliveries >= 5
    assert account.redriven >= 1
