"""The message that a listener passes on to a queue, and a worker to its handler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeGuard
from uuid import UUID, uuid5

from algernon_serialize import ajson
from algernon_storage import StoredData

from ..errors import MalformedMessageError, TaskArgumentsError, TooManyHopsError, kind_of
from ..settings import number_of
from .callback import Callback, CallbackJSON, Constants, is_task_name, shown_keys
from .envelope import Envelope
from .keyword_arguments import keyword_arguments
from .membership import Membership, first_task_id

#: The key by which a message says where in its chain its Task stands.
POSITION = "callback_position"
#: The key by which it says how many Tasks led to it, where any did.
HOPS = "hops"
#: The key by which it says that its Task runs under a ledger, whatever the worker says.
ONCE = "once"
#: The key by which it says when its Task isn't begun any more, in seconds since 1970.
EXPIRES_AT = "expires_at"

#: For whom a result is that nobody gets.
_NOBODY = Callback(None)

_DEFAULT_MAX_HOPS = 1000

# The end of the year 9999, in seconds since 1970.
_END_OF_TIME = 253402300800

#: In it are the UUIDs that are made of other ids: RFC 9562, "UUID Version 5".
NAMESPACE = UUID("a6c4f688-e705-4037-9464-ce1fe4d5ab2d")

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True, eq=False)  # not frozen, which would take three times as long to make
class Message:
    """One message, as plain JSON.

    Attributes:
        task_name: The Task to run.
        task_id: The UUID of this run of it.
        chain_id: The UUID of the chain that it belongs to: the `task_id` of the
            Task that the chain began with.
        then: Who gets the result, and what else is done with it.
        position: Where in the chain this message's Task stands, from 0; -1 before
            its beginning; None where the message doesn't say, as moncrief's don't.
        hops: How many Tasks led to this one.
        once: Whether its Task runs under a ledger, whatever the worker says.
        expires_at: When its Task isn't begun any more, in seconds since 1970, or None.
        body: The whole message, keys that are unknown here included.
        arguments_bytes: What S3 keeps of its keyword arguments, where they were fetched.
    """

    task_name: str
    task_id: str
    chain_id: str
    then: Callback
    position: int | None
    hops: int
    body: dict[str, Any]
    once: bool = False
    expires_at: float | None = None
    arguments_bytes: int | None = None

    @classmethod
    def of(cls, envelope: Envelope) -> Self:
        """Return the message that was in an envelope, whose content it takes over.

        Raises:
            MalformedMessageError: It holds no message.
            TooManyHopsError: More Tasks led to it than `ALGERNON_MAX_HOPS` allows.
            SettingError: Some led to it, and `ALGERNON_MAX_HOPS` is no number.
        """
        body = envelope.content
        if type(body) is not dict:
            raise MalformedMessageError(
                f"a message is a JSON object with a task_name, not {kind_of(body)}"
            )
        task_name = body.get("task_name")
        if not is_task_name(task_name):
            raise MalformedMessageError(
                f"the message has no task_name, but the keys {shown_keys(body)}: send it with"
                " send_task, or as {'task_name': …, 'task_kwargs': …, 'callback': …}"
            )
        callback = body.get("callback") or None
        then = _NOBODY if callback is None else Callback.of(callback, task_name)
        task_id = body.get("task_id")
        if not task_id:
            task_id = _uuid_of(envelope.message_id)
        elif not _is_uuid(task_id):
            task_id = _uuid(task_id, "task_id", task_name, instead="the id that SNS or SQS gave it")
        chain_id = body.get("chain_id") or task_id
        if chain_id is not task_id and not _is_uuid(chain_id):
            chain_id = _uuid(chain_id, "chain_id", task_name, instead="its own task_id")
        position = body.get(POSITION)
        if position is not None or not then.is_plain:
            _check_position(position, task_name, then)
        if then.result_id is not None:
            _check_id(task_id, then.result_id, position, task_name, then)
        hops = 0 if (given := body.get(HOPS)) is None else _checked_hops(given, task_name)
        if body.get("task_kwargs") is None:
            body["task_kwargs"] = {}
        body["task_id"] = task_id
        body["chain_id"] = chain_id
        message = cls(task_name, task_id, chain_id, then, position, hops, body)
        if (once := body.get(ONCE)) is not None:
            message.once = _checked_once(once, task_name)
        if (expires_at := body.get(EXPIRES_AT)) is not None:
            message.expires_at = _checked_time(expires_at, task_name)
        return message

    @classmethod
    def bare(cls, body: Mapping[str, Any]) -> Self:
        """Return a message that Lambda was called with directly, whatever that says of itself.

        Raises:
            MalformedMessageError: Its callback is an object that can't be read, or of which
                it isn't clear what is for this Task.
        """
        task_name, callback = body["task_name"], body.get("callback")
        position = None
        if type(callback) is dict:
            then = Callback.of(callback, task_name)
            position = body.get(POSITION)
            _check_position(position, task_name, then)
            if then.result_id is not None:
                raise MalformedMessageError(
                    f"the callback of a bare message for {task_name!r} says where its result is to"
                    " stand, which only a message of a queue can: leave keep_result and group out,"
                    " or send the Task to its queue"
                )
        else:
            then = Callback(callback)
        task_id: Any = body.get("task_id")
        hops = body.get(HOPS)
        return cls(
            task_name=task_name,
            task_id=task_id,
            chain_id=body.get("chain_id") or task_id,
            then=then,
            position=position,
            hops=hops if type(hops) is int else 0,
            body=dict(body),
        )

    @property
    def callback(self) -> str | None:
        """The Task that gets the result, or a chain of them."""
        return self.then.chain

    @property
    def constants(self) -> Constants:
        """What the Tasks of the chain get besides what the one before returns, by number."""
        return self.then.constants

    @property
    def membership(self) -> Membership | None:
        """Whose member its Task is, or its chain, or None."""
        return self.then.membership

    @property
    def result_id(self) -> str | None:
        """The id under which the last Task's result is to stand, or None if it is nobody's."""
        return self.then.result_id

    @property
    def ends_its_chain(self) -> bool:
        """Whether no Task follows its own."""
        return self.next_position is None

    def context_entry(self) -> dict[str, Any]:
        """Return what a handler may want to know of it: the context's ``task``."""
        return {
            "task_name": self.task_name,
            "task_id": self.task_id,
            "chain_id": self.chain_id,
            "callback": self.callback,
        }

    @property
    def stored_kwargs(self) -> str | None:
        """The pointer to the keyword arguments, where they are stored in S3."""
        return StoredData.pointer_in(self.body["task_kwargs"])

    def with_fetched(self, kwargs: Any, size: int | None) -> Self:
        """Return this message with the keyword arguments that S3 has kept, in so many bytes."""
        body = {**self.body, "task_kwargs": {} if kwargs is None else kwargs}
        return replace(self, body=body, arguments_bytes=size)

    def with_constants(self) -> Self:
        """Return this message with its Task's constants among the keyword arguments.

        Raises:
            TaskArgumentsError: What was sent isn't keyword arguments, or has one of them too.
            algernon_serialize.SerializeError: It is one tagged value, which can't be
                rebuilt here.
        """
        constants = {} if self.position is None else self.constants.get(self.position)
        if not constants:
            return self
        kwargs = self.body.get("task_kwargs")
        if type(kwargs) is not dict or "_alg_class" in kwargs:
            kwargs = keyword_arguments(kwargs, self.task_name)
        if twice := constants.keys() & kwargs.keys():
            raise TaskArgumentsError(
                f"the Task {self.task_name!r} gets {shown_keys(twice)} both as constants of its"
                " chain and from the Task before it: leave them out of the one or the other"
            )
        return replace(self, body={**self.body, "task_kwargs": {**kwargs, **constants}})

    @property
    def next_position(self) -> int | None:
        """Where in the chain the Task stands that gets the result, or None at the chain's end."""
        if self.callback is None:
            return None
        chain = self.callback.split("#")
        if len(chain) == 1 and (self.position is None or self.then.is_plain):
            return 0
        position = self._position_in(chain) + 1
        return None if position == len(chain) else position

    @property
    def next_task(self) -> OutgoingTask | None:
        """The Task that gets the result, or None at a chain's end."""
        position = self.next_position
        if position is None or self.callback is None:
            return None
        chain = self.callback.split("#")
        # Of a lone name that is all, its Task doesn't learn where it came from.
        if len(chain) == 1 and self.then.is_plain:
            return self._child(chain[0], 0, callback=None, position=None)
        callback = self.then.after(position).as_json
        return self._child(chain[position], position, callback=callback, position=position)

    def _position_in(self, chain: list[str]) -> int:
        if self.position is not None:
            return self.position
        # moncrief tells a Task's place in a chain by its name; one that isn't in it starts it.
        return chain.index(self.task_name) if self.task_name in chain else -1

    def _child(
        self, name: str, number: int, *, callback: CallbackJSON, position: int | None
    ) -> OutgoingTask:
        # The same run of a Task always gives its callback the same id, so that a
        # duplicate can be recognised wherever it turns up.
        child_id = str(uuid5(UUID(self.task_id), f"{number}#{name}"))
        return OutgoingTask(
            name, child_id, self.chain_id, callback, position, self.hops + 1, self.once
        )


