"""Running the Task of a dead letter in this process, with the worker's own code."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import WorkerError
from ...worker import split_target
from ..kept_values import handler_of, kept_variables
from ..loading import load_module, router_in, routers_in
from ..mappings import find_mappings
from ..place import Place
from .letter import record_of
from .reader import Taken

if TYPE_CHECKING:
    from algernon_queue import TaskRouter
    from algernon_queue.testing.rehearsal import Rehearsal

    from ..task_queues import TaskQueues

# What Lambda sets for a function by itself, and what leads to AWS.
_LAMBDAS_OWN = ("AWS_", "LAMBDA_", "_")


@dataclass(frozen=True, slots=True)
class RehearsedFunction:
    """The function that works off a queue, as it is deployed, whose part this process takes.

    Attributes:
        name: Its name.
        module: The module of its handler.
        variables: Its environment variables.
    """

    name: str
    module: str
    # They may hold credentials.
    variables: Mapping[str, str] = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the variables that it reads when it starts, which aren't among those."""
        return kept_variables(self.variables)


def find_function(place: Place, queues: TaskQueues) -> RehearsedFunction:
    """Return the function that works off a Task's queue.

    Raises:
        WorkerError: There is none.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights
            ``lambda:ListEventSourceMappings`` and ``lambda:GetFunctionConfiguration``.
    """
    client = place.client("lambda")
    queue = queues.queue_arn
    for mapping in find_mappings(client, [queue])[queue]:
        found = client.get_function_configuration(FunctionName=mapping.function_arn)
        module, _, _ = (handler_of(found) or "").replace("/", ".").rpartition(".")
        if module:
            variables = found.get("Environment", {}).get("Variables", {})
            return RehearsedFunction(found["FunctionName"], module, variables)
    raise WorkerError(
        f"no function works off the queue of the Task {queues.task!r} by a handler in a module: say"
        " which worker it is, as MODULE:ROUTER"
    )


def with_variables(place: Place, function: RehearsedFunction) -> Place:
    """Return a place whose environment has the function's variables too, where it hasn't them."""
    variables = {
        name: value
        for name, value in function.variables.items()
        if not name.startswith(_LAMBDAS_OWN)
    }
    return replace(place, environ={**variables, **place.environ})


def load_router(task: str, targets: Sequence[str], directory: Path) -> TaskRouter:
    """Import workers, and return the first router that has a Task.

    Args:
        task: The Task's name.
        targets: A ``MODULE:ROUTER`` for each; or ``MODULE``, which means all of its routers.
        directory: Where the modules are, which stays at the head of ``sys.path``.

    Raises:
        WorkerError: One can't be imported, or has no such router; or none has the Task.
    """
    tasks: list[str] = []
    for target in targets:
        for router in _routers_of(target, directory):
            if task in router.tasks:
                return router
            tasks += router.tasks
    raise WorkerError(
        f"{' '.join(targets)} has no Task {task!r}, only {', '.join(tasks) or 'none'}: name the"
        " worker that has it, as MODULE:ROUTER"
    )


def run_letter(taken: Taken, router: TaskRouter) -> Rehearsal:
    """Run the Task of a letter as its worker would, while nothing of it leaves this process.

    It needs the process to be led to the letter's place.
    """
    from algernon_queue.testing.rehearsal import rehearse

    with _failures_untold():
        return rehearse(router, _record(taken))


def _routers_of(target: str, directory: Path) -> list[TaskRouter]:
    if ":" not in target:
        return [*routers_in(load_module(target, directory)).values()]
    module_name, router_name = split_target(target)
    return [router_in(load_module(module_name, directory), router_name)]


def _record(taken: Taken) -> dict[str, Any]:
    """Return the letter as Lambda would hand it over if it came to the Task's queue again."""
    record = record_of(taken.message)
    arn = taken.letter.queues.queue_arn
    return {
        **record,
        "receiptHandle": taken.receipt,
        "attributes": {**record["attributes"], "ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }


@contextmanager
def _failures_untold() -> Iterator[None]:
    """Have no failure logged that the caller gets, and tells itself."""

    def is_other(record: logging.LogRecord) -> bool:
        return record.exc_info is None

    logger = logging.getLogger("algernon_queue")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)
