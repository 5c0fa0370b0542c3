"""What Lambda, SQS, SNS and CloudFormation admit of workers, and what makes them one system."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...errors import TemplateError
from ...worker import Worker
from ..kept_values import READING_HANDLER
from .queues import EXTRA_RECEIVES

# AWS Lambda API Reference, CreateFunction: a handler's longest name. Of its form, Lambda's
# runtime for Python has a module's name, perhaps below folders, a point, and a function's name.
_LONGEST_HANDLER = 128
_HANDLER = re.compile(r"[\w-]+([./][\w-]+)*\.[^\W\d]\w*")
# Amazon SNS API Reference, CreateTopic: a topic's name has 256 characters, of which
# the stack's name may take 128, and the hyphen after it one.
_LONGEST_TASK_NAME = 127
# Amazon SQS Developer Guide, "Amazon SQS dead-letter queues": the largest maxReceiveCount.
_MOST_RECEIVES = 1000
_MOST_RETRIES = _MOST_RECEIVES - EXTRA_RECEIVES - 1


def check_workers(workers: Sequence[Worker]) -> None:
    """Refuse workers that can't be one system, or Tasks that AWS has no room for.

    Raises:
        TemplateError: They can't, or it hasn't; or a worker has no Task.
        TypeError: They are no list; what is among them isn't a `Worker`, or what that has is of
            another class than it should be.
    """
    if not isinstance(workers, Sequence) or isinstance(workers, str):
        raise TypeError(
            f"workers is of the class {type(workers).__name__}, but has to be a list of"
            " algernon.worker.Worker, since it is gone through several times: write"
            " [Worker(handler, tasks, retries)]"
        )
    if not workers:
        raise TemplateError("a system has at least one worker, but there is none: name one")
    for worker in workers:
        if not isinstance(worker, Worker):
            raise TypeError(
                f"{worker!r} isn't a worker: give system_template a list of"
                " algernon.worker.Worker(handler, tasks, retries)"
            )
        _check_handler(worker.handler)
        _check_tasks(worker)
        _check_retries(worker)
        _check_needs(worker)
    _check_that_all_differ(workers)


def _check_handler(handler: object) -> None:
    if not isinstance(handler, str):
        raise TypeError(
            f"the handler of a worker is of the class {type(handler).__name__}, but has to be a"
            ' text that names it, such as "shop.handler"'
        )
    if len(handler) > _LONGEST_HANDLER:
        raise TemplateError(
            f"the handler {handler[:40]}… has {len(handler)} characters, but Lambda takes"
            f" {_LONGEST_HANDLER} at most: give its module, or the packages that it is in, a"
            " shorter name"
        )
    if _HANDLER.fullmatch(handler) is None:
        raise TemplateError(
            f"{handler!r} can't be a worker's handler, which Lambda looks up as the name of a"
            " module, a point, and the name of a function in it: write it like shop.handler"
        )
    if handler == READING_HANDLER:
        raise TemplateError(
            f"{handler} is what reads secrets before a worker's own handler is looked up: name the"
            " worker's own, such as shop.handler, and the secrets in its settings, from which the"
            " template makes the rest"
        )


def _check_tasks(worker: Worker) -> None:
    tasks: object = worker.tasks
    if not isinstance(tasks, Sequence) or isinstance(tasks, str):
        raise TypeError(
            f"the Tasks of {worker.handler} are of the class {type(tasks).__name__}, but have to"
            f' be a tuple of their names: write Worker("{worker.handler}", ("order", "pay"),'
            " retries={})"
        )
    if not tasks:
        raise TemplateError(
            f"the worker {worker.handler} has no Tasks, so that nothing would ever call it: give"
            " its router one, or leave it out"
        )
    for task in tasks:
        _check_task_name(task, worker)


def _check_task_name(task: object, worker: Worker) -> None:
    from algernon_queue.errors import TaskNameError
    from algernon_queue.task import check_task_name

    if not isinstance(task, str):
        raise TypeError(
            f"{task!r} of {worker.handler} can't be a Task's name, since it is of the class"
            f" {type(task).__name__}: write the name as a text"
        )
    if len(task) > _LONGEST_TASK_NAME:
        raise TemplateError(
            f"the Task {task[:40]}… has a name of {len(task)} characters, but the name of its"
            f" topic, which begins with the stack's, has room for {_LONGEST_TASK_NAME}: give it"
            " a shorter one"
        )
    try:
        check_task_name(task)
    except TaskNameError as error:
        raise TemplateError(
            f"the worker {worker.handler} can't have such a Task: {error}"
        ) from error


def _check_retries(worker: Worker) -> None:
    _check_table("retries", worker.retries, worker)
    for task, retries in worker.retries.items():
        if type(retries) is not int:
            raise TypeError(
                f"the retries of the Task {task!r} are {retries!r}, of the class"
                f" {type(retries).__name__}, but have to be an int: write how often it is tried"
                " again"
            )
        if retries < 0:
            raise TemplateError(
                f"the Task {task!r} has {retries} retries, but it can't be tried less than once:"
                " give it 0 or more"
            )
        if retries > _MOST_RETRIES:
            raise TemplateError(
                f"the Task {task!r} has {retries} retries, but its queue has room for"
                f" {_MOST_RETRIES}: SQS gives a message out {_MOST_RECEIVES} times at the most, of"
                f" which {EXTRA_RECEIVES} are for what a worker that died left behind; give it"
                " fewer"
            )


def _check_needs(worker: Worker) -> None:
    _check_table("needs", worker.needs, worker)
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


def _check_table(name: str, table: object, worker: Worker) -> None:
    if not isinstance(table, Mapping):
        raise TypeError(
            f"{name} of {worker.handler} is of the class {type(table).__name__}, but has to be a"
            " mapping from the names of Tasks: leave it as {} where none has any"
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
