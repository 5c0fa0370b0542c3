"""Who gets the result of a Task: a chain of Tasks, and what each of them gets besides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self, TypeGuard

from algernon_serialize import SerializeError, ajson

from ..errors import MalformedMessageError, kind_of
from .membership import Membership, checked_uuid

#: Keyword arguments of Tasks of a chain, by their numbers in it.
Constants = Mapping[int, Mapping[str, Any]]

NO_CONSTANTS: Constants = MappingProxyType({})

#: A callback as messages have it: the text of a chain, or an object, or None for nobody.
CallbackJSON = str | dict[str, Any] | None

#: The bytes that a callback with constants may take, as JSON. Every message of its chain has
#: them: of the 256 KiB that SNS takes, enough is left for the pointer to a result and for
#: attributes, also where characters are escaped that don't get through a queue.
MAX_CALLBACK_BYTES = 64 * 1024

# Amazon SNS API Reference, CreateTopic: the length of a topic's name.
_MAX_NAME = 256
_MOST_DIGITS = 9


class Callback:
    """Who gets the result of a Task, and what else is done with it.

    In a message it is the chain's text, where that is all. Else it is an object, which
    workers that don't know it refuse before they run anything: ``{"chain": "a#b#c",
    "keep_result": ID, "group": {…}, "steps": {"2": {"kwargs": {…}}}}``.

    Args:
        chain: The Task that gets the result, or a chain of them, ``"a#b#c"``; None
            where nobody does.
        constants: What the Tasks of the chain get besides what the one before returns,
            by their numbers in it, from 0: in plain JSON, if it comes from a message.
        keep_result: The id under which the last Task's result is kept, or None where it isn't,
            or is kept as a member's.
        membership: Whose member the Task or the chain is, or None.
    """

    __slots__ = ("chain", "constants", "keep_result", "membership", "result_id")

    def __init__(
        self,
        chain: str | None,
        constants: Constants = NO_CONSTANTS,
        keep_result: str | None = None,
        membership: Membership | None = None,
    ) -> None:
        self.chain = chain
        self.constants = constants
        self.keep_result = keep_result
        self.membership = membership
        #: The id under which the last Task's result is to stand, or None if it is nobody's.
        self.result_id = membership.result_id if membership else keep_result

    @classmethod
    def of(cls, value: object, task_name: str) -> Self:
        """Return the callback that a message has, which may be of any form.

        Args:
            value: What the message says, in plain JSON.
            task_name: The Task that the message is for.

        Raises:
            MalformedMessageError: It is no callback, or one that needs a newer version.
        """
        if value is None or is_chain(value):
            return cls(value)
        if type(value) is not dict:
            raise MalformedMessageError(
                f"the callback of a message for {task_name!r} is neither the name of a Task nor a"
                f" chain of names 'a#b#c', of 1 to {_MAX_NAME} printable characters each, nor an"
                " object with a chain and steps"
            )
        where = f"the callback of a message for {task_name!r}"
        _refuse_others(value, ("chain", "steps", "keep_result", "group"), where)
        chain, steps = value.get("chain"), value.get("steps", {})
        if chain is not None and not is_chain(chain):
            raise MalformedMessageError(f"the chain in {where} is no chain of names 'a#b#c'")
        if type(steps) is not dict:
            raise MalformedMessageError(
                f"the steps in {where} are {kind_of(steps)}, and not an object of what the Tasks"
                " of its chain get besides, by number"
            )
        length = 0 if chain is None else chain.count("#") + 1
        constants = {_number(n, length, where): _kwargs(steps[n], where) for n in steps}
        keep_result, membership = None, None
        if "keep_result" in value:
            keep_result = checked_uuid(value["keep_result"], f"the keep_result in {where}")
        if "group" in value:
            membership = Membership.of(value["group"], where)
        if keep_result is not None and membership is not None:
            raise MalformedMessageError(
                f"{where} has both a keep_result and a group, whose members' results are kept under"
                " ids of their own"
            )
        callback = cls(chain, constants, keep_result, membership)
        if constants:
            callback._check_size(where)
        return callback

    @property
    def is_plain(self) -> bool:
        """Whether its chain is all that it says."""
        return not self.constants and self.result_id is None

    @property
    def as_json(self) -> CallbackJSON:
        """What a message has for it: the chain alone, wherever that is all."""
        if self.is_plain:
            return self.chain
        said: dict[str, Any] = {} if self.chain is None else {"chain": self.chain}
        if self.keep_result is not None:
            said["keep_result"] = self.keep_result
        if self.membership is not None:
            said["group"] = self.membership.as_json
        if self.constants:
            steps = {str(number): {"kwargs": kwargs} for number, kwargs in self.constants.items()}
            said["steps"] = steps
        return said

    def keeping(self, result_id: str) -> Self:
        """Return it with the result kept under an id."""
        return type(self)(self.chain, self.constants, result_id)

    def after(self, position: int) -> Self:
        """Return what the Task at a position of its chain, and those after it, need of it."""
        coming = {n: kwargs for n, kwargs in self.constants.items() if n >= position}
        return type(self)(self.chain, coming, self.keep_result, self.membership)

    @property
    def size(self) -> int:
        """The bytes that it takes in a message, with its key.

        Raises:
            algernon_serialize.SerializeError: `ajson` can't send it.
        """
        return len(ajson.dumpb({"callback": self.as_json}))

    def _check_size(self, where: str) -> None:
        # As it will be sent on, so that no result is lost for its form or size.
        try:
            size = self.size
        except SerializeError as error:
            raise MalformedMessageError(f"{where} can't be sent on: {error}") from error
        if size > MAX_CALLBACK_BYTES:
            raise MalformedMessageError(
                f"{where} takes {size} bytes, more than the {MAX_CALLBACK_BYTES} that one with"
                " steps may take"
            )


def is_task_name(name: object) -> TypeGuard[str]:
    """Tell whether a message may have this for the name of a Task."""
    # What isn't printable could forge a line of the log, or be no text in UTF-8 at all.
    return isinstance(name, str) and 0 < len(name) <= _MAX_NAME and name.isprintable()


def is_chain(callback: object) -> TypeGuard[str]:
    """Tell whether something is the name of a Task, or a chain of names."""
    return isinstance(callback, str) and all(map(is_task_name, callback.split("#")))


def shown_keys(keys: Iterable[str]) -> str:
    """Return some keys as a text, of which a message may have more and longer ones than a log."""
    in_order = sorted(keys)
    shown = [key[:40] for key in in_order[:10]]
    return f"{shown} and {len(in_order) - 10} more" if len(in_order) > 10 else f"{shown}"


def _refuse_others(found: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    # To leave out what they ask for would do harm, or they would stand beside the callback.
    others = [key for key in found if key not in known]
    if others:
        raise MalformedMessageError(
            f"{where} has {shown_keys(others)}, which this worker is too old to know: nothing was"
            " run; give it a newer algernon-queue, and then redrive the message from the"
            " dead-letter queue"
        )


def _number(text: str, length: int, where: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    if not is_number or str(int(text)) != text or int(text) >= length:
        raise MalformedMessageError(
            f"{where} has a step {text[:40]!r}, which is no number of a Task of its chain, from 0"
        )
    return int(text)


def _kwargs(step: Any, where: str) -> dict[str, Any]:
    if type(step) is not dict:
        raise MalformedMessageError(f"a step in {where} is {kind_of(step)}, and not an object")
    _refuse_others(step, ("kwargs",), f"a step in {where}")
    kwargs: Any = step.get("kwargs", {})
    if type(kwargs) is not dict:
        raise MalformedMessageError(
            f"the kwargs of a step in {where} are {kind_of(kwargs)}, and not an object of keyword"
            " arguments"
        )
    # To one tagged value, those of the Task before can't be added.
    if not all(map(_is_plain_key, kwargs)):
        raise MalformedMessageError(
            f"the kwargs of a step in {where} are a tagged value, or have a lone surrogate in a"
            " key, and aren't an object of keyword arguments"
        )
    return kwargs


def _is_plain_key(key: str) -> bool:
    """Tell whether `ajson` writes a dict that has the key as a plain JSON object."""
    return key != "_alg_class" and not any("\ud800" <= letter <= "\udfff" for letter in key)
