"""Doing what steps of joins ask for, and publishing the Tasks that get the results of groups."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from math import inf
from operator import call
from typing import Any

from algernon_storage import Document
from algernon_storage.tally import Await, Create, Find, Place, Publish, Request, Seen, Tally

from .._wire.manifest import Header, join_message
from ..errors import PublishError
from .clock import now, sleep
from .listeners import Listeners
from .manifests import objects_at, read_header
from .parallel import in_parallel
from .topics import MessageText, Publication, publish

# How often an object is looked for that should come.
_PAUSE_SECONDS = 0.05

# What stands around a result in its object, which a limit for the result doesn't count.
_AROUND = len(Document.around(b"").text)

Step = Generator[Request, Any, Any]


def run_steps(steps: Sequence[Step], publish: Callable[[Tally], None]) -> list[Any]:
    """Do what steps ask for until all are through, and return what came of each.

    All go on at the same time: what each asks for next is done in parallel, so that they take
    as long as the longest one. It isn't to be called from what is done in parallel itself.

    Args:
        steps: The steps, such as those of `algernon_storage.tally.join`.
        publish: Publishes the Task that gets the results of a group.

    Returns:
        In order, what each step returned, or the error that ended it.
    """
    rounds = _Rounds(steps, publish)
    while rounds.asked:
        rounds.go_on()
    return rounds.outcomes


class _Rounds:
    """Steps on their way, as long as there are any that ask for something.

    Attributes:
        asked: What each step asks for that isn't through, by its number.
        outcomes: What came of each so far.
    """

    def __init__(self, steps: Sequence[Step], publish: Callable[[Tally], None]) -> None:
        self.asked: dict[int, Request] = {}
        self.outcomes: list[Any] = [None] * len(steps)
        self._steps = steps
        self._publish = publish
        # When the wait of each that awaits something is over.
        self._ends: dict[int, float] = {}
        for number in range(len(steps)):
            self._resume(number, None)

    def go_on(self) -> None:
        """Do what all ask for, and tell each, but those for whom nothing has come yet."""
        asked = [*self.asked.items()]
        calls = [self._calls(request) for _, request in asked]
        answers = iter(in_parallel(call, [each for group in calls for each in group]))
        is_idle = True
        for (number, request), group in zip(asked, calls, strict=True):
            answer = _answer(request, [next(answers) for _ in group])
            if answer is False and isinstance(request, Await) and not self._is_over(number):
                continue
            is_idle = False
            self._resume(number, answer)
        if is_idle:
            sleep(_PAUSE_SECONDS)

    def _is_over(self, number: int) -> bool:
        return now() >= self._ends[number]

    def _resume(self, number: int, answer: Any) -> None:
        step = self._steps[number]
        self.asked.pop(number, None)
        try:
            request = step.throw(answer) if isinstance(answer, Exception) else step.send(answer)
        except StopIteration as end:
            self.outcomes[number] = end.value
        except Exception as error:  # noqa: BLE001 - it is the failure of this one
            self.outcomes[number] = error
        else:
            self.asked[number] = request
            if isinstance(request, Await):
                self._ends[number] = now() + request.seconds

    def _calls(self, request: Request) -> list[Callable[[], Any]]:
        match request:
            case Find(place, names, most):
                return [partial(_find, place, name, most) for name in names]
            case Create():
                return [partial(_create, request)]
            case Await(place, name):
                return [lambda: _find(place, name, 0) is not None]
            case Publish(tally):
                return [partial(self._publish, tally)]


def _answer(request: Request, answers: list[Any]) -> Any:
    error = next((answer for answer in answers if isinstance(answer, Exception)), None)
    if error is not None:
        return error
    return tuple(answers) if isinstance(request, Find) else answers[0]


def _find(place: Place, name: str, most: int) -> Seen | None:
    is_outcome = _is_outcome(name)
    found = objects_at(place).find(name, most=most + _AROUND if is_outcome else most or 1)
    if found is None:
        return None
    body = found.body if most else None
    if body is not None and is_outcome:
        body = Document.found(body, f"{place.bucket}#{place.folder}/{name}.json").data
    return Seen(found.kind, body)


def _create(request: Create) -> bool:
    body = request.body
    # Whoever asks for a result reads it as stored data.
    if _is_outcome(request.name):
        body = Document.around(body).text
    objects = objects_at(request.place)
    return objects.create(request.name, body, kind=request.kind, is_kept=request.is_kept)


def _is_outcome(name: str) -> bool:
    return name.endswith("!done")


def publish_join(
    tally: Tally, *, listeners: Listeners, header: Header | None = None, seconds: float = inf
) -> None:
    """Publish the Task that gets the results of a group.

    Args:
        tally: That of the group.
        listeners: The topics that are known here.
        header: The group's header, where it was read already.
        seconds: The time after which it isn't tried again when SNS throttles it.

    Raises:
        UnknownListenerError: No topic is known for the Task, or there is none.
        PublishError: SNS doesn't take the message.
        algernon_storage.MissingObjectError: The group's header isn't there (any more).
        botocore.exceptions.ClientError: S3 refuses.
    """
    header = header or read_header(tally.place, tally.group_id)
    task = header.then
    if task is None:
        raise PublishError(
            f"the group {tally.group_id} has no Task that gets its results, by its header: look"
            " for what else writes there"
        )
    topic = listeners.find([task.task_name])[task.task_name]
    if isinstance(topic, Exception):
        raise topic
    # Of no record it is the callback: observers hear of it as of what is sent by itself.
    unwritten = Publication(task, topic, header.message_group)
    publication = unwritten.written(lambda _: MessageText(join_message(task, tally)))
    (error,) = publish([publication], seconds=seconds)
    if error is not None:
        raise error
