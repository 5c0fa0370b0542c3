"""A Task: the smallest unit of work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

from .errors import SettingError, TaskArgumentsError, TaskNameError, kind_of

# Amazon SNS API Reference, CreateTopic: what a topic's name may hold, since each
# Task has a topic of its name.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
# Amazon SNS API Reference, Publish: what a MessageGroupId may hold.
_MESSAGE_GROUP = re.compile(r"[!-~]{1,128}")

# A hundred years, in seconds.
_LONGEST_EXPIRY = 100 * 365 * 86400


@dataclass(frozen=True, slots=True, repr=False)
class Task:
    """Work to be done: a name, keyword arguments, and who gets the result.

    Attributes:
        task_name: The Task's name.
        task_kwargs: Its keyword arguments: anything that `ajson` can send.
        callback: The Task that gets the result as its keyword arguments, or a
            chain of them: ``"resize#store#notify"``.
        task_id: The id of this run, a UUID: by default one that is new or, inside
            of a Task, derived from that one's and from what is sent.
        message_group: The message group, where the Task's topic is a FIFO topic: by
            default that of the Task that sends this one, or else one of its own.
        constants: Keyword arguments that Tasks of the callback's chain get besides what
            the Task before them returns, by their number in it, from 0.
        keep_result: Whether the result, of a chain that of its last Task, is kept for
            `SentTask.result`.
        unique: A key, of which and the Task's name at most one run succeeds within the days
            that results are kept: the id is derived from it.
        expires: After how many seconds it isn't begun any more. Of a chain only the first Task
            expires.
        cancellable: Whether `SentTask.cancel` may cancel it, which runs it under a ledger.

    Raises:
        TaskNameError: A name has characters that a Task's can't have.
        SettingError: The `task_id` is no UUID, or the message group can't be one; or there is
            a `unique` too; or that is no text, or `expires` no number.
        TaskArgumentsError: Keyword arguments, or constants, aren't a mapping with str
            keys, or there are constants for what is no Task after this one.

    Example:
        >>> Task("resize", {"width": 640}, callback="store#notify")
        Task('resize', {'width': 640}, callback='store#notify')
        >>> Task("price", callback="bill", constants={0: {"currency": "EUR"}}).constants
        {0: {'currency': 'EUR'}}
    """

    task_name: str
    task_kwargs: Mapping[str, Any] = field(default_factory=dict)
    callback: str | None = None
    task_id: str | None = None
    message_group: str | None = None
    constants: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    keep_result: bool = field(default=False, kw_only=True)
    unique: str | None = field(default=None, kw_only=True)
    expires: float | None = field(default=None, kw_only=True)
    cancellable: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        check_task_name(self.task_name)
        if self.callback is not None:
            if isinstance(self.callback, (list, tuple)):
                raise TaskNameError(
                    f"{self.callback!r} can't be a Task's name, nor a chain of them: the callback"
                    f" of the Task {self.task_name!r} is one text, in which a chain is written"
                    " 'a#b'"
                )
            chain = self.callback.split("#") if isinstance(self.callback, str) else [self.callback]
            for name in chain:
                check_task_name(name)
        if not _are_keyword_arguments(self.task_kwargs):
            raise TaskArgumentsError(
                f"the keyword arguments of the Task {self.task_name!r} aren't a mapping whose"
                " keys are all str"
            )
        if self.constants != {}:
            self._check_constants()
        if self.task_id is not None:
            object.__setattr__(self, "task_id", _checked_id(self.task_id))
        group = self.message_group
        if group is not None and not (isinstance(group, str) and _MESSAGE_GROUP.fullmatch(group)):
            raise SettingError(
                f"{group!r} can't be the message group of the Task {self.task_name!r}: it is 1 to"
                " 128 letters, digits and punctuation marks"
            )
        if self.unique is not None:
            self._check_unique()
        if self.expires is not None:
            self._check_expires()
        for name in ("keep_result", "cancellable"):
            if type(getattr(self, name)) is not bool:
                raise SettingError(
                    f"{name}={getattr(self, name)!r} of the Task {self.task_name!r} is neither True"
                    " nor False"
                )

    def __repr__(self) -> str:
        return shown({each.name: getattr(self, each.name) for each in fields(self)})

    @property
    def begins_its_chain(self) -> bool:
        """Whether it is itself the first Task of its callback's chain."""
        # Of a callback that is one Task, that one runs after it, whatever its name.
        chain = self.callback.split("#") if self.callback else []
        return len(chain) > 1 and chain[0] == self.task_name

    def _check_unique(self) -> None:
        if not isinstance(self.unique, str) or not self.unique or not is_utf8(self.unique):
            raise SettingError(
                f"unique={self.unique!r} of the Task {self.task_name!r} is no text that tells this"
                " run from others, such as 'order-7'"
            )
        if self.task_id is not None:
            raise SettingError(
                f"the Task {self.task_name!r} has a task_id and unique={self.unique!r}, from which"
                " its id is made: leave one out"
            )

    def _check_expires(self) -> None:
        seconds = self.expires
        if type(seconds) not in (int, float) or not 0 < (seconds or 0) < _LONGEST_EXPIRY:
            raise SettingError(
                f"expires={seconds!r} of the Task {self.task_name!r} is no number of seconds above"
                " 0, after which it isn't begun any more"
            )

    def _check_constants(self) -> None:
        if not isinstance(self.constants, Mapping):
            raise TaskArgumentsError(
                f"the constants of the Task {self.task_name!r} are {kind_of(self.constants)}, and"
                " not a mapping of numbers in its callback's chain to keyword arguments"
            )
        chain = self.callback.split("#") if self.callback else []
        for number, kwargs in self.constants.items():
            if type(number) is not int or not 0 <= number < len(chain):
                raise TaskArgumentsError(
                    f"the Task {self.task_name!r} has constants for the Task {number!r} of its"
                    f" callback {self.callback!r}, in which there is none: number them from 0 on"
                )
            if number == 0 and self.begins_its_chain:
                raise TaskArgumentsError(
                    f"the Task {self.task_name!r} has constants for the Task 0 of its callback"
                    f" {self.callback!r}, which is itself: put them into its task_kwargs"
                )
            if not _are_keyword_arguments(kwargs):
                raise TaskArgumentsError(
                    f"the constants that the Task {self.task_name!r} has for {chain[number]!r},"
                    f" the Task {number} of its callback, aren't a mapping whose keys are all str"
                )
            if key := next(filter(_is_no_plain_key, kwargs), None):
                raise TaskArgumentsError(
                    f"the constants that the Task {self.task_name!r} has for {chain[number]!r},"
                    f" the Task {number} of its callback, have the key {key!r}, with which they"
                    " would be no plain JSON: give it another name"
                )


