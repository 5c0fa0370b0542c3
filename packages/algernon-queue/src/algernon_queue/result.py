"""A Task that was sent, as its sender knows it, and what came of it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from time import sleep
from typing import Any, Generic, Self, TypeVar, cast
from uuid import UUID

from algernon_storage import (
    FailureNote,
    LedgerError,
    Objects,
    Outcome,
    Outcomes,
    S3Ledger,
    State,
    StoredData,
)

from ._aws.parallel import in_parallel
from ._wire.membership import Membership
from .errors import (
    ResultNotKeptError,
    ResultTimeoutError,
    SettingError,
    TaskCancelledError,
    TaskExpiredError,
    TaskFailedError,
    TaskFailure,
    kind_of,
)
from .waiting import Wait

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")

#: What came of what was sent: what stands for good, or why it is in a dead-letter queue.
_End = Outcome | FailureNote


class SentTask(Generic[R_co]):
    """A Task that was sent, or a chain of them, by whose id it can be found again.

    Its type says what comes of it: ``SentTask[Invoice]``. `send` returns one; made from
    an id, it can be had anywhere. Two of the same id are equal.

    What it tells is read in the bucket and the folder of the workers, which are those that
    `ALGERNON_BUCKET_NAME` and `CACHE_FOLDER_NAME` name, or among
    `ALGERNON_TRUSTED_BUCKETS`. A failed Task of whose failure nobody takes note, which is
    neither kept nor under a ledger, stays unknown.

    Args:
        task_id: The UUID under which it was sent.
        bucket: The bucket of the workers, where it isn't `ALGERNON_BUCKET_NAME`.
        folder: The folder in it, where it isn't `CACHE_FOLDER_NAME`, or ``cache``: for
            `state` and `cancel` that of the worker's ledger, where it has one of its own.

    Raises:
        SettingError: The task_id is no UUID.

    Example:
        >>> from algernon_queue import TaskRouter
        >>> from algernon_queue.testing import InMemorySystem
        >>> router = TaskRouter()
        >>> @router.task
        ... def price(items: list[int]) -> dict[str, int]:
        ...     return {"total": sum(items)}
        >>> with InMemorySystem(router) as system:
        ...     sent = price.using(keep_result=True).send(items=[1, 2])
        ...     system.run()
        ...     print(sent.state(), sent.result(timeout=60))
        done {'total': 3}
    """

    __slots__ = (
        "_bucket",
        "_folder",
        "_is_cancellable",
        "_is_kept",
        "_membership",
        "_outcome",
        "_task_id",
    )

    def __init__(
        self, task_id: str | UUID, *, bucket: str | None = None, folder: str | None = None
    ) -> None:
        self._task_id = _checked_id(task_id)
        self._bucket = bucket
        self._folder = folder
        # What only the sender knows; of an id, nobody.
        self._is_kept: bool | None = None
        self._is_cancellable: bool | None = None
        self._membership: Membership | None = None
        self._outcome: Outcome | None = None

    @classmethod
    def of_send(cls, task_id: str, *, is_kept: bool, is_cancellable: bool) -> Self:
        """Return what was sent just now, of which more is known than the id.

        Args:
            task_id: The id under which it was sent.
            is_kept: Whether its result is going to be kept.
            is_cancellable: Whether its worker will look whether it was cancelled.
        """
        sent = cls(task_id)
        sent._is_kept = is_kept
        sent._is_cancellable = is_cancellable
        return sent

    @classmethod
    def of_member(cls, membership: Membership) -> Self:
        """Return a member of a group, whose outcome lies where the group does."""
        sent = cls(membership.result_id, bucket=membership.bucket, folder=membership.folder)
        sent._membership = membership
        return sent

    @property
    def task_id(self) -> str:
        """The UUID under which it was sent."""
        return self._task_id

    def result(self, *, timeout: float | None = None) -> R_co:
        """Wait for the result, and return it: of a chain, that of its last Task.

        It is looked for at once, after 50 ms, and then every 15 % of the time waited, at most
        every 5 s: some 7 times in the first 0.3 s, 15 in the first second and 40 in the first
        30 s, each by two requests of S3.

        The result is rebuilt as a Task's arguments are: objects of registered classes, and
        of those that annotate the Tasks of routers that this process has imported.

        Args:
            timeout: For how many seconds; None waits for as long as it takes, and with 0 it
                is looked for once.

        Raises:
            TaskFailedError: The Task, or one of its chain, failed for good.
            TaskCancelledError: It was cancelled.
            TaskExpiredError: It didn't begin before it expired.
            ResultNotKeptError: It was sent without `keep_result`.
            ResultTimeoutError: It isn't there in time; within a block of `InMemorySystem` or
                `sent_tasks`, where nothing comes by waiting, after the first look.
            WaitInTaskError: A Task asks. What it wants is `then`.
            SettingError: The timeout is no number of seconds from 0 on, or the id a group's.
            algernon_storage.MissingBucketError: No bucket is named, or it doesn't exist.
            algernon_storage.UntrustedBucketError: The bucket, or the folder in it, isn't
                one that this process reads from.
            algernon_storage.StorageError: What is there is damaged, or longer than
                `ALGERNON_MAX_READ_BYTES`.
            algernon_serialize.SerializeError: It can't be rebuilt here.
            botocore.exceptions.ClientError: S3 refuses.

        Example:
            ``invoice = bill.using(keep_result=True).send(total=3).result(timeout=60)``
        """
        wait = self._begin(timeout)
        for _ in wait.attempts():
            if (end := self._look()) is not None:
                return self._result_of(end)
            sleep(wait.pause)
        raise _timed_out(wait, [self])

    async def wait(self, *, timeout: float | None = None) -> R_co:
        """Wait for the result as `result` does, while other coroutines run.

        S3 is asked in threads of the event loop's own, which end with it.

        Args:
            timeout: As in `result`.

        Raises:
            Exception: What `result` raises.

        Example:
            ``invoice = await sent.wait(timeout=60)``, or ``await sent`` for as long as it takes
        """
        # Importing it takes longer than this whole package, and no worker waits.
        from asyncio import sleep, to_thread

        wait = await to_thread(self._begin, timeout)
        for _ in wait.attempts():
            if (end := await to_thread(self._look)) is not None:
                return await to_thread(self._result_of, end)
            await sleep(wait.pause)
        raise await to_thread(_timed_out, wait, [self])

    def __await__(self) -> Generator[Any, None, R_co]:
        """Wait for the result for as long as it takes, as `wait` does."""
        return self.wait().__await__()

    def state(self) -> State:
        """Return what is known of it now.

        ``"done"``, ``"cancelled"`` and ``"expired"`` are final. ``"failed"`` is until its
        dead letter is redriven. ``"running"`` is known of single Tasks under a ledger
        alone; any other that hasn't ended is ``"unknown"``, as is what was never sent. Of a
        chain that isn't kept, it is the state of the first Task.

        Raises:
            SettingError: The id is that of a group, which is joined.
            algernon_storage.StorageError: No bucket is named, or it doesn't exist, or isn't one
                that this process reads from.
            botocore.exceptions.ClientError: S3 refuses.

        Example:
            ``SentTask(task_id).state() == "done"``
        """
        with self._refusing_groups():
            state = self._ledger.state(self._task_id)
        if state in ("unknown", "failed") and self._outcome_by_group() is not None:
            return "cancelled"
        return state

    def cancel(self) -> bool:
        """Cancel it, unless it has ended, and tell whether that is this call's doing.

        What hasn't begun never does. What runs goes on: its result is thrown away, nothing
        comes after it, and it can ask `CurrentTask.is_cancelled`. Of a chain no further Task
        begins. A group fails with the first of its members that is cancelled.

        It holds for what was sent by ``using(cancellable=True)`` or ``using(unique=…)``, and
        for Tasks of workers with a ledger (``once=True``). One that is made from an id can't
        know: of anything else it returns True, and the Task runs all the same. So it does
        where the worker's ledger is in another folder, unless this has that folder.

        Returns:
            True if it is cancelled from now on, by this call. False if it was too late: it
            was done, had expired, or was cancelled before.

        Raises:
            SettingError: It was sent in another manner, or is a group, which is joined.
            algernon_storage.StorageError: No bucket is named, or it doesn't exist, or isn't one
                that this process reads from.
            botocore.exceptions.ClientError: S3 refuses.

        Example:
            ``if not sent.cancel(): refund(sent.result())``
        """
        if self._is_cancellable is False:
            raise SettingError(
                f"the Task {self._task_id} can't be cancelled by what sent it, since its worker"
                " doesn't look for that: send it by using(cancellable=True), or, if the worker"
                f" has a ledger (once=True), call SentTask({self._task_id!r}).cancel()"
            )
        with self._refusing_groups():
            outcome, is_ours = self._ledger.settle(self._task_id, "cancelled")
        # Whoever cancelled it before may have died over the rest.
        if self._membership is not None and outcome.kind == "cancelled":
            _fail_group(self._membership)
        return is_ours

    @property
    def _outcomes(self) -> Outcomes:
        return Outcomes(bucket=self._bucket, folder=self._folder)

    @property
    def _ledger(self) -> S3Ledger:
        # Before there is a ledger, which makes its place one that this process reads from.
        Objects(bucket=self._bucket, folder=self._folder).check_trust()
        return S3Ledger(bucket=self._bucket, folder=self._folder)

    def _begin(self, timeout: float | None) -> Wait:
        wait = Wait(timeout)
        self._check()
        return wait

    def _check(self) -> None:
        """Refuse what never has a result, and where this process doesn't read from."""
        if self._is_kept is False and not self._is_cancellable:
            raise self._not_kept()
        Objects(bucket=self._bucket, folder=self._folder).check_trust()
        if self._is_kept is False:
            end = self._look()
            if isinstance(end, Outcome):
                self._refuse_failed(end)
            raise self._not_kept()

    def _look(self) -> _End | None:
        """Return what came of it, or None if it hasn't ended."""
        outcomes = self._outcomes
        with self._refusing_groups():
            outcome = self._outcome or outcomes.find(self._task_id)
        if outcome is None:
            failure = outcomes.failure(self._task_id)
            if failure is None:
                return self._outcome_by_group()
            # Of two deliveries, one may have come through while the other failed.
            outcome = outcomes.find(self._task_id)
            if outcome is None:
                return failure
        self._outcome = outcome  # which stands for good
        return outcome

    @contextmanager
    def _refusing_groups(self) -> Iterator[None]:
        """Say of what is no Task's outcome that it is a group's, if it is."""
        try:
            yield
        except LedgerError as error:
            objects = Objects(bucket=self._bucket, folder=self._folder)
            found = objects.find(f"{self._task_id}!done", most=1)
            if found is None or found.kind != "joined":
                raise
            raise SettingError(
                f"{self._task_id} is a group's id, not a Task's: give it to SentGroup"
            ) from error

    def _outcome_by_group(self) -> Outcome | None:
        """Return what a member comes to that isn't run any more, for its group was given up."""
        group = self._membership
        if group is None:
            return None
        objects = Objects(bucket=group.bucket, folder=group.folder)
        verdict = f"{group.group_id}!done"
        found = objects.find(verdict, most=1)
        if found is None or found.kind == "joined":
            return None
        return Outcome(objects.pointer(verdict), ends_chain=True, kind="cancelled")

    def _refuse_failed(self, end: _End) -> None:
        if isinstance(end, FailureNote):
            raise TaskFailedError(TaskFailure(**asdict(end)))
        if end.kind == "cancelled":
            raise TaskCancelledError(
                f"the Task {self._task_id} was cancelled, or the group whose member it is was"
                " given up, and has no result: send it again, under another id, if it is wanted"
                " after all"
            )
        if end.kind == "expired":
            raise TaskExpiredError(
                f"the Task {self._task_id} wasn't begun before it expired, and has no result: send"
                " it again, with a larger expires= if it has to wait for others"
            )
        if end.kind == "failed":
            raise TaskFailedError(self._failure_in(end))

    def _failure_in(self, outcome: Outcome) -> TaskFailure:
        """Return the failure that an outcome has for a result, as far as it says more of it."""
        match StoredData.retrieve(outcome.pointer, rebuild=False).data:
            case {
                "error": str(error),
                "reason": str(reason),
                "task_id": str(task_id),
                "attempts": int(attempts),
                "task_name": (str() | None) as task_name,
            }:
                return TaskFailure(error, reason, task_id, attempts, task_name)
        return TaskFailure("TaskFailed", "nobody noted why", self._task_id, 0)

    def _result_of(self, end: _End) -> R_co:
        self._refuse_failed(end)
        outcome = cast(Outcome, end)
        # A member's is there for the group, which says nothing of it.
        if not outcome.is_kept and self._membership is None:
            raise self._not_kept()
        result: R_co = StoredData.retrieve(outcome.pointer).data
        return result

    def _not_kept(self) -> ResultNotKeptError:
        return ResultNotKeptError(
            f"the result of the Task {self._task_id} isn't kept, since it was sent without"
            " keep_result: send it by using(keep_result=True), or by send_task(…,"
            " keep_result=True)"
        )

    def __eq__(self, other: object) -> bool:
        return self._task_id == other._task_id if isinstance(other, SentTask) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._task_id)

    def __repr__(self) -> str:
        place = [
            f"{key}={value!r}"
            for key, value in (("bucket", self._bucket), ("folder", self._folder))
            if value
        ]
        return f"SentTask({', '.join([repr(self._task_id), *place])})"


