"""How long after a Task's end its sender has the result, and how often it asked S3 until then.

The Tasks run in Lambda functions of a local AWS, ministack, as they are deployed there; the
sender asks the same S3. Nothing here fails on a time.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter, time
from typing import Any, NamedTuple

from algernon.local import LocalSystem
from algernon_storage import aws_client

from .worker import work

#: How often Tasks of so many seconds are waited for.
ROUNDS = {0.3: 20, 1.0: 20, 30.0: 5}
#: Amazon S3 pricing, us-east-1, as of November 2026: a million of GET and HEAD.
DOLLARS_A_MILLION = 0.40


class Waited(NamedTuple):
    """A result that was waited for.

    Attributes:
        seconds: For how long.
        late: How many seconds after the Task's end it was there.
        requests: How many requests of S3 that took.
    """

    seconds: float
    late: float
    requests: int


class Requests:
    """The requests that this process makes of S3."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self.made = 0
        aws_client("s3").meta.events.register("before-call.s3", self._note)

    def _note(self, **_: Any) -> None:
        self.made = next(self._numbers)


def waited_for(seconds: float, requests: Requests) -> Waited:
    """Send a Task that takes so long, and wait for its result."""
    sent = work.using(keep_result=True).send(seconds)
    before, began = requests.made, perf_counter()
    ended_at = sent.result()
    late = time() - ended_at
    return Waited(perf_counter() - began, late, requests.made - before)


def main() -> None:
    """Print the table."""
    folder = Path(__file__).parent
    with LocalSystem("worker:router", directory=folder, timeout=60) as system, system.as_default():
        requests = Requests()
        waited_for(0, requests)  # which starts the function's process
        print("| a Task of | waited | late, median | at most | requests | US$ a million waits |")
        print("| --- | --- | --- | --- | --- | --- |")
        for seconds, rounds in ROUNDS.items():
            waits = [waited_for(seconds, requests) for _ in range(rounds)]
            asked = median(each.requests for each in waits)
            print(
                f"| {seconds:g} s | {median(each.seconds for each in waits):.2f} s"
                f" | {median(each.late for each in waits):.2f} s"
                f" | {max(each.late for each in waits):.2f} s | {asked:.0f}"
                f" | {asked * DOLLARS_A_MILLION:.0f} |"
            )


if __name__ == "__main__":
    main()
