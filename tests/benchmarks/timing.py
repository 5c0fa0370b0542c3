"""Taking the time of several things in turn, so that whatever disturbs one disturbs all."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable, Mapping
from time import perf_counter, process_time

#: How long a sample lasts that is made of many calls, in seconds.
_SAMPLE_SECONDS = 0.01


def medians(functions: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Return the median time of a call of each, in seconds, one after the other in every round."""
    samples = _samples(functions, rounds, perf_counter)
    return {name: statistics.median(times) for name, times in samples.items()}


def minima(functions: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Return the least time of the processor that a call of each took, in seconds.

    For what only computes: others on the machine change it less than the time by the clock.
    """
    samples = _samples(functions, rounds, process_time)
    return {name: min(times) for name, times in samples.items()}


def _samples(
    functions: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    calls = {
        name: max(1, round(_SAMPLE_SECONDS / timeit.timeit(function, number=1)))
        for name, function in functions.items()
    }
    samples: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            seconds = timeit.timeit(function, timer=clock, number=calls[name])
            samples[name].append(seconds / calls[name])
    return samples


def medians_of_prepared(
    functions: Mapping[str, Callable[[], Callable[[], object]]], *, rounds: int
) -> dict[str, float]:
    """Return the median time of each in seconds, where making ready for a call isn't counted.

    Args:
        functions: By name, what makes ready and returns what is timed.
        rounds: How often each is timed, after a first time that isn't counted.
    """
    samples: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(1 + rounds):
        for name, prepare in functions.items():
            function = prepare()
            begin = perf_counter()
            function()
            samples[name].append(perf_counter() - begin)
    return {name: statistics.median(times[1:]) for name, times in samples.items()}