def as_completed(
    sent: Iterable[SentTask[R]], *, timeout: float | None = None
) -> Iterator[SentTask[R]]:
    """Wait for many Tasks, and give each when it has ended, in the order in which they do.

    The first one that failed, was cancelled or has expired raises that when it is reached;
    the others go on. It is looked as often as by `SentTask.result`, for each that hasn't
    ended, many at a time: beyond some dozens, send a `Group`.

    Args:
        sent: The Tasks.
        timeout: For how many seconds, from now on until the last has ended; None waits for as
            long as it takes.

    Raises:
        ResultTimeoutError: Some haven't ended in time.
        SettingError: Something is no SentTask, or the timeout no number of seconds from 0 on.
        Exception: What `SentTask.result` raises.

    Example:
        ``for one in as_completed([resize.send(path=path) for path in paths]): print(one.result())``
    """
    tasks = _listed(sent, "as_completed")
    wait = Wait(timeout)
    for task in tasks:
        task._check()
    return _ended_of(tasks, wait)


def wait_all(sent: Iterable[SentTask[R]], *, timeout: float | None = None) -> list[R]:
    """Wait for many Tasks, and return their results, in the order of what was given.

    The first one that failed, was cancelled or has expired raises that; the others go on.

    Args:
        sent: As in `as_completed`.
        timeout: As in `as_completed`.

    Raises:
        ResultTimeoutError: Some haven't ended in time.
        SettingError: Something is no SentTask, or the timeout no number of seconds from 0 on.
        Exception: What `SentTask.result` raises.

    Example:
        ``sizes = wait_all([resize.send(path=path) for path in paths], timeout=60)``
    """
    tasks = _listed(sent, "wait_all")
    for _ in as_completed(tasks, timeout=timeout):
        pass
    # In tuples, since a result may be an Exception itself.
    results = in_parallel(lambda task: (task.result(),), tasks)
    return [_value_of(result)[0] for result in results]


