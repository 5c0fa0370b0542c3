"""Orders in which a scenario may go, drawn by chance."""

from __future__ import annotations

from random import Random

from algernon_storage.tally import Create

from .scenario import Scenario
from .worker import Run, Worker
from .world import Move, State, World

_MOST_IN_A_BATCH = 10

# How likely each of these is where it could happen, as long as there may be more of them.
_CANCEL = 0.005
_DUPLICATE = 0.02
_CRASH = 0.01
_FAIL = 0.05
_LOSE_ANSWER = 0.05


def go(
    scenario: Scenario, seed: int, worker_type: type[Worker] = Worker, *, workers: int = 10
) -> tuple[World, State]:
    """Go through a scenario to its end, all dead letters redriven, and check that.

    Args:
        scenario: The scenario.
        seed: Decides what happens.
        worker_type: Who works on its messages.
        workers: How many batches are worked on at the same time.

    Returns:
        What was found, and how it ended.
    """
    random = Random(seed)
    world = World(scenario, worker_type(scenario))
    state = world.begin()
    while (move := _drawn(world, state, random, workers)) is not None:
        state = world.after(state, move)
    assert world.is_quiet(state)
    world.check_end(state)
    return world, state


def _drawn(world: World, state: State, random: Random, workers: int) -> Move | None:
    """Draw what happens next, if anything can."""
    if random.random() < _CANCEL and (cancels := world.cancels(state)):
        return "cancel", random.choice(cancels)
    if state.duplicates_left and random.random() < _DUPLICATE:
        number = random.randrange(len(state.messages))
        if state.messages[number] in ("again", "acknowledged"):
            return "deliver", (number,)
    if not state.deliveries or (len(state.deliveries) < workers and random.random() < 0.5):
        waiting = world.waiting(state)
        if waiting:
            size = min(random.randint(1, _MOST_IN_A_BATCH), len(waiting))
            return "deliver", tuple(random.sample(waiting, size))
    if not state.deliveries:
        dead = [number for number, known in enumerate(state.messages) if known == "dead"]
        return ("redrive", random.choice(dead)) if dead else None
    delivery = random.choice(state.deliveries)
    request = delivery.point.request
    if state.crashes_left != 0 and random.random() < _CRASH:
        return "crash", delivery
    if isinstance(request, Run) and state.failures_left and random.random() < _FAIL:
        return "fail", delivery
    if isinstance(request, Create) and state.lost_left and random.random() < _LOSE_ANSWER:
        return "lose answer", delivery
    return "step", delivery