def check_task(value: object, function_name: str) -> None:
    """Refuse what is no Task where a function wants one.

    Raises:
        SettingError: It isn't.
    """
    if isinstance(value, Task):
        return
    # What a router's Task is called like; of others no value is shown, which may be arguments.
    if callable(getattr(value, "request", None)) and is_task_name(getattr(value, "task_name", 0)):
        raise SettingError(
            f"{function_name} was given {value!r}, without the arguments that it is sent with:"
            f" write {getattr(value, '__name__', 'task')}.request(…), with these"
        )
    raise SettingError(
        f"{function_name} was given {kind_of(value)}, which is no Task: give it what a Task's"
        " .request(…) returns, as in price.request(items=[1]), or Task('price', {…})"
    )


def shown(facts: Mapping[str, Any]) -> str:
    """Return a Task as a text, of its attributes: what is as it is by default says nothing."""
    (_, name), (_, kwargs), *others = facts.items()
    said = [repr(name), repr(kwargs)]
    said += [f"{key}={value!r}" for key, value in others if value not in (None, False, {})]
    return f"Task({', '.join(said)})"


class PipelineTermination(Exception):  # noqa: N818 - it is no error
    """Raised by a Task to end its chain here, with a result, and without a failure.

    The Task is done: its message is deleted, and nothing is sent to its callback.
    A state machine that waits for the Task, and the ledger of ``once=True``, get
    the result as that of any other Task.

    Attributes:
        result: The result.

    Example:
        ``raise PipelineTermination({"skipped": "no rows today"})``
    """

    def __init__(self, result: Any = None) -> None:
        super().__init__("the chain of Tasks ends here")
        self.result = result


def _are_keyword_arguments(kwargs: object) -> bool:
    return isinstance(kwargs, Mapping) and all(isinstance(key, str) for key in kwargs)


def _is_no_plain_key(key: str) -> bool:
    """Tell whether `ajson` writes a dict that has the key as one tagged value."""
    return key == "_alg_class" or not is_utf8(key)


def is_utf8(text: str) -> bool:
    """Tell whether a text can be sent: a lone surrogate has no UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _checked_id(task_id: object) -> str:
    try:
        return str(UUID(str(task_id)))
    except ValueError as error:
        raise SettingError(
            f"the task_id {str(task_id)[:80]!r} is no UUID: make one by uuid.uuid4(), or by"
            " uuid.uuid5() of whatever tells this run from others"
        ) from error


def is_task_name(name: object) -> bool:
    """Tell whether something can be a Task's name."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def check_task_name(name: object) -> None:
    """Refuse what can't be a Task's name.

    Raises:
        TaskNameError: It can't.
    """
    own_name = getattr(name, "task_name", getattr(name, "__name__", None))
    if callable(name) and is_task_name(own_name):
        raise TaskNameError(f"{name!r} is no Task's name, which is a text: write {own_name!r}")
    if not is_task_name(name):
        raise TaskNameError(
            f"{name!r} can't be a Task's name, which is that of an SNS topic too: 1 to 256"
            " letters, digits, hyphens and underscores"
        )
