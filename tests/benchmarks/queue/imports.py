"""How long a new process takes to import a package."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from time import perf_counter

ROUNDS = 15


def import_seconds(modules: list[str]) -> dict[str, float]:
    """Return the median time of each import, less what Python takes without any."""
    programs = {"": "pass"} | {module: f"import {module}" for module in modules}
    samples: dict[str, list[float]] = {module: [] for module in programs}
    for _ in range(1 + ROUNDS):
        for module, program in programs.items():
            samples[module].append(_seconds(program))
    times = {module: statistics.median(taken[1:]) for module, taken in samples.items()}
    return {module: times[module] - times[""] for module in modules}


def _seconds(program: str) -> float:
    # With compiled modules, as they are where they have been imported once.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return perf_counter() - begin
