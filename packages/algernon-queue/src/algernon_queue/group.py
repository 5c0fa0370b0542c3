"""Groups: Tasks that are sent together, and the Task that gets all their results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from typing import Any, Generic, Literal, NamedTuple, NoReturn, TypeVar, overload
from uuid import UUID, uuid4, uuid5

from algernon_serialize import NestingError, UnserializableError, ajson
from algernon_storage import (
    Document,
    Objects,
    StoredData,
    Upload,
    content_sha256,
    uploads_put_off,
)
from algernon_storage.tally import Outer, Place, Tally

from ._aws.groups import Prepared, begin
from ._wire.callback import Callback
from ._wire.manifest import (
    MAX_ARGUMENTS_BYTES,
    Header,
    Member,
    WrittenMember,
    blocks_of,
    results_text,
)
from ._wire.membership import MOST_MEMBERS, Membership, first_task_id
from ._wire.message import NAMESPACE, Message, OutgoingTask
from .chain import Chain, Link, links_of
from .current_task import NOBODY, SentId, running_task
from .errors import SettingError, TaskArgumentsError, kind_of
from .results import Results
from .sending import callback_of, check_room, what_is_sent, written
from .sent_group import SentGroup
from .task import Task, check_task, is_utf8

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")

# What a member can't say, since its group says it.
_REFUSED = {
    "task_id": "which it gets from the group",
    "unique": "which is said of the whole group, by send(unique=…)",
    "keep_result": "since what a member returns is kept anyway",
}


class Group(Generic[R_co]):
    """Tasks that are sent together, and the Task that gets all their results.

    It can be sent; or a Task returns it, whose callback then gets the results, or what the
    group's own `then` returns. The members run at any time, in any order, on however many
    workers. Whoever ends last sends `then`, with the argument ``results``: a `Results`, in
    the order of the members.

    A member that fails for good lies in its dead-letter queue, and holds the group: once it is
    redriven and succeeds, the group goes on. All of this takes a bucket
    (`ALGERNON_BUCKET_NAME`) that honours conditional writes, as S3 does, and workers of version
    1.7 or newer. It holds for the days that the bucket keeps objects (`ALGERNON_CACHE_DAYS`).

    R is what `then` returns; `Results` where there is none.

    Args:
        requests: The members, at most 10,000: what a Task's ``request(…)`` returns, or that of
            a chain. One that returns a Group itself counts with what comes of that.
        then: The Task that gets the results, or a chain that begins with one; or a name, or
            names ``"a#b"``, where it can't be imported. Its result is always kept.
        failures: ``"hold"``: a member that failed for good holds the group.

    Raises:
        SettingError: A member is no Task, or has a task_id, `unique` or `keep_result`; there
            are too many; `then` is no Task; or `failures` is something else.
        TaskArgumentsError: `then` doesn't take ``results``, or not them alone.
        TaskNameError: A name can't be a Task's.

    Example:
        >>> from algernon_queue import Group, Results, TaskRouter
        >>> from algernon_queue.testing import InMemorySystem
        >>> router = TaskRouter()
        >>> @router.task
        ... def price(item: str) -> int:
        ...     return 9 * len(item)
        >>> @router.task
        ... def total(results: Results[int]) -> dict[str, int]:
        ...     return {"total": sum(results)}
        >>> with InMemorySystem(router) as system:
        ...     members = [price.request(item=item) for item in ("tea", "jam")]
        ...     sent = Group(members, then=total).send()
        ...     system.run()
        ...     print(sent.result())
        {'total': 54}
    """

    __slots__ = ("_tasks", "_then")

    @overload
    def __init__(
        self: Group[Results[Any]],
        requests: Iterable[Task],
        *,
        then: None = None,
        failures: Literal["hold"] = "hold",
    ) -> None: ...

    @overload
    def __init__(
        self: Group[R],
        requests: Iterable[Task],
        *,
        then: Chain[R],
        failures: Literal["hold"] = "hold",
    ) -> None: ...

    @overload
    def __init__(
        self: Group[Any],
        requests: Iterable[Task],
        *,
        then: str,
        failures: Literal["hold"] = "hold",
    ) -> None: ...

    def __init__(
        self,
        requests: Iterable[Task],
        *,
        then: Chain[Any] | str | None = None,
        failures: str = "hold",
    ) -> None:
        if failures != "hold":
            raise SettingError(
                f"the failures of a Group are {failures!r}, but all that there is so far is 'hold':"
                " a member that failed for good holds the group, until it is redriven"
            )
        self._tasks = _checked_members(requests)
        self._then = () if then is None else _checked_then(then)

    def __len__(self) -> int:
        return len(self._tasks)

    def __bool__(self) -> bool:
        # One without members is one all the same.
        return True

    def __repr__(self) -> str:
        then = "#".join(link.task_name for link in self._then)
        return f"<Group of {len(self)} Tasks{f', then {then}' if then else ''}>"

    def send(self, *, unique: str | None = None) -> SentGroup[R_co]:
        """Send all members to their listeners.

        What they are is written down first, in the bucket. Where sending breaks off, what
        sends it again goes on with the same group: a Task that is tried again, or whoever
        gives the same `unique`. Then a member may come twice, as any message may.

        Args:
            unique: A key, of which one group is sent within the days that the bucket keeps
                objects. Whoever sends another one gets that one.

        Raises:
            GroupNotSentError: SNS doesn't take some of the members.
            UnknownListenerError: No topic is known for a Task; nothing was sent.
            PublishError: There are no credentials, or there is no region, to tell a Task's
                topic by; nothing was sent.
            SettingError: `unique` is no text; or a member has a message group, but its Task's
                topic none; nothing was sent.
            TaskArgumentsError: A chain's constants are more than its messages have room for;
                nothing was sent.
            algernon_serialize.UnserializableError: `ajson` can't send an argument or a
                constant; nothing was sent.
            algernon_storage.MissingBucketError: No bucket is named, or it doesn't exist.
            algernon_storage.StorageError: Something can't be stored; nothing was sent.

        Example:
            ``Group([resize.request(path=path) for path in paths], then=summary).send()``
        """
        sender = running_task.get() or NOBODY
        if unique is not None:
            sent_id = SentId(_unique_id(unique))
        else:
            sent_id = sender.take_id(self._described)
        group_id = sent_id.task_id
        try:
            prepared = self._prepared(
                group_id,
                _Origin(sender.chain_id or group_id, sender.hops, sender.group),
            )
            tally = begin(prepared, sender.listeners, is_unique=unique is not None)
        except Exception:
            sender.give_back(sent_id)
            raise
        return SentGroup.of_send(tally, prepared.header.result_id)

    def _described(self) -> str:
        """Return what is sent as a text that equal groups share."""
        digest = sha256()
        for index, task in enumerate(self._tasks):
            with _naming(index):
                what = what_is_sent(task, dict(task.task_kwargs), callback_of(task).as_json)
            digest.update(f"{what}#{task.message_group or ''}\n".encode())
        then = content_sha256([[link.task_name, dict(link.constants)] for link in self._then])
        return f"group#{then}#{digest.hexdigest()}"

    def _prepared(self, group_id: str, origin: _Origin) -> Prepared:
        own = Objects()
        place = Place(own.bucket, own.folder)
        own_links = [(link.task_name, link.constants) for link in self._then]
        links = [*own_links, *origin.following]
        result_id = origin.result_id or _then_id(group_id)
        tally = Tally(group_id, place, len(self), has_then=bool(links))
        results = results_text(tally).encode()
        outer = Outer(result_id, place, results=results)
        if (membership := origin.membership) is not None:
            outer_place = Place(membership.bucket, membership.folder)
            group = membership.group_id, membership.index
            outer = Outer(result_id, outer_place, *group, results)
        tally = replace(tally, outer=outer)
        with uploads_put_off() as uploads:
            then = _join_task(group_id, links, origin) if links else None
        header = Header(
            tally,
            (),
            then,
            result_id,
            origin.chain_id,
            origin.hops,
            origin.message_group,
            made_at=0,
        )
        members = self._written_members(own, header)
        addressed = {(task.task_name, task.message_group) for task in self._tasks}
        return Prepared(header, blocks_of(members), addressed, uploads)

    def _written_members(self, own: Objects, header: Header) -> Iterator[WrittenMember]:
        group_id = header.tally.group_id
        for index, task in enumerate(self._tasks):
            membership = Membership(group_id, index, own.bucket, own.folder)
            with _naming(index), uploads_put_off() as uploads:
                kwargs = written(dict(task.task_kwargs))
                if len(kwargs) > MAX_ARGUMENTS_BYTES:
                    place = own.place(f"{membership.result_id}!{uuid4().hex}")
                    uploads.append(Upload(place, Document.around(kwargs).text))
                    kwargs = ajson.dumpb(StoredData.at(str(place)))
                text = _member_text(task, kwargs.decode(), membership)
            yield WrittenMember(text, uploads)


def _refuse(_: object) -> NoReturn:
    raise UnserializableError(
        "a Group is no value that is sent: have a Task of a queue return it by itself, or send it"
        " by its send()"
    )


ajson.register(Group, encode=_refuse, decode=_refuse)


class _Origin(NamedTuple):
    """What a group belongs to.

    Attributes:
        chain_id: The chain of its sender, or one of its own.
        hops: How many Tasks led to its members.
        message_group: The message group of what names none itself, on FIFO topics.
        result_id: The id under which what comes of it stands, where that isn't the group's own.
        membership: Whose member the Task is that returned it, or None.
        following: The Tasks that follow on that one, with their constants.
    """

    chain_id: str
    hops: int
    message_group: str | None
    result_id: str | None = None
    membership: Membership | None = None
    following: Sequence[tuple[str, Mapping[str, Any]]] = ()


def prepare(
    group: Group[Any],
    *,
    group_id: str,
    message: Message,
    message_group: str | None = None,
    ends_chain: bool = False,
) -> Prepared:
    """Return a group that a Task returned as it is sent, whatever becomes of it from now on.

    What comes of it goes to where the Task's result would have gone: first to the group's own
    `then`, if there is one, then to the rest of the Task's chain; and what ends all that stands
    where the Task's own result was to stand. It stores nothing.

    Args:
        group: The group.
        group_id: The id that it gets.
        message: The Task's message.
        message_group: The message group in which that came, on a FIFO queue.
        ends_chain: Whether the Task ended its chain early.

    Raises:
        TaskArgumentsError: There is no room for constants.
        algernon_serialize.UnserializableError: `ajson` can't send some of it.
        algernon_storage.MissingBucketError: No bucket is named.
    """
    origin = _Origin(
        message.chain_id,
        message.hops + 1,
        message_group,
        message.result_id,
        message.membership,
        () if ends_chain else _following(message),
    )
    prepared = group._prepared(group_id, origin)
    return replace(prepared, blocks=[*prepared.blocks])


def _following(message: Message) -> list[tuple[str, Mapping[str, Any]]]:
    first = message.next_position
    if first is None or message.callback is None:
        return []
    names = message.callback.split("#")[first:]
    constants = message.constants
    return [(name, constants.get(number, {})) for number, name in enumerate(names, first)]


def _join_task(
    group_id: str, links: list[tuple[str, Mapping[str, Any]]], origin: _Origin
) -> OutgoingTask:
    """Return the Task that gets the results, with the rest of its chain, as it is sent."""
    names = [name for name, _ in links]
    join_id = _then_id(group_id)
    callback = Callback(
        "#".join(names),
        {number: dict(kwargs) for number, (_, kwargs) in enumerate(links) if kwargs},
        None if origin.membership else origin.result_id or join_id,
        origin.membership,
    )
    check_room(callback, names[0])
    return OutgoingTask(
        names[0],
        join_id if len(names) == 1 else first_task_id(join_id, names[0]),
        origin.chain_id,
        # What becomes of the constants from now on changes nothing.
        ajson.loads(ajson.dumps(callback.as_json), rebuild=False),
        0,
        origin.hops + 1,
        once=True,
    )


def _member_text(task: Task, kwargs: str, membership: Membership) -> str:
    callback = callback_of(task)
    check_room(Callback(callback.chain, callback.constants, None, membership), task.task_name)
    return Member(
        task.task_name,
        kwargs,
        callback,
        task.message_group,
        task.expires,
        once=task.cancellable,
    ).text


def _then_id(group_id: str) -> str:
    return str(uuid5(UUID(group_id), "then"))


def _unique_id(unique: object) -> str:
    if not (isinstance(unique, str) and unique and is_utf8(unique)):
        raise SettingError(
            f"unique={unique!r} of a Group is no text that tells it from others, such as 'march'"
        )
    return str(uuid5(NAMESPACE, f"unique-group:{unique}"))


@contextmanager
def _naming(index: int) -> Iterator[None]:
    """Have an error say which member it is about."""
    try:
        yield
    except (NestingError, UnserializableError) as error:
        error.inside(index)
        raise


def _checked_members(requests: Iterable[Task]) -> tuple[Task, ...]:
    if isinstance(requests, (Task, Group, Chain)) or not isinstance(requests, Iterable):
        raise SettingError(
            f"a Group was given {kind_of(requests)}, but wants its members, as in"
            " Group([resize.request(path=path) for path in paths])"
        )
    tasks = tuple(islice(requests, MOST_MEMBERS + 1))
    for number, task in enumerate(tasks):
        if isinstance(task, Group):
            raise SettingError(
                f"the member {number} of a Group is a Group itself: make it a Task that returns it"
            )
        check_task(task, "Group")
        for name, why in _REFUSED.items():
            if getattr(task, name):
                raise SettingError(
                    f"the member {number} of a Group, a Task {task.task_name!r}, has a {name}:"
                    f" leave it out, {why}"
                )
    if len(tasks) > MOST_MEMBERS:
        raise SettingError(
            f"a Group was given more than {MOST_MEMBERS} members, which is the most that one has:"
            " give each more to do, or have members that return Groups"
        )
    return tasks


def _checked_then(then: object) -> tuple[Link, ...]:
    if isinstance(then, Task):
        raise SettingError(
            f"the then of a Group is a Task {then.task_name!r} with its arguments, but it gets"
            " those from the group: give the Group what @router.task returned, and what else the"
            " Task gets by its using(kwargs=…)"
        )
    names = then.split("#") if isinstance(then, str) else [then]
    links = tuple(link for name in names for link in links_of(name, "Group(then=…)"))
    if (problem := links[0].problem_with_results()) is not None:
        raise TaskArgumentsError(
            f"the Task {links[0].task_name!r} can't take the results of a Group: {problem}"
        )
    return links
