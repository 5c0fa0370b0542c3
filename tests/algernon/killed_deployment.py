"""A program that deploys a system and kills itself, at the call of AWS that it is told."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace

from algernon.local.place import place_of_local_aws
from algernon.settings import Settings
from algernon.system.deployment.deploy import Deployment
from algernon.template import system_template
from algernon.worker import Worker

from .test_deploy import code_of


def main() -> None:
    """Deploy the workers of the command line to a stack, until so many calls have been made."""
    stack, calls, text = sys.argv[1:]
    left = int(calls)

    def count(**_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    place = replace(place_of_local_aws(os.environ), stack_name=stack)
    place.session.events.register("before-send", count)
    workers = [Worker(f"{module}.handler", tuple(tasks), {}) for module, tasks in json.loads(text)]
    template = system_template(workers, settings=Settings(log_format="Text"))
    deployment = Deployment(place, template)
    code = code_of(workers)
    deployment.carry_out(deployment.plan(code), code)


if __name__ == "__main__":
    main()