@dataclass(frozen=True, slots=True)
class OutgoingTask:
    """A Task that is to be sent, and the message that brings it there."""

    task_name: str
    task_id: str
    chain_id: str
    callback: CallbackJSON
    position: int | None
    hops: int
    once: bool = False
    expires_at: float | None = None

    def message(self, task_kwargs: str) -> str:
        """Return the text of the message, of the JSON text of its keyword arguments."""
        rest: dict[str, Any] = {
            "callback": self.callback,
            "task_id": self.task_id,
            "chain_id": self.chain_id,
        }
        if self.position is not None:
            rest[POSITION] = self.position
        if self.hops:
            rest[HOPS] = self.hops
        if self.once:
            rest[ONCE] = True
        if self.expires_at is not None:
            rest[EXPIRES_AT] = self.expires_at
        name = ajson.dumps(self.task_name)
        text = f'{{"task_name":{name},"task_kwargs":{task_kwargs},{ajson.dumps(rest)[1:]}'
        # Amazon SQS API Reference, SendMessage: of the characters that JSON leaves as they
        # are, these two don't get through a queue. In JSON they can only stand in a string.
        return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def _checked_hops(hops: Any, task_name: str) -> int:
    if type(hops) is not int or hops < 0:
        raise MalformedMessageError(
            f"the message for {task_name!r} says that {str(hops)[:40]!r} Tasks led to it, which is"
            " no number from 0 on"
        )
    most = _max_hops()
    if hops > most:
        raise TooManyHopsError(
            f"{hops} Tasks led to this one, {task_name!r}, more than the {most} after which a chain"
            " is taken for one that never ends: if it should be so long, raise ALGERNON_MAX_HOPS"
        )
    return hops


