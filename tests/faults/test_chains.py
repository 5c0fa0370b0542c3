"""Chains end, once, whatever dies on the way: on a small scale, with a seed that stays.

``hatch run faults`` does the same on a large scale.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from .account import Account
from .run import Plan, run
from .system import Start, on_ministack, on_moto

pytestmark = [
    pytest.mark.starts,
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="finds the worker's processes in /proc"
    ),
]


@dataclass(frozen=True, slots=True)
class Try:
    """A plan, and where it is run."""

    plan: Plan
    start: Start


TRIES = {
    "ministack": Try(
        Plan(seed=1, chains=60, poison=12, kills=12),
        on_ministack,
    ),
    "moto": Try(
        Plan(seed=2, chains=20, poison=8, kills=11, fault_chance=0.008),
        on_moto,
    ),
}


@pytest.fixture(scope="module", params=list(TRIES.values()), ids=list(TRIES))
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Account:
    """The account of a run."""
    wanted: Try = request.param
    return run(wanted.plan, wanted.start, tmp_path_factory.mktemp("faults"))


def test_every_promise_is_kept(account: Account) -> None:
    """Each chain ends, each Task has its effect once, and only poison becomes a dead letter."""
    assert account.broken_promises == [], account.figures


def test_the_faults_happened(account: Account) -> None:
    """Workers were killed, calls went wrong, and messages came again."""
    assert account.kills >= 5
    assert sum(account.faults.values()) >= 10
    assert account.redeliveries >= 20
