"""A group that was sent, as its sender knows it, and what came of it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from functools import partial
from operator import index as to_index
from typing import Any, Generic, Literal, NamedTuple, Self, TypeVar
from uuid import UUID

from algernon_storage import Objects, Outcomes
from algernon_storage.tally import Place, Tally, cancel

from ._aws.joins import Step, publish_join, run_steps
from ._aws.manifests import read_header
from ._aws.parallel import in_parallel
from ._wire.membership import Membership, member_id
from .current_task import NOBODY, running_task
from .errors import ResultTimeoutError, SettingError
from .result import SentTask
from .waiting import reason_in_vain

R_co = TypeVar("R_co", covariant=True)

GroupState = Literal["running", "done", "failed", "cancelled"]


class Progress(NamedTuple):
    """How far a group has got.

    Attributes:
        done: How many members are done.
        failed: How many failed, and lie in dead-letter queues, or were cancelled or expired.
        size: How many members there are.
    """

    done: int
    failed: int
    size: int


class SentGroup(Generic[R_co]):
    """A group that was sent, by whose id it can be found again.

    `Group.send` returns one; made from an id, it can be had anywhere. ``sent[3]`` is its
    member of that number, as a `SentTask`, and `len` how many there are. Two of the same id
    are equal.

    What it tells is read in the bucket and the folder in which the group lies: those of its
    sender, which `ALGERNON_BUCKET_NAME` and `CACHE_FOLDER_NAME` name.

    Args:
        group_id: The group's id, a UUID.
        bucket: The bucket, where it isn't `ALGERNON_BUCKET_NAME`.
        folder: The folder in it, where it isn't `CACHE_FOLDER_NAME`, or ``cache``.

    Raises:
        SettingError: The group_id is no UUID.

    Example:
        >>> from algernon_queue import Group, TaskRouter
        >>> from algernon_queue.testing import InMemorySystem
        >>> router = TaskRouter()
        >>> @router.task
        ... def price(item: str) -> int:
        ...     return 9 * len(item)
        >>> with InMemorySystem(router) as system:
        ...     sent = Group([price.request(item=item) for item in ("tea", "jam")]).send()
        ...     print(sent.state(), sent.progress())
        ...     system.run()
        ...     print(sent.state(), [*sent.result()], sent[1].result())
        running Progress(done=0, failed=0, size=2)
        done [27, 27] 27
    """

    __slots__ = ("_bucket", "_facts", "_folder", "_group_id")

    def __init__(
        self, group_id: str | UUID, *, bucket: str | None = None, folder: str | None = None
    ) -> None:
        self._group_id = _checked_id(group_id)
        self._bucket = bucket
        self._folder = folder
        self._facts: _Facts | None = None

    @classmethod
    def of_send(cls, tally: Tally, result_id: str) -> Self:
        """Return what was sent just now, of which more is known than the id."""
        sent = cls(tally.group_id, bucket=tally.place.bucket, folder=tally.place.folder)
        sent._facts = _Facts(tally, result_id)
        return sent

    @property
    def group_id(self) -> str:
        """The group's id."""
        return self._group_id

    def __len__(self) -> int:
        """Return how many members there are.

        Raises:
            algernon_storage.MissingObjectError: There is no such group (any more).
            algernon_storage.StorageError: No bucket is named, or it doesn't exist.
            botocore.exceptions.ClientError: S3 refuses.
        """
        return self._known.tally.size

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, index: int) -> SentTask[Any]:
        """Return a member.

        Raises:
            IndexError: There is no such member.
            TypeError: The index is no integer, such as a slice.
            Exception: What `len` raises.
        """
        tally = self._known.tally
        try:
            # Of a slice a range gives another range, which is no member.
            number = range(tally.size)[to_index(index)]
        except IndexError:
            raise IndexError(
                f"there is no member {index} of the {tally.size} of the group {self._group_id}"
            ) from None
        return SentTask.of_member(Membership(self._group_id, number, *tally.place))

    def __iter__(self) -> Iterator[SentTask[Any]]:
        return (self[index] for index in range(len(self)))

    @property
    def result_id(self) -> str:
        """The id under which what comes of the group stands, as `SentTask` takes it.

        Raises:
            Exception: What `len` raises.
        """
        return self._known.result_id

    def missing(self) -> list[int]:
        """Return the numbers of the members that aren't done.

        It takes a request of S3 for every 32 members that are done, and one for each other
        one, many at a time.

        Raises:
            Exception: What `len` raises.

        Example:
            ``[sent[index].state() for index in sent.missing()]``
        """
        return _count_done(self._known.tally)[1]

    def progress(self) -> Progress:
        """Count the members that are done, and those that failed.

        It takes a request of S3 for every 32 members that are done, and two for each other
        one, many at a time.

        Raises:
            Exception: What `len` raises.
        """
        tally = self._known.tally
        done, missing = _count_done(tally)
        outcomes = Outcomes(bucket=tally.place.bucket, folder=tally.place.folder)
        failures = _values(in_parallel(partial(_has_failed, outcomes, tally), missing))
        return Progress(done, sum(failures), tally.size)

    def result(self, *, timeout: float | None = None) -> R_co:
        """Wait for what comes of the group: what its `then` returns, else the `Results`.

        It is looked for as often as by `SentTask.result`.

        Args:
            timeout: For how many seconds; None waits for as long as it takes, and with 0 it
                is looked for once.

        Raises:
            TaskFailedError: The Task that gets the results failed for good, or a member was
                cancelled or expired, so that the group failed. (One whose member lies in a
                dead-letter queue waits for it to be redriven.)
            TaskCancelledError: The group was cancelled.
            ResultTimeoutError: It isn't there in time. It says how many members are done, and
                how many failed.
            WaitInTaskError: A Task asks.
            Exception: What `SentTask.result` and `len` raise.
        """
        try:
            result: R_co = self._known.end.result(timeout=timeout)
        except ResultTimeoutError as error:
            raise timed_out(self, error) from error
        return result

    async def wait(self, *, timeout: float | None = None) -> R_co:
        """Wait for what comes of the group as `result` does, while other coroutines run.

        Args:
            timeout: As in `result`.

        Raises:
            Exception: What `result` raises.
        """
        from asyncio import to_thread  # as late as in SentTask.wait

        try:
            result: R_co = await self._known.end.wait(timeout=timeout)
        except ResultTimeoutError as error:
            raise await to_thread(timed_out, self, error) from error
        return result

    def __await__(self) -> Generator[Any, None, R_co]:
        """Wait for what comes of it for as long as it takes, as `wait` does."""
        return self.wait().__await__()

    def state(self) -> GroupState:
        """Return what is known of the group now.

        ``"running"`` is also what waits for a dead letter, which `progress` counts.
        ``"failed"`` is one of which a member was cancelled or has expired, for good; or one
        whose `then` lies in the dead-letter queue, until that is redriven.

        Raises:
            Exception: What `len` raises.
        """
        match self._known.end.state():
            case "done" | "failed" | "cancelled" as state:
                return state
        return "running"

    def cancel(self) -> bool:
        """Cancel the group, unless it is too late, and tell whether that is this call's doing.

        Members that haven't begun never do. Those that run go on, and nothing comes of them;
        `CurrentTask.is_cancelled` tells them. `then` is never sent.

        Returns:
            True if it is cancelled from now on, by this call. False if it was too late: all
            members were done, the group had failed, or was cancelled before.

        Raises:
            Exception: What `len` raises.
        """
        tally = read_header(self._place, self._group_id).tally
        return bool(_run(cancel(tally)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SentGroup):
            return NotImplemented
        return self._group_id == other._group_id

    def __hash__(self) -> int:
        return hash(self._group_id)

    def __repr__(self) -> str:
        return f"SentGroup({self._group_id!r})"

    @property
    def _place(self) -> Place:
        objects = Objects(bucket=self._bucket, folder=self._folder)
        return Place(objects.bucket, objects.folder)

    @property
    def _known(self) -> _Facts:
        if self._facts is None:
            header = read_header(self._place, self._group_id)
            self._facts = _Facts(header.tally, header.result_id)
        return self._facts


def timed_out(group: SentGroup[Any], error: ResultTimeoutError) -> ResultTimeoutError:
    """Return the error of a group that isn't there in time, which says how far it has got.

    Args:
        group: The group.
        error: What says the same of that which comes of it.

    Raises:
        Exception: What `SentGroup.progress` raises.
    """
    done, failed, size = group.progress()
    looks = "1 look" if error.looks == 1 else f"{error.looks} looks"
    if failed:
        why = (
            "those that failed lie in dead-letter queues, and hold it until they are redriven:"
            f" `algernon group {group.group_id}` tells which"
        )
    elif done < size:
        why = "the others wait or run"
    else:
        why = "what gets the results hasn't ended"
    message = (
        f"the group {group.group_id} is running, after {error.seconds:.1f} s and {looks}:"
        f" {done} of {size} done, {failed} failed; {why}"
    )
    if reason := reason_in_vain():
        message += f"; {reason}"
    return ResultTimeoutError(
        message, states=error.states, seconds=error.seconds, looks=error.looks
    )


class _Facts(NamedTuple):
    """What is known of a group besides its id."""

    tally: Tally
    result_id: str

    @property
    def end(self) -> SentTask[Any]:
        """What comes of it all."""
        outer = self.tally.outer
        place = self.tally.place if outer is None else outer.place
        return SentTask(self.result_id, bucket=place.bucket, folder=place.folder)


def _run(step: Step) -> Any:
    sender = running_task.get() or NOBODY
    (answer,) = run_steps([step], partial(publish_join, listeners=sender.listeners))
    return _values([answer])[0]


def _count_done(tally: Tally) -> tuple[int, list[int]]:
    """Return how many members are done, and the others' indices."""
    objects = Objects(bucket=tally.place.bucket, folder=tally.place.folder)

    def is_done(name: str) -> bool:
        found = objects.find(name, most=1)
        return found is not None and found.kind == "done"

    widths = [tally.size]
    while widths[-1] > 1:
        widths.append(-(-widths[-1] // tally.family))
    # From the top, since a node that is there speaks for all below it.
    missing: Iterable[int] = range(widths[-1])
    for level in reversed(range(len(widths))):
        names = [tally.node_name(level, index) for index in missing]
        found = _values(in_parallel(is_done, names))
        absent = [index for index, there in zip(missing, found, strict=True) if not there]
        if not level:
            break
        width = widths[level - 1]
        missing = [
            index
            for node in absent
            for index in range(node * tally.family, min((node + 1) * tally.family, width))
        ]
    return tally.size - len(absent), absent


def _has_failed(outcomes: Outcomes, tally: Tally, index: int) -> bool:
    task_id = member_id(tally.group_id, index)
    # One that has an outcome by now, and isn't done, is cancelled or expired.
    if outcomes.failure(task_id) is not None:
        return True
    outcome = outcomes.find(task_id)
    return outcome is not None and outcome.kind != "done"


def _values(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def _checked_id(group_id: object) -> str:
    try:
        return str(UUID(str(group_id)))
    except ValueError as error:
        raise SettingError(
            f"{str(group_id)[:80]!r} is no group's id, which is a UUID: give it that of what"
            " Group.send() returned, its group_id"
        ) from error
