"""algernon-logging against its peers, all in one run: medians, as tables in Markdown.

The peers are the standard library, the Logger of Powertools for AWS Lambda, and
python-json-logger. Nothing here fails on a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from typing import Any

from ..imports import program_seconds
from ..timing import medians

ROUNDS = 60

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled="

STANDARD = "import logging, json"
OURS = """
from algernon_logging import lambda_logged
@lambda_logged
def handler(event, context): ...
"""
POWERTOOLS = """
from aws_lambda_powertools import Logger
logger = Logger(service="shop")
@logger.inject_lambda_context
def handler(event, context): ...
"""


def in_environment(program: str, **environment: str) -> str:
    """Return a program that begins with environment variables of its own."""
    return f"import os; os.environ.update({environment!r}){program}"


def imports() -> None:
    """Print what a cold start costs."""
    programs = {
        f"`{STANDARD}`": STANDARD,
        "`lambda_logged`, tracing off": OURS,
        "the same, in Lambda with JSON lines": in_environment(
            OURS,
            AWS_LAMBDA_FUNCTION_NAME="shop",
            AWS_LAMBDA_LOG_FORMAT="JSON",
            ALGERNON_TRACING="off",
        ),
        "Powertools' `Logger`": POWERTOOLS,
        "`lambda_logged`, X-Ray": in_environment(
            OURS, ALGERNON_TRACING="xray", LAMBDA_TASK_ROOT="/var/task"
        ),
        "`lambda_logged`, OpenTelemetry": in_environment(OURS, ALGERNON_TRACING="otel"),
    }
    times = program_seconds(programs)
    base, peer = next(iter(times.values())), times["Powertools' `Logger`"]
    print("\n## A new process: import, and decorating a handler, less a bare Python's start\n")
    table(
        ["", "time", f"/ `{STANDARD}`", "/ Powertools"],
        [
            [name, f"{seconds * 1000:.1f} ms", f"{seconds / base:.2f}", f"{seconds / peer:.2f}"]
            for name, seconds in times.items()
        ],
    )


def lines() -> None:
    """Print what a line costs, each form in a process of its own."""
    print("\n## A line, written to a stream that keeps nothing\n")
    for form in ("JSON", "Text"):
        subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.logging", form],
            env={**os.environ, "AWS_LAMBDA_LOG_FORMAT": form},
            check=True,
        )


def json_lines() -> None:
    """Print what a line of JSON costs."""
    from . import loggers

    writers = {
        "Algernon": loggers.ours(with_record=True),
        "Powertools": loggers.powertools(loggers.RECORD),
        "python-json-logger": loggers.python_json_logger(loggers.RECORD),
    }
    kinds: dict[str, dict[str, Any]] = {
        "a line of a record": {},
        "with `extra` of two fields": {"extra": {"order_id": 7, "carrier": "post"}},
        "with an exception": {"exc_info": loggers.caught()},
    }
    rows = []
    for kind, options in kinds.items():
        times = medians(
            {name: partial(write, "order %s", 7, **options) for name, write in writers.items()},
            rounds=ROUNDS,
        )
        rows.append([kind, *map(microseconds, times.values()), *ratios(times)])
    columns = [*writers, *(f"/ {peer}" for peer in list(writers)[1:])]
    table(["JSON", *columns], rows)


def text_lines() -> None:
    """Print what a line of text costs."""
    from . import loggers

    writers = {
        "Algernon": loggers.ours(with_record=False),
        "Algernon, of a record": loggers.ours(with_record=True),
        "logging, facts by a filter": loggers.stdlib(literal=False),
        "logging, facts in the format": loggers.stdlib(literal=True),
    }
    times = medians(
        {name: partial(write, "order %s", 7) for name, write in writers.items()},
        rounds=ROUNDS,
    )
    by_filter, literal = list(times.values())[2:]
    print()
    table(
        ["text", "time", "/ logging, filter", "/ logging, format"],
        [
            [name, microseconds(time), f"{time / by_filter:.2f}", f"{time / literal:.2f}"]
            for name, time in times.items()
        ],
    )


def ratios(times: dict[str, float]) -> list[str]:
    """Return what ours takes against each peer."""
    own, *peers = times.values()
    return [f"{own / peer:.2f}" for peer in peers]


def endurance() -> None:
    """Print what a thousand warm invocations leave behind."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.logging.endurance"],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    print("\n## A thousand warm invocations, each with ten records\n")
    table(
        ["", "before", "after"],
        [[name, str(before), str(after)] for name, (before, after) in found.items()],
    )


def tracing() -> None:
    """Print what a record that does nothing costs, by what is traced."""
    print("\n## A record that does nothing, in batches of ten, less its line\n")
    rows = []
    for name, environment in {
        "without `lambda_logged`": {"DECORATED": ""},
        "`lambda_logged`, tracing off": {"ALGERNON_TRACING": "off"},
        "X-Ray, not sampled": {"ALGERNON_TRACING": "xray", "_X_AMZN_TRACE_ID": f"{TRACE}0"},
        "X-Ray, sampled, no daemon": {"ALGERNON_TRACING": "xray", "_X_AMZN_TRACE_ID": f"{TRACE}1"},
        "OpenTelemetry, no provider": {"ALGERNON_TRACING": "otel"},
    }.items():
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.logging.records"],
            env={**os.environ, "DECORATED": "1", "LAMBDA_TASK_ROOT": "/var/task", **environment},
            check=True,
            capture_output=True,
            text=True,
        )
        rows.append([name, microseconds(float(done.stdout))])
    table(["", "a record"], rows)


def microseconds(seconds: float) -> str:
    """Return a time as a text."""
    return f"{seconds * 1e6:.1f} µs"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    for line in lines:
        print(f"| {' | '.join(line)} |", flush=True)


def main() -> None:
    """Print all figures."""
    match sys.argv[1:]:
        case ["JSON"]:
            json_lines()
        case ["Text"]:
            text_lines()
        case _:
            for name in [*os.environ]:
                if name.startswith(("ALGERNON_", "AWS_", "POWERTOOLS_")) or name == "DEBUG":
                    del os.environ[name]
            packages = ("aws-lambda-powertools", "python-json-logger")
            versions = [f"{name} {version(name)}" for name in packages]
            print(f"Python {sys.version.split()[0]}, {', '.join(versions)}", flush=True)
            imports()
            lines()
            endurance()
            tracing()


if __name__ == "__main__":
    main()
