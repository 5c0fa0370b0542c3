"""What Lambda, SQS, SNS and CloudFormation admit of a system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from ...errors import TemplateError
from ...worker import Worker
from ..settings.settings import MEMORIES, TIMEOUTS, Settings
from .queues import EXTRA_RECEIVES

#: What of a system a template describes: all of it, or its Tasks, for functions of one's own.
TemplatePart: TypeAlias = Literal["all", "tasks"]

# AWS CloudFormation User Guide, "Understand CloudFormation quotas".
_RESOURCES_A_TEMPLATE = 500
_OUTPUTS_A_TEMPLATE = 200
# Amazon SNS API Reference, CreateTopic: a topic's name has 256 characters, of which
# the stack's name may take 128, and the hyphen after it one.
_LONGEST_TASK_NAME = 127
# Amazon SQS Developer Guide, "Amazon SQS dead-letter queues": the largest maxReceiveCount.
_MOST_RECEIVES = 1000
_MOST_RETRIES = _MOST_RECEIVES - EXTRA_RECEIVES - 1


def check_limits(timeout: int | None = None, memory: int | None = None) -> None:
    """Refuse what Lambda doesn't give a function.

    Args:
        timeout: In seconds; None is no limit of its own.
        memory: In MB, likewise.

    Raises:
        TemplateError: One of them is out of range.

    Example:
        >>> check_limits(timeout=60, memory=512)
    """
    for what, value, allowed, unit in (
        ("timeout", timeout, TIMEOUTS, "seconds"),
        ("memory", memory, MEMORIES, "MB"),
    ):
        if value is not None and value not in allowed:
            raise TemplateError(
                f"a {what} of {value} {unit} is outside Lambda's limits: it takes {allowed[0]} to"
                f" {allowed[-1]} {unit}"
            )


def check_workers(workers: Sequence[Worker]) -> None:
    """Refuse workers that can't be one system, or Tasks that AWS has no room for.

    Raises:
        TemplateError: They can't, or it hasn't.
        TypeError: What is among them isn't a `Worker`, or what its Tasks need isn't `TaskNeeds`.
    """
    if not workers:
        raise TemplateError("a system has at least one worker, but there is none: name one")
    for worker in workers:
        if not isinstance(worker, Worker):
            raise TypeError(
                f"{worker!r} isn't a worker: give system_template a list of"
                " algernon.worker.Worker(handler, tasks, retries)"
            )
        _check_needs(worker)
    _check_that_all_differ(workers)
    for worker in workers:
        for task in worker.tasks:
            _check_task(task, worker.retries.get(task, 0))


def check_settings(settings: object) -> None:
    """Refuse what aren't settings.

    Raises:
        TypeError: They aren't.
    """
    if not isinstance(settings, Settings):
        raise TypeError(
            f"settings is of the class {type(settings).__name__}, but has to be a Settings of"
            " algernon.settings: write Settings(memory=512), or read_settings(directory) for those"
            " of a pyproject.toml"
        )


def check_part(part: str) -> None:
    """Refuse what isn't a part of a system that a template can describe.

    Raises:
        TemplateError: It isn't.
    """
    if part not in get_args(TemplatePart):
        raise TemplateError(
            f'{part!r} is no part of a system: a template describes "all" of it, or its "tasks"'
        )


def check_size(tasks: int, resources: int, outputs: int) -> None:
    """Refuse more resources, or outputs, than a template holds.

    Args:
        tasks: How many Tasks it describes.
        resources: How many resources they take.
        outputs: How many outputs they have.

    Raises:
        TemplateError: They are too many.
    """
    for what, number, most in (
        ("resources", resources, _RESOURCES_A_TEMPLATE),
        ("outputs", outputs, _OUTPUTS_A_TEMPLATE),
    ):
        if number > most:
            raise TemplateError(
                f"{tasks} Tasks take {number} {what}, but a CloudFormation template holds at most"
                f" {most}: make two systems of them, each with the workers whose Tasks call each"
                " other; how those of one send to those of the other is said in algernon's"
                ' docs/deploying.md, at "More Tasks than one template holds"'
            )


def _check_needs(worker: Worker) -> None:
    if not worker.needs:
        return
    from algernon_queue import TaskNeeds

    for task, needs in worker.needs.items():
        if not isinstance(needs, TaskNeeds):
            raise TypeError(
                f"what the Task {task!r} of {worker.handler} needs is of the class"
                f" {type(needs).__name__}, but has to be a TaskNeeds of algernon: write"
                f' needs={{"{task}": TaskNeeds(timeout=900)}}'
            )


def _check_that_all_differ(workers: Sequence[Worker]) -> None:
    handlers: set[str] = set()
    handler_of: dict[str, str] = {}
    for worker in workers:
        if worker.handler in handlers:
            raise TemplateError(
                f"two workers have the handler {worker.handler}, which would be the same function"
                " twice: name each module once, and put all its Tasks on one router"
            )
        handlers.add(worker.handler)
        for task in worker.tasks:
            if task in handler_of:
                raise TemplateError(
                    f"the Task {task!r} is in the workers of {handler_of[task]} and"
                    f" {worker.handler}, but its queue can feed only one: take it out of one of"
                    " them, or give it another name there"
                )
            handler_of[task] = worker.handler


def _check_task(task: str, retries: int) -> None:
    if len(task) > _LONGEST_TASK_NAME:
        raise TemplateError(
            f"the Task {task[:40]}… has a name of {len(task)} characters, but the name of its"
            f" topic, which begins with the stack's, has room for {_LONGEST_TASK_NAME}: give it"
            " a shorter one"
        )
    if retries > _MOST_RETRIES:
        raise TemplateError(
            f"the Task {task!r} has {retries} retries, but its queue has room for"
            f" {_MOST_RETRIES}: SQS gives a message out {_MOST_RECEIVES} times at the most, of"
            f" which {EXTRA_RECEIVES} are for what a worker that died left behind; give it"
            " fewer"
        )
