"""However the steps of members interleave, their groups are joined, and not too early.

All orders, with a worker's death at any request. ``hatch run joins`` tries more of them.
"""

from __future__ import annotations

from functools import partial

import pytest

from . import shortcuts
from .every_order import explore
from .scenarios import SMALL, Build, in_a_chain, members
from .worker import Worker


@pytest.mark.parametrize("build", SMALL.values(), ids=SMALL)
def test_no_order_loses_a_join_or_has_one_early(build: Build) -> None:
    """Where no message is left, all groups have ended, and what waits for them with them."""
    explored = explore(build())
    assert explored.findings.early == []
    assert explored.findings.lost == []
    assert explored.states > 1000


#: Each shortcut, what it is tried on, and whether its joins get lost, or come early.
CAUGHT: dict[type[Worker], tuple[Build, str]] = {
    shortcuts.StopsAtANode: (partial(members, 2, crashes=1), "lost"),
    shortcuts.AsksForNewLeaves: (partial(members, 2, crashes=1), "lost"),
    shortcuts.LeavesItToTheWinner: (partial(members, 2, crashes=1), "lost"),
    shortcuts.AcknowledgesFirst: (partial(members, 2, crashes=1), "lost"),
    shortcuts.Counts: (partial(members, 2, crashes=1), "early"),
    shortcuts.CountsNewLeaves: (partial(members, 2, crashes=1), "lost"),
    shortcuts.CountsWhatIsNotDone: (
        partial(members, 2, cancelled="member", crashes=0),
        "early",
    ),
    shortcuts.DropsWithoutAWord: (partial(in_a_chain, cancelled="group", crashes=1), "lost"),
}


@pytest.mark.parametrize("worker_type", CAUGHT, ids=lambda one: one.__name__)
def test_each_shortcut_is_found_out(worker_type: type[Worker]) -> None:
    """What finds nothing in the step as it is finds what is wrong with each shortcut."""
    build, finding = CAUGHT[worker_type]
    assert not explore(build()).findings
    assert getattr(explore(build(), worker_type).findings, finding)


def test_what_is_wrong_is_told_move_by_move() -> None:
    """The moves that lead there come with it."""
    explored = explore(members(2, crashes=1), shortcuts.AcknowledgesFirst, until_found=True)
    assert any(move.startswith("deliver") for move in explored.path)