def _max_hops() -> int:
    meaning = f"how many Tasks may lead to one, a number such as {_DEFAULT_MAX_HOPS}"
    return number_of("ALGERNON_MAX_HOPS", _DEFAULT_MAX_HOPS, meaning)


def _is_uuid(text: object) -> TypeGuard[str]:
    # Nearly all are spelt as they should be, and making a UUID takes ten times as long.
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def _uuid(text: Any, key: str, task_name: str, *, instead: str) -> str:
    try:
        return str(UUID(text))
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedMessageError(
            f"the {key} {str(text)[:80]!r} of a message for {task_name!r} is no UUID: leave it"
            f" out, and the message takes {instead}"
        ) from error


def _uuid_of(message_id: str) -> str:
    """Return the UUID that a message's id is or, where it is none, stands for.

    AWS's are UUIDs. Those of an event that was made by hand may be any text.
    """
    if _is_uuid(message_id):
        return message_id
    try:
        return str(UUID(message_id))
    except ValueError:
        # A lone surrogate has no bytes in UTF-8 that could be hashed.
        name = f"message:{message_id}".encode(errors="backslashreplace").decode()
        return str(uuid5(NAMESPACE, name))


def _check_position(position: object, task_name: str, then: Callback) -> None:
    chain = [] if then.chain is None else then.chain.split("#")
    if position is None:
        # In a plain chain the name tells, since at the worst a Task is run once more.
        if chain and not then.is_plain and (task_name in chain or then.result_id):
            raise MalformedMessageError(
                f"the message for {task_name!r} has an object for its callback {then.chain!r}, and"
                f" doesn't say which of the chain's Tasks it is for: give it a {POSITION}, from 0,"
                " or -1 if it is for one that stands before the chain"
            )
    elif type(position) is not int or not (
        (position == -1 and chain) or (0 <= position < len(chain) and chain[position] == task_name)
    ):
        raise MalformedMessageError(
            f"the message says that {task_name!r} is number {position!r} of the chain"
            f" {then.chain!r}, where it isn't"
        )


def _check_id(
    task_id: str, result_id: str, position: int | None, task_name: str, then: Callback
) -> None:
    """Refuse a message whose Task would write the result of another one by accident."""
    if then.chain is None:
        expected = result_id
    elif position == -1:
        expected = first_task_id(result_id, task_name)
    else:
        return
    if task_id != expected:
        raise MalformedMessageError(
            f"the message for {task_name!r} has the task_id {task_id}, and its callback says that"
            f" its result stands under {result_id}, with which it would be {expected}"
        )


def _checked_once(once: Any, task_name: str) -> bool:
    if type(once) is not bool:
        raise MalformedMessageError(
            f"the message for {task_name!r} says {ONCE}: {str(once)[:40]!r}, which is neither true"
            " nor false"
        )
    return once


def _checked_time(seconds: Any, task_name: str) -> float:
    if type(seconds) not in (int, float) or not 0 <= seconds < _END_OF_TIME:
        raise MalformedMessageError(
            f"the message for {task_name!r} says {EXPIRES_AT}: {str(seconds)[:40]!r}, which is no"
            " number of seconds since 1970"
        )
    return float(seconds)
