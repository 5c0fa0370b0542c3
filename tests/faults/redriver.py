"""A process that redrives letters, and that kills itself at the moment that it is told.

``python -m tests.faults.redriver ENVIRON LIMIT PHASE CALLS``: where, how many letters at most, and
in which phase, and at which beginning or end of a call there, it dies; 0 for not at all.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from itertools import count
from typing import Any

from algernon.local.place import place_of_local_aws
from algernon.system.letters.redrive import Redrive
from algernon.system.place import Place, leading_to
from algernon.system.task_queues import find_task_queues

#: So long nobody else gets what a killed process held: a minute would take an hour and a half.
HOLD_SECONDS = 2


def main(environ: str, limit: str, phase: str, calls: str) -> None:
    """Redrive letters, as `algernon dead redrive --yes` does."""
    place = place_of_local_aws(json.loads(environ))
    with leading_to(place):
        redrive = Redrive(
            place, find_task_queues(place), limit=int(limit) or None, hold=HOLD_SECONDS
        )
        if phase == "plan":
            _die_at(place, int(calls))
        plan = redrive.plan()
        if phase == "move":
            _die_at(place, int(calls))
        print("moving", flush=True)
        done = redrive.carry_out(plan)
    print("moved", done.moved.total(), flush=True)


def _die_at(place: Place, calls: int) -> None:
    """Have this process die at a beginning or end of a call, in whichever thread."""
    if not calls:
        return
    passed = count(1)

    def pass_by(**_: Any) -> None:
        if next(passed) == calls:
            os.kill(os.getpid(), signal.SIGKILL)

    # Those of clients that were made before, such as the one for S3, are their own.
    place.session.events.register("before-call", pass_by)
    place.session.events.register("after-call", pass_by)


if __name__ == "__main__":
    main(*sys.argv[1:])
