"""How long a new process takes to run a short program, such as an import."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from time import perf_counter

ROUNDS = 25


def program_seconds(programs: Mapping[str, str]) -> dict[str, float]:
    """Return the median time of each program, less what Python takes for none.

    Args:
        programs: Each program by its name.
    """
    todo = {"": "pass", **programs}
    samples: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(1 + ROUNDS):
        for name, program in todo.items():
            samples[name].append(_seconds(program))
    times = {name: statistics.median(taken[1:]) for name, taken in samples.items()}
    return {name: times[name] - times[""] for name in programs}


def _seconds(program: str) -> float:
    # With compiled modules, as they are where they have been imported once.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return perf_counter() - begin
