"""The usual worker: functions by the name of their Task."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import copy_context
from types import MappingProxyType
from typing import Any, Unpack

from algernon_serialize import AlgObject, model_values, register_later

from ._aws.listeners import Listeners
from ._batch.context import RecordContext
from ._batch.deadline import Deadline
from ._batch.handler import BatchHandler
from ._batch.limits import TaskLimits
from ._batch.options import OptionArguments, Options
from ._batch.task_function import TaskFunction, check_task_function
from ._wire.keyword_arguments import keyword_arguments
from ._wire.message import Message
from ._wire.task_token import split_token
from .current_task import RunningTask, function_arn_of, running_task
from .errors import (
    SettingError,
    TaskNameError,
    UnregisteredTaskError,
)
from .retry import Retry
from .routed_task import RoutedTask
from .stated import run_state, run_waited_for
from .task import check_task_name
from .task_decorator import TaskDecorator
from .task_needs import TaskNeeds
from .task_options import TaskOptionArguments, TaskOptions

logger = logging.getLogger("algernon_queue")


class TaskRouter:
    """Functions that messages reach by their Task's name, and no others.

    A Task's function gets the message's ``task_kwargs`` as keyword arguments,
    with objects rebuilt; one that has a parameter ``context``, or a first one annotated
    `TaskContext`, gets the worker's context dict too. What it returns goes to the
    message's callback. A decorator of the function may supply some of all this.

    An ``async def`` function is awaited, and many of one batch run at a time.

    Args:
        options: The options of `queued`, by name.

    Raises:
        SettingError: An option has a value that means nothing.

    Example:
        >>> router = TaskRouter()
        >>> @router.task
        ... def double(n):
        ...     return {"doubled": 2 * n}
        >>> handler = router.handler
        >>> handler({"task_name": "double", "task_kwargs": {"n": 21}}, None)
        {'doubled': 42}
    """

    def __init__(self, **options: Unpack[OptionArguments]) -> None:
        self._options = Options(**options)
        self._tasks: dict[str, TaskFunction] = {}
        self._needs: dict[str, TaskNeeds] = {}
        self._context: dict[str, Any] = {}
        tasks = _TasksOf(self, self._tasks)
        self._batches = BatchHandler(tasks, self._options, self._context)
        self._has_begun = False

    @property
    def tasks(self) -> Mapping[str, Callable[..., Any]]:
        """The registered functions by the name of their Task."""
        return MappingProxyType({name: task.function for name, task in self._tasks.items()})

    @property
    def retries(self) -> Mapping[str, int]:
        """How often each Task is tried again, for the Tasks that say."""
        return {
            name: task.retry.retries
            for name, task in self._tasks.items()
            if task.retry is not None and task.retry.retries is not None
        }

    @property
    def needs(self) -> Mapping[str, TaskNeeds]:
        """What each Task asks of the function that runs it, for the Tasks that say."""
        return dict(self._needs)

    @property
    def task(self) -> TaskDecorator:
        """The decorator that registers a function as a Task, bare or with options.

        It returns a `RoutedTask`, which is called like the function, and which can be
        sent: ``price.send(items=[1])``.

        `retries` and `backoff` say how a message is tried again whose Task failed,
        under ``failures="report"``. Without either, it comes back after the
        queue's visibility timeout, until the queue's redrive policy moves it.

        `timeout`, `memory`, `max_concurrency`, `batch_size` and `batch_window` are what the
        Task asks of the function that runs it, as `TaskNeeds` says, and change nothing here:
        `algernon template` sets the function up by them, and so does who has a template of
        their own, by `needs`.

        Args:
            function: The function, where the decorator stands bare; or a RoutedTask, to
                register its function here too.
            name: The Task's name; the function's own by default.
            retries: How often it is tried again before its message is moved to
                the dead-letter queue, with the reason in its message attributes.
                How often it was tried is how often SQS says it was received, but
                for the times that this process handed it back untried.
            backoff: After how many seconds it is tried again the first time; each
                further time after twice as many. A part of them, at most half, is
                left out by chance. 1 by default, where `retries` is given.
            timeout: How long a batch may take, in seconds, from 1 to 900.
            memory: The memory of its function, in MB, from 128 to 10,240.
            max_concurrency: How many batches of it run at a time at most, from 2 to 1,000.
            batch_size: How many messages a batch has at most, from 1 to 10,000; above 10
                only with a `batch_window`.
            batch_window: How long Lambda waits for a batch to be full, in seconds, from 0
                to 300.

        Raises:
            TaskNameError: The name can't be a Task's, or is registered already, or
                the function, such as a ``functools.partial``, has none.
            SettingError: It is no function, or a generator, or a method of no object, or
                one that takes by position alone what is sent; a number is out of range, or
                two of them contradict each other; or the router's ``failures`` is ``"batch"``
                and there are `retries` or a `backoff`, under which nothing is hidden or moved.

        Example:
            ``@router.task(name="resize-image", retries=3, backoff=60)``
        """
        return TaskDecorator(self._options_of, self._register)

    def _options_of(self, given: TaskOptionArguments) -> TaskOptions:
        options = TaskOptions.of(**given)
        if options.retry is not None and self._options.failures == "batch":
            raise SettingError(
                "retries and backoff mean nothing under failures='batch', where the whole batch"
                " stays in the queue and comes back at the queue's own time: leave them out, or"
                ' write TaskRouter(failures="report")'
            )
        return options

    def _register(self, function: Callable[..., Any], options: TaskOptions) -> RoutedTask[..., Any]:
        if isinstance(function, RoutedTask):
            function = function.__wrapped__
        check_task_function(function)
        task_name = _name_of(function) if options.name is None else options.name
        check_task_name(task_name)
        if task_name in self._tasks:
            other = self._tasks[task_name].function
            raise TaskNameError(
                f"the Task {task_name!r} is registered already, as"
                f" {getattr(other, '__qualname__', other)}: give one of them another name="
            )
        _register_models_later(function)
        task = self._tasks[task_name] = TaskFunction(task_name, function, options.retry)
        if options.needs != TaskNeeds():
            self._needs[task_name] = options.needs
        return RoutedTask(task, (self._options.listeners or {}).get(task_name))

    def handler(self, event: dict[str, Any] | list[Any], context: Any) -> Any:
        """Handle what Lambda hands over: a batch of an SQS queue, or one bare message.

        A batch is worked off as `queued` says. A bare message (a state machine of
        Step Functions may send one, or the test button of Lambda's console) is run
        at once, and its result returned, as `stated` says. One with a task token is
        reported to its state machine too; of a failure that is told there, nothing is
        raised.

        Raises:
            NotAnSQSEventError: The event is neither.
            MalformedMessageError: The task token of a bare message is no text.
            BatchFailedError: Records failed under ``failures="batch"``.
        """
        message, task_token = split_token(event)
        if isinstance(message, Mapping) and "task_name" in message:
            return self._run_bare(message, task_token, context)
        if not self._has_begun:
            self._has_begun = True
            self._tell_of_void_retries()
        return self._batches.handle(event, context)

    def route(self, event: dict[str, Any], context: dict[str, Any]) -> Any:
        """Run the Task that one message names, and return its result.

        Of an ``async def`` function that is a coroutine, for the caller to await.

        Raises:
            UnregisteredTaskError: No function is registered under the name.
            TaskArgumentsError: The keyword arguments don't fit the function.
            algernon_serialize.SerializeError: They can't be rebuilt here.
        """
        task_name = event["task_name"]
        task = self._tasks.get(task_name)
        if task is None:
            raise UnregisteredTaskError(task_name)
        kwargs = keyword_arguments(event.get("task_kwargs"), task_name)
        return task.call(kwargs, context)

    def _run_bare(self, message: Mapping[str, Any], task_token: str | None, context: Any) -> Any:
        """Run the Task of a message that Lambda was called with directly."""
        variables = copy_context()
        if task_token is None:
            return variables.run(run_state, self._route_bare, message, context)
        return variables.run(run_waited_for, self._route_bare, message, context, task_token)

    def _route_bare(self, message: Mapping[str, Any], aws_context: Any) -> Any:
        bare = Message.bare(message)
        listeners = Listeners(self._options.listeners or {}, function_arn_of(aws_context))
        limits = TaskLimits(Deadline(aws_context, margin=0))
        running_task.set(RunningTask(bare, listeners, limits))
        own = {"aws": aws_context, "sqs": {}, "task": bare.context_entry()}
        own_context = RecordContext(self._context, own)
        return self.route(bare.with_constants().body, own_context)

    def _tell_of_void_retries(self) -> None:
        names = [name for name, task in self._tasks.items() if task.retry is not None]
        if names and self._options.keeps_whole_batch:
            logger.warning(
                "retries and backoff of %s mean nothing here, since a failure keeps the whole"
                " batch in the queue: write TaskRouter(failures='report'), or set"
                " ALGERNON_FAILURES=report, if the event source mapping has"
                " ReportBatchItemFailures",
                ", ".join(names),
            )


class _TasksOf:
    """The Tasks of a router, as its batches run them."""

    def __init__(self, router: TaskRouter, by_name: Mapping[str, TaskFunction]) -> None:
        self.run = router.route  # which a subclass may have overridden
        self._by_name = by_name

    def is_async(self, task_name: str) -> bool:
        task = self._by_name.get(task_name)
        return task is not None and task.is_async

    def as_arguments(self, result: Any) -> Any:
        # An AlgObject goes on whole, as it always did: a worker by @queued may wait for it.
        if isinstance(result, (dict, AlgObject)) or (values := model_values(result)) is None:
            return result
        return values

    def retry(self, task_name: str) -> Retry | None:
        task = self._by_name.get(task_name)
        return None if task is None else task.retry


def _name_of(function: Callable[..., Any]) -> str:
    name: str | None = getattr(function, "__name__", None)
    if name is None:
        raise TaskNameError(
            f"{function!r} has no name to be its Task's: give it one, as in"
            ' router.task(name="resize")'
        )
    return name


def _register_models_later(function: Callable[..., Any]) -> None:
    """Let objects of the models travel that annotate a Task's parameters and its result."""
    names: Mapping[str, Any] = {}
    if "<locals>" in getattr(function, "__qualname__", ""):
        from .models import local_names

        names = local_names(function)

    def find() -> list[type]:
        from .models import models_of  # which plain JSON never needs

        return models_of(function, names)

    register_later(find)
