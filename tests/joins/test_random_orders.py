"""Large groups of any shape are joined in any order that chance brings."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from . import shortcuts
from .one_second import published
from .random_orders import go
from .scenario import Scenario
from .scenarios import members
from .shapes import scenarios
from .worker import Worker


@settings(max_examples=50)
@given(scenario=scenarios(), seed=st.integers(0, 2**32), workers=st.integers(1, 20))
def test_nothing_is_lost_or_early_in_any_shape(scenario: Scenario, seed: int, workers: int) -> None:
    """Groups of up to 200 members, of Tasks, chains and groups, end when all messages do."""
    world, _ = go(scenario, seed, workers=workers)
    assert not world.findings


@settings(max_examples=20)
@given(scenario=scenarios(may_cancel=False), seed=st.integers(0, 2**32))
def test_what_nobody_cancels_is_joined(scenario: Scenario, seed: int) -> None:
    """Whatever dies, fails, is redriven or comes twice, all members are done at last."""
    world, state = go(scenario, seed)
    assert not world.findings
    assert {world.verdict(state, tally) for tally in scenario.groups.values()} == {"joined"}


@pytest.mark.parametrize(
    "worker_type",
    [
        shortcuts.StopsAtANode,
        shortcuts.AsksForNewLeaves,
        shortcuts.LeavesItToTheWinner,
        shortcuts.AcknowledgesFirst,
        shortcuts.Counts,
        shortcuts.CountsNewLeaves,
    ],
)
def test_chance_finds_each_shortcut_out(worker_type: type[Worker]) -> None:
    """A few dozen drawn orders are enough to find out what is wrong with each of them."""

    def finds(seed: int) -> bool:
        scenario = members(6, crashes=10)
        return bool(go(scenario, seed, worker_type, workers=5)[0].findings)

    assert any(finds(seed) for seed in range(2000))


def test_groups_that_end_within_a_second_are_joined_once() -> None:
    """Members that meet at the root agree on one that publishes, as long as all is well."""
    assert published(10, 32, seed=1) == {1: 10}
    without_verdict = published(10, 32, seed=1, publishes_at_the_root=True)
    assert max(without_verdict) > 1
