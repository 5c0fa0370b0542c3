"""Join groups in every order, and in many that chance brings, and see that none is lost or early.

``hatch run joins``: it prints the figures, and ends with status 1 if something was found.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .every_order import explore
from .one_second import published
from .random_orders import go
from .scenario import Scenario
from .scenarios import LARGE, SMALL
from .shapes import scenarios
from .test_every_order import CAUGHT
from .world import MAX_COUNTED, Findings

_GROUPS = 100
_MEMBERS = 32


def main() -> int:
    """Run all, and return the exit status."""
    parser = argparse.ArgumentParser(prog="joins", description=__doc__)
    parser.add_argument("--random", type=int, default=1000, help="how many orders chance brings")
    given_arguments = parser.parse_args()
    findings = [*_every_order(), *_random_orders(given_arguments.random)]
    are_caught = _shortcuts()
    _one_second()
    early = sum(len(one.early) for one in findings)
    lost = sum(len(one.lost) for one in findings)
    _print("early joins", early)
    _print("lost joins", lost)
    return 0 if are_caught and not early and not lost else 1


def _every_order() -> list[Findings]:
    findings, states, moves = [], 0, 0
    print(f"{'every order':56}{'deaths':>8}{'states':>12}{'moves':>12}{'published':>12}")
    for name, build in [*SMALL.items(), *LARGE.items()]:
        scenario = build()
        explored = explore(scenario)
        findings.append(explored.findings)
        states += explored.states
        moves += explored.moves
        most = explored.most_published
        times = f"{most} or more" if most == MAX_COUNTED else f"up to {most}"
        deaths = "any" if scenario.crashes is None else f"{scenario.crashes}"
        counted = f"{explored.states:>12,}{explored.moves:>12,}"
        print(f"  {name:54}{deaths:>8}{counted}{times:>12}", flush=True)
        for move in explored.path:
            print(f"    {move}")
    print(f"  {'in all':62}{states:>12,}{moves:>12,}")
    return findings


def _random_orders(examples: int) -> list[Findings]:
    findings, counted = [], Counter[str]()

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(scenario=scenarios(), seed=st.integers(0, 2**32), workers=st.integers(1, 20))
    def run(scenario: Scenario, seed: int, workers: int) -> None:
        world, state = go(scenario, seed, workers=workers)
        findings.append(world.findings)
        counted["orders"] += 1
        counted["groups"] += len(scenario.groups)
        counted["members"] += sum(tally.size for tally in scenario.groups.values())
        counted["deaths"] += (scenario.crashes or 0) - (state.crashes_left or 0)
        counted["deliveries too many"] += scenario.duplicates - state.duplicates_left
        counted["dead letters redriven"] += scenario.failures - state.failures_left
        counted["answers lost"] += scenario.lost_answers - state.lost_left
        counted["cancels"] += len(scenario.cancels) - len(state.cancels_left)

    run()
    print("orders that chance brought")
    for name, number in counted.items():
        _print(name, number)
    return findings


def _shortcuts() -> bool:
    """Say which shortcut is found out, and tell whether all are."""
    print("shortcuts")
    are_caught = True
    for worker_type, (build, finding) in CAUGHT.items():
        findings = explore(build(), worker_type).findings
        is_caught = bool(getattr(findings, finding))
        are_caught &= is_caught
        _print(worker_type.__name__, f"{finding} joins" if is_caught else "not found out")
    return are_caught


def _one_second() -> None:
    print(f"{_GROUPS} groups whose {_MEMBERS} members end within a second, published …")
    for name, publishes_at_the_root in (("with a verdict", False), ("without it", True)):
        times = published(_GROUPS, _MEMBERS, seed=1, publishes_at_the_root=publishes_at_the_root)
        _print(f"{name}: once", times[1])
        _print(f"{name}: most often in one group", max(times))


def _print(name: str, figure: object) -> None:
    print(f"  {name:62}{figure if isinstance(figure, str) else f'{figure:,}':>12}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
