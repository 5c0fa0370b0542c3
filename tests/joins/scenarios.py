"""What all orders are tried of: some in each run of the tests, others by ``hatch run joins``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from .scenario import Scenario, waiting_chain, waiting_member

Build: TypeAlias = Callable[[], Scenario]


def members(size: int, *, once: bool = True, cancelled: str = "", **faults: Any) -> Scenario:
    """A group of Tasks with a Task that gets their results.

    Args:
        size: How many members it has.
        once: Whether they run under the ledger.
        cancelled: What may be cancelled: "group" or "member".
        **faults: What may go wrong.
    """
    scenario = Scenario(**faults)
    group = scenario.group(size)
    scenario.members(group, once=once)
    if cancelled:
        scenario.cancel(group, 0 if cancelled == "member" else None)
    return scenario


def in_a_batch(size: int, *, once: bool = True, **faults: Any) -> Scenario:
    """A group of Tasks of which two may be delivered together."""
    scenario = members(size, once=once, **faults)
    first, second, *_ = scenario.sent
    scenario.batches.append((first, second))
    return scenario


def with_a_chain(*, once: bool = True, cancelled: bool = False, **faults: Any) -> Scenario:
    """A group of a Task and a chain."""
    scenario = Scenario(**faults)
    group = scenario.group(2)
    scenario.member(group, 0, once=once, links=2)
    scenario.members(group, once=once)
    if cancelled:
        scenario.cancel(group, 0)
    return scenario


def in_a_chain(
    *, then: bool = False, once: bool = True, cancelled: str = "", **faults: Any
) -> Scenario:
    """A group that a Task of a chain returned whose result is kept."""
    scenario = Scenario(**faults)
    group = scenario.group(2, then=then, outer=waiting_chain("chain"))
    scenario.members(group, once=once)
    if cancelled:
        scenario.cancel(group, 0 if cancelled == "member" else None)
    return scenario


def in_a_group(
    size: int, *, then: bool = False, once: bool = True, cancelled: str = "", **faults: Any
) -> Scenario:
    """A group that a member of another group returns.

    Args:
        size: How many members the group within has.
        then: Whether a Task gets the results of the group within.
        once: Whether all Tasks run under the ledger.
        cancelled: What may be cancelled: "outer group", "inner group", "outer member", which
            is the one that returns, or "inner member".
        **faults: What may go wrong.
    """
    scenario = Scenario(**faults)
    outer = scenario.group(2)
    inner = scenario.group(size, then=then, outer=waiting_member(outer, 0))
    scenario.member(outer, 0, once=once, returns=inner)
    scenario.members(outer, once=once)
    scenario.members(inner, once=once)
    match cancelled.split():
        case [which, what]:
            group = outer if which == "outer" else inner
            scenario.cancel(group, 0 if what == "member" else None)
    return scenario


#: A few seconds each.
SMALL: dict[str, Build] = {
    "two members": partial(members, 2),
    "two members, not once": partial(members, 2, once=False),
    "two members, one fails and is redriven": partial(members, 2, failures=1),
    "two members, an answer gets lost": partial(members, 2, lost_answers=1, crashes=1),
    "two members, one delivered twice": partial(members, 2, duplicates=1, crashes=0),
    "two members, the group cancelled": partial(members, 2, cancelled="group", crashes=2),
    "two members, one cancelled": partial(members, 2, cancelled="member", crashes=2),
    "two members in a batch": partial(in_a_batch, 2),
    "three members": partial(members, 3, crashes=0),
    "three members, not once": partial(members, 3, once=False, crashes=1),
    "three members, two in a batch": partial(in_a_batch, 3, crashes=0),
    "a chain in the group": partial(with_a_chain, crashes=1),
    "the group in a chain": partial(in_a_chain, crashes=2),
    "the group in a chain, with a Task after it": partial(in_a_chain, then=True, crashes=1),
    "the group in a chain, cancelled": partial(in_a_chain, cancelled="group", crashes=2),
    "a group without members in the group": partial(in_a_group, 0, crashes=2),
    "a group in the group": partial(in_a_group, 1, crashes=1),
    "a group in the group, not once": partial(in_a_group, 2, once=False, crashes=0),
    "a group in the group, its member cancelled": partial(
        in_a_group, 1, cancelled="outer member", crashes=0
    ),
}

#: Up to minutes each.
LARGE: dict[str, Build] = {
    "two members, one delivered twice": partial(members, 2, duplicates=1),
    "two members, not once, one delivered twice": partial(members, 2, once=False, duplicates=1),
    "two members, one delivered twice, one fails": partial(
        members, 2, duplicates=1, failures=1, crashes=1
    ),
    "two members, one delivered twice, one cancelled": partial(
        members, 2, duplicates=1, cancelled="member", crashes=1
    ),
    "two members, two answers get lost": partial(members, 2, lost_answers=2),
    "two members, the group cancelled": partial(members, 2, cancelled="group"),
    "two members, one cancelled": partial(members, 2, cancelled="member"),
    "three members": partial(members, 3),
    "three members, not once": partial(members, 3, once=False),
    "three members, one delivered twice": partial(members, 3, duplicates=1, crashes=0),
    "three members, one fails and is redriven": partial(members, 3, failures=1, crashes=1),
    "three members, the group cancelled": partial(members, 3, cancelled="group", crashes=1),
    "three members, one cancelled": partial(members, 3, cancelled="member", crashes=1),
    "three members, two in a batch": partial(in_a_batch, 3, crashes=1),
    "a chain in the group": partial(with_a_chain),
    "a chain in the group, not once": partial(with_a_chain, once=False),
    "a chain in the group, cancelled": partial(with_a_chain, cancelled=True, crashes=1),
    "the group in a chain, with a Task after it": partial(in_a_chain, then=True),
    "the group in a chain, with a Task after it, cancelled": partial(
        in_a_chain, then=True, cancelled="group", crashes=1
    ),
    "the group in a chain, one member cancelled": partial(in_a_chain, cancelled="member"),
    "a group of one in the group": partial(in_a_group, 1, crashes=2),
    "a group of two in the group": partial(in_a_group, 2, crashes=1),
    "a group of two in the group, not once": partial(in_a_group, 2, once=False, crashes=1),
    "a group in the group, with a Task after it": partial(in_a_group, 1, then=True, crashes=1),
    "a group in the group, a failure redriven": partial(in_a_group, 1, failures=1, crashes=1),
    "a group in the group, the outer one cancelled": partial(
        in_a_group, 1, cancelled="outer group", crashes=1
    ),
    "a group in the group, the inner one cancelled": partial(
        in_a_group, 1, cancelled="inner group", crashes=1
    ),
    "a group in the group, its member cancelled": partial(
        in_a_group, 1, cancelled="outer member", crashes=1
    ),
    "a group in the group, a member within cancelled": partial(
        in_a_group, 1, cancelled="inner member", crashes=1
    ),
}
