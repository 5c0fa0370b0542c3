"""All orders in which a scenario can go."""

from __future__ import annotations

from dataclasses import dataclass

from .scenario import Scenario
from .worker import Worker
from .world import Findings, Move, State, World


@dataclass
class Explored:
    """What all orders came to.

    Attributes:
        states: How many different states there were.
        moves: How many ways led from one to another.
        most_published: How often a join Task was published at most, as far as it is counted.
        findings: What was wrong.
        path: The moves that led to the first thing that was wrong.
    """

    states: int
    moves: int
    most_published: int
    findings: Findings
    path: list[str]


def explore(
    scenario: Scenario, worker_type: type[Worker] = Worker, *, until_found: bool = False
) -> Explored:
    """Go through all states that a scenario can come to.

    Args:
        scenario: The scenario.
        worker_type: Who works on its messages.
        until_found: Whether to stop where something is wrong.
    """
    world = World(scenario, worker_type(scenario))
    start = world.begin()
    seen = {start}
    stack: list[tuple[State, list[Move]]] = [(start, [*world.moves(start)])]
    trail: list[Move] = []
    moves = most_published = 0
    path: list[str] = []
    while stack:
        state, left = stack[-1]
        if not left:
            stack.pop()
            if trail:
                trail.pop()
            continue
        move = left.pop()
        moves += 1
        following = world.after(state, move)
        if following not in seen:
            seen.add(following)
            trail.append(move)
            stack.append((following, [*world.moves(following)]))
            most_published = max(most_published, *following.published)
            world.check_end(following)
        elif not world.findings:
            continue
        if world.findings and not path:
            path = [told(world, one) for one in trail]
            if until_found:
                break
    return Explored(len(seen), moves, most_published, world.findings, path)


def told(world: World, move: Move) -> str:
    """Say in a line what happens."""
    what, which = move
    return f"{what} {which.point.actors if hasattr(which, 'point') else which}"
