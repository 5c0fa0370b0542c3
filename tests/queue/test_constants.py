"""Keyword arguments that a later Task of a chain gets besides what the one before returns."""

from __future__ import annotations

from typing import Any

import pytest
from algernon_queue import Task, TaskArgumentsError


@pytest.mark.parametrize(
    ("callback", "constants", "problem"),
    [
        (None, {0: {"n": 1}}, r"for the Task 0 of its callback None, in which there is none"),
        ("bill", {1: {"n": 1}}, r"for the Task 1 of its callback 'bill', in which there is none"),
        ("bill", {-1: {"n": 1}}, r"for the Task -1 of its callback"),
        ("bill", {"0": {"n": 1}}, r"for the Task '0' of its callback"),
        ("bill", {False: {"n": 1}}, r"for the Task False of its callback"),
        ("bill", [{"n": 1}], r"the constants of the Task 'price' are a list"),
        ("bill", None, r"the constants of the Task 'price' are a NoneType"),
        ("bill#mail", {1: ["n"]}, r"for 'mail', the Task 1 of its callback, aren't a mapping"),
        ("bill", {0: {1: "n"}}, r"for 'bill', .* aren't a mapping whose keys are all str"),
        ("price#bill", {0: {"n": 1}}, r"'price#bill', which is itself: put them into its task_kw"),
    ],
)
def test_constants_are_for_later_tasks(callback: str | None, constants: Any, problem: str) -> None:
    """Constants that aren't keyword arguments of a Task of the callback are refused at once."""
    with pytest.raises(TaskArgumentsError, match=problem):
        Task("price", {}, callback, constants=constants)


def test_a_task_that_comes_again_may_have_constants() -> None:
    """A Task whose callback is itself alone is run again, with constants."""
    assert Task("price", {}, "price", constants={0: {"n": 1}}).constants == {0: {"n": 1}}
