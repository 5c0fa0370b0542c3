"""What is sent: chains of three Tasks, some of them twice, and poison between them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from .settings import Settings

TASKS = ("first", "second", "third")

_CALLBACK = "second#third"
_SENT_TWICE = 0.05
_POISON_KINDS = 4


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain, by its number.

    Attributes:
        name: Its name, in the keys of what it leaves in the bucket.
        value: The number it begins with.
        task_ids: The ids of its three Tasks.
    """

    name: str
    value: int
    task_ids: tuple[str, str, str]

    @property
    def end(self) -> list[int]:
        """What its third Task writes."""
        return [self.value, 2 * self.value, 2 * self.value + 1]

    @property
    def message(self) -> str:
        """The message that starts it."""
        kwargs = {"chain": self.name, "value": self.value}
        return _message("first", kwargs, _CALLBACK, self.task_ids[0])


@dataclass(frozen=True, slots=True)
class Poison:
    """A message that no worker can ever do.

    Attributes:
        topic: The Task whose topic it is sent to.
        kind: What is wrong with it.
        identity: Its task_id, or its whole text where it has none.
        message: Its text.
    """

    topic: str
    kind: str
    identity: str
    message: str


def make_chains(settings: Settings, count: int) -> list[Chain]:
    """Return the chains of a run."""
    chains = []
    for number in range(count):
        first = _task_id(settings, f"chain {number}")
        # A callback's id follows from its parent's, its position and its name.
        second = uuid5(first, "0#second")
        third = uuid5(second, "1#third")
        value = settings.chances("value", number).randrange(1_000_000)
        chains.append(Chain(f"{number:06}", value, (str(first), str(second), str(third))))
    return chains


def make_poison(settings: Settings, count: int) -> list[Poison]:
    """Return the poison of a run: of each kind about as many, for each topic about as many."""
    return [_poison(settings, number) for number in range(count)]


def mixed(
    settings: Settings, chains: Sequence[Chain], poison: Sequence[Poison]
) -> list[tuple[str, str]]:
    """Return all messages in the order in which they are sent, each after its topic's Task."""
    chances = settings.chances("order")
    messages = [("first", chain.message) for chain in chains]
    messages += [one for one in messages if chances.random() < _SENT_TWICE]
    messages += [(one.topic, one.message) for one in poison]
    chances.shuffle(messages)
    return messages


def batches(messages: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Give the messages by topic, up to ten at a time."""
    waiting: dict[str, list[str]] = {}
    for topic, message in messages:
        batch = waiting.setdefault(topic, [])
        batch.append(message)
        if len(batch) == 10:
            yield topic, waiting.pop(topic)
    yield from waiting.items()


def identity(body: str) -> str:
    """Return a message's task_id, or of one that has none its text."""
    try:
        message = json.loads(body)
        if "Message" in message:
            body = message["Message"]
            message = json.loads(body)
        return str(message["task_id"])
    except (ValueError, TypeError, KeyError):
        return body


def _poison(settings: Settings, number: int) -> Poison:
    topic = TASKS[number // _POISON_KINDS % len(TASKS)]
    task_id = str(_task_id(settings, f"poison {number}"))
    match number % _POISON_KINDS:
        case 0:
            return Poison(topic, "permanent", task_id, _message("doomed", {}, None, task_id))
        case 1:
            return Poison(topic, "failing", task_id, _message("fragile", {}, None, task_id))
        case 2:
            message = _message("nobody", {}, None, task_id)
            return Poison(topic, "unregistered", task_id, message)
        case _:
            text = f'{{"poison": {number}, "task_name"'
            return Poison(topic, "malformed", text, text)


def _message(
    task_name: str, task_kwargs: dict[str, Any], callback: str | None, task_id: str
) -> str:
    return json.dumps(
        {
            "task_name": task_name,
            "task_kwargs": task_kwargs,
            "callback": callback,
            "task_id": task_id,
        }
    )


def _task_id(settings: Settings, name: str) -> UUID:
    return UUID(int=settings.chances("task_id", name).getrandbits(128), version=4)
