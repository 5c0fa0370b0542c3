"""Groups of up to 200 members, drawn by hypothesis: chains, groups within groups, cancels."""

from __future__ import annotations

from algernon_storage.tally import Tally
from hypothesis import strategies as st

from .scenario import Scenario, waiting_chain, waiting_member

MOST_MEMBERS = 200
_MOST_WITHIN = 12
_DEEPEST = 2


@st.composite
def scenarios(draw: st.DrawFn, *, may_cancel: bool = True) -> Scenario:
    """Draw a scenario of any shape, in which anything may go wrong a number of times."""
    many = st.integers(0, MOST_MEMBERS)
    scenario = Scenario(
        crashes=draw(many),
        duplicates=draw(many),
        failures=draw(st.integers(0, 20)),
        lost_answers=draw(st.integers(0, 20)),
    )
    family = draw(st.sampled_from([2, 3, 32]))
    outer = draw(st.sampled_from([None, waiting_chain("chain")]))
    size = draw(st.integers(1, MOST_MEMBERS))
    group = scenario.group(size, family=family, then=draw(st.booleans()), outer=outer)
    _add_members(draw, scenario, group, once=draw(st.booleans()), depth=1)
    if may_cancel and draw(st.booleans()):
        groups = list(scenario.groups.values())
        for _ in range(draw(st.integers(1, 3))):
            cancelled = draw(st.sampled_from(groups))
            indices = st.integers(0, cancelled.size - 1) if cancelled.size else st.none()
            scenario.cancel(cancelled, draw(st.none() | indices))
    return scenario


def _add_members(
    draw: st.DrawFn, scenario: Scenario, group: Tally, *, once: bool, depth: int
) -> None:
    """Add members to a group: most are Tasks, and a few are chains, or return groups."""
    for index in draw(st.sets(st.integers(0, group.size - 1), max_size=4)) if group.size else ():
        links = draw(st.integers(1, 3))
        returns = None
        if depth <= _DEEPEST and draw(st.booleans()):
            outer = waiting_member(group, index)
            size = draw(st.integers(0, _MOST_WITHIN))
            returns = scenario.group(
                size, family=group.family, then=draw(st.booleans()), outer=outer
            )
            _add_members(draw, scenario, returns, once=draw(st.booleans()), depth=depth + 1)
        scenario.member(group, index, once=once, links=links, returns=returns)
    scenario.members(group, once=once)