def _ended_of(tasks: list[SentTask[R]], wait: Wait) -> Iterator[SentTask[R]]:
    for _ in wait.attempts():
        looked = [_value_of(end) for end in in_parallel(SentTask._look, tasks)]
        ended = [(task, end) for task, end in zip(tasks, looked, strict=True) if end is not None]
        tasks = [task for task, end in zip(tasks, looked, strict=True) if end is None]
        for task, end in ended:
            task._refuse_failed(end)
            yield task
        if not tasks:
            return
        sleep(wait.pause)
    raise _timed_out(wait, tasks)


def _value_of(answer: R | Exception) -> R:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _timed_out(wait: Wait, tasks: list[SentTask[Any]]) -> ResultTimeoutError:
    states = [_value_of(state) for state in in_parallel(SentTask.state, tasks)]
    return wait.timed_out({task.task_id: state for task, state in zip(tasks, states, strict=True)})


def _fail_group(membership: Membership) -> None:
    """Have a group fail, and whatever waits for it, of which a member is cancelled."""
    # What few cold starts need.
    from algernon_storage.tally import Place, fail

    from ._aws.joins import publish_join, run_steps
    from ._aws.listeners import Listeners
    from ._aws.manifests import find_header

    header = find_header(Place(membership.bucket, membership.folder), membership.group_id)
    if header is None:
        return  # nobody waits for a group that is forgotten
    publish = partial(publish_join, listeners=Listeners())
    _value_of(*run_steps([fail(header.tally)], publish))


def _listed(sent: Iterable[SentTask[R]], function_name: str) -> list[SentTask[R]]:
    if isinstance(sent, SentTask):
        raise SettingError(
            f"{function_name} was given a SentTask, but wants many: write {function_name}([…])"
            " around it"
        )
    tasks = [*sent]
    for task in tasks:
        if not isinstance(task, SentTask):
            raise SettingError(
                f"{function_name} was given {kind_of(task)}, which is no SentTask: give it what"
                " send() returns, or SentTask(task_id)"
            )
    return tasks


def _checked_id(task_id: object) -> str:
    try:
        return str(UUID(str(task_id)))
    except ValueError as error:
        raise SettingError(
            f"{str(task_id)[:80]!r} is no id under which a Task can have been sent, since it is no"
            " UUID: give the one that send_task() returned, or send().task_id"
        ) from error
