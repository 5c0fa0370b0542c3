"""Exceptions in a JSON line: what they say, where, and what led to them."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from algernon_logging import lambda_logged

if TYPE_CHECKING:
    from collections.abc import Callable

    from .lines import JsonLines


@pytest.fixture
def told(json_lines: JsonLines, monkeypatch: pytest.MonkeyPatch) -> Any:
    """How a line tells what a function raises."""

    def tell(function: Callable[[], object]) -> Any:
        monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own may fail
        try:
            function()
        except Exception:  # noqa: BLE001 - whatever it raises is told
            lambda_logged(logging.exception)("wrong")
        return json_lines.one()["exception"]

    return tell


def fail(error: BaseException) -> NoReturn:
    """Raise an exception."""
    raise error


def test_an_exception_has_type_message_and_frames(told: Any) -> None:
    """The frames go from the outermost to where it was raised, as a traceback's do."""
    error = ValueError("no\nmore")
    form = told(lambda: fail(error))
    assert list(form) == ["type", "message", "frames"]
    assert (form["type"], form["message"]) == ("ValueError", "no\nmore")
    assert form["frames"] == [
        {"file": frame.filename, "line": frame.lineno, "function": frame.name, "code": frame.line}
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    assert form["frames"][-1]["function"] == "fail"
    assert form["frames"][-1]["code"] == "raise error"


def test_a_class_is_named_with_what_it_is_in(told: Any) -> None:
    """The type is the class's qualified name, with its module where that isn't builtin."""

    class Missing(Exception):  # noqa: N818 - a name as users have them
        pass

    expected = f"{__name__}.test_a_class_is_named_with_what_it_is_in.<locals>.Missing"
    assert told(lambda: fail(Missing()))["type"] == expected
    assert told(lambda: fail(KeyError()))["type"] == "KeyError"


def test_a_module_whose_source_cannot_be_had_is_told_without_it(told: Any) -> None:
    """Where a loader fails when it is asked for a module's code, a frame has none."""

    class Loader:
        def get_source(self, name: str) -> str:
            raise ValueError("no source")

    names: dict[str, Any] = {"__name__": "odd", "__loader__": Loader()}
    exec(compile("def fail():\n    raise KeyError(1)", "<odd>", "exec"), names)
    *_, frame = told(names["fail"])["frames"]
    assert frame == {"file": "<odd>", "line": 2, "function": "fail", "code": None}


def test_a_cause_is_told_with_its_own_frames(told: Any) -> None:
    """What an exception was raised from is its cause."""

    def work() -> None:
        try:
            fail(KeyError("a"))
        except KeyError as error:
            raise ValueError("b") from error

    form = told(work)
    assert form["type"] == "ValueError"
    assert (form["cause"]["type"], form["cause"]["message"]) == ("KeyError", "'a'")
    assert form["cause"]["frames"][-1]["function"] == "fail"


def test_a_context_is_the_cause_where_there_is_no_other(told: Any) -> None:
    """What was being handled when another exception was raised led to it."""

    def work() -> None:
        try:
            fail(KeyError("a"))
        except KeyError:
            fail(ValueError("b"))

    assert told(work)["cause"]["type"] == "KeyError"


def test_a_suppressed_context_is_not_told(told: Any) -> None:
    """``from None`` is respected."""

    def work() -> None:
        try:
            fail(KeyError("a"))
        except KeyError:
            raise ValueError("b") from None

    assert "cause" not in told(work)


def test_an_empty_cause_counts(told: Any) -> None:
    """A cause that is false, such as a collection of errors without any, is told."""

    class Errors(Exception):  # noqa: N818 - a name as users have them
        def __len__(self) -> int:
            return 0

    def work() -> None:
        raise ValueError("b") from Errors("a")

    assert told(work)["cause"]["message"] == "a"


def test_notes_are_told(told: Any) -> None:
    """Notes that were added to an exception are there."""
    error = ValueError("no")
    error.add_note("while shipping")
    error.add_note("order 7")
    assert told(lambda: fail(error))["notes"] == ["while shipping", "order 7"]


def test_groups_are_told_one_by_one(told: Any) -> None:
    """Each exception of a group is told, groups in it too."""

    def work() -> None:
        try:
            fail(KeyError("c"))
        except KeyError as error:
            inner = ExceptionGroup("inner", [TypeError("b"), error])
        raise ExceptionGroup("outer", [ValueError("a"), inner])

    form = told(work)
    assert form["type"] == "ExceptionGroup"
    first, second = form["exceptions"]
    assert (first["type"], first["message"], first["frames"]) == ("ValueError", "a", [])
    assert [each["message"] for each in second["exceptions"]] == ["b", "'c'"]
    assert second["exceptions"][1]["frames"][-1]["function"] == "fail"


def test_a_large_group_says_how_many_are_left_out(told: Any) -> None:
    """A line has no room for a hundred exceptions, and says so."""
    form = told(lambda: fail(ExceptionGroup("all", [ValueError(n) for n in range(100)])))
    assert len(form["exceptions"]) + form["exceptions_left_out"] == 100
    assert len(form["exceptions"]) >= 5


def test_cycles_end(told: Any) -> None:
    """Exceptions that are each other's cause are told once each."""
    one, other = ValueError("one"), KeyError("other")
    one.__cause__, other.__cause__ = other, one
    form = told(lambda: fail(one))
    assert form["cause"]["type"] == "KeyError"
    assert "cause" not in form["cause"]


def test_a_long_chain_of_causes_ends(told: Any) -> None:
    """A chain of a thousand causes is told as far as anybody reads."""
    last = ValueError("0")
    for n in range(1, 1000):
        error = ValueError(str(n))
        error.__cause__ = last
        last = error
    form, depth = told(lambda: fail(last)), 0
    while (form := form.get("cause")) is not None:
        depth += 1
    assert 5 <= depth <= 20


def test_a_deep_recursion_is_cut_in_the_middle(told: Any) -> None:
    """Of a thousand frames the outermost and the innermost are told, and how many aren't."""

    def recurse(depth: int) -> None:
        if depth == 0:
            fail(ValueError("bottom"))
        recurse(depth - 1)

    form = told(lambda: recurse(700))
    assert len(form["frames"]) == 50
    assert form["frames_left_out"] == 704 - 50
    assert form["frames"][-1]["function"] == "fail"
    assert form["frames"][0]["function"] == "tell"


def test_a_recursion_error_is_told(told: Any) -> None:
    """Where Python itself stops a recursion, the line is written."""

    def recurse() -> None:
        recurse()

    form = told(recurse)
    assert form["type"] == "RecursionError"
    assert form["frames_left_out"] > 500


class Untellable(Exception):  # noqa: N818 - a name as users have them
    """Fails when it is told."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class NoText(Untellable):
    """Says what is no text."""

    def __str__(self) -> str:
        return 3  # type: ignore[return-value]  # noqa: PLE0307


class Meta(type):
    """A metaclass that fails."""

    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__"):
            raise RuntimeError
        return super().__getattribute__(name)


class Nameless(Exception, metaclass=Meta):  # noqa: N818 - a name as users have them
    """Doesn't tell its class's name."""


class Opaque(Exception):  # noqa: N818 - a name as users have them
    """Fails when it is asked what led to it."""

    @property
    def __cause__(self) -> Any:  # type: ignore[override]
        """Fail."""
        raise RuntimeError

    @property
    def __notes__(self) -> Any:  # type: ignore[override]
        """Be no list."""
        return 3


@pytest.mark.parametrize("error", [Untellable, NoText, Nameless, Opaque], ids=range(4))
def test_hostile_exceptions_are_told_somehow(error: Any, told: Any) -> None:
    """Whatever an exception does when it is looked at, its frames are there."""
    form = told(lambda: fail(error("text")))
    assert isinstance(form["message"], str)
    assert form["frames"][-1]["function"] == "fail"
    within = told(lambda: fail(ExceptionGroup("all", [error("text")])))
    assert len(within["exceptions"]) == 1


def test_code_without_source_has_no_code(told: Any) -> None:
    """Frames of code that is in no file are told as far as they are known."""
    form = told(lambda: exec("1 / 0", {}))
    assert form["frames"][-1]["file"] == "<string>"
    assert form["frames"][-1]["function"] == "<module>"


def test_no_exception_is_no_exception(json_lines: JsonLines) -> None:
    """A line that asks for an exception where there is none has none."""
    lambda_logged(logging.error)("wrong", exc_info=True)
    lambda_logged(logging.error)("wrong", exc_info=(None, None, None))
    assert ["exception" in line for line in json_lines.read()] == [False, False]


def test_long_texts_are_cut(told: Any) -> None:
    """What an exception says, its notes and a frame's code end where nobody reads on."""
    error = ValueError("x" * 12_345)
    error.add_note("n" * 2_000)
    source = f"def fail(error): raise error{' ' * 10};{'y' * 2_000}"
    names: dict[str, Any] = {"__name__": "long", "__loader__": Source(source)}
    exec(compile(source, "/nowhere/long.py", "exec"), names)
    form = told(lambda: names["fail"](error))
    assert form["message"] == "x" * 10_000 + "… <2,345 more characters>"
    assert form["notes"] == ["n" * 1_000 + "… <1,000 more characters>"]
    left_out = len(source) - 1_000
    assert form["frames"][-1]["code"] == f"{source[:1_000]}… <{left_out:,} more characters>"


class Source:
    """A loader that has a module's source."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, _name: str) -> str:
        """Return it."""
        return self._source
