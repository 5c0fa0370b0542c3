"""Which workers made by hand a template is written for, and what is said of others."""

from __future__ import annotations

from typing import Any

import pytest
from algernon.errors import TemplateError
from algernon.template import system_template
from algernon.worker import Worker

from .test_template import hints


def refusal(error: type[Exception], *args: Any, **kwargs: Any) -> str:
    """Return what is said of a worker that no template is written for."""
    with pytest.raises(error) as raised:
        system_template([Worker(*args, **kwargs)])
    return str(raised.value)


@pytest.mark.parametrize(
    "name", ["a${AWS::AccountId}", "", "a.b", "a b", "a#b", "naïve", "a\n", "*"]
)
def test_a_task_is_called_as_a_topic_can_be(name: str) -> None:
    """What would be an expression of CloudFormation, or no topic's name, is named."""
    message = refusal(TemplateError, "shop.handler", ("pay", name), {})

    assert "the worker shop.handler can't have such a Task: " in message
    assert f"{name!r} can't be a Task's name" in message


@pytest.mark.parametrize(
    "handler", ["handler", "", ".handler", "shop.", "shop..handler", "a b.handler", "shop.1", "a:b"]
)
def test_a_handler_is_a_modules_function(handler: str) -> None:
    """Lambda would look for what can't be there only when the first batch comes."""
    message = refusal(TemplateError, handler, ("pay",), {})

    assert f"{handler!r} can't be a worker's handler" in message
    assert "write it like shop.handler" in message


@pytest.mark.parametrize("handler", ["shop.handler", "a.b.c.handler", "my-folder/shop.run"])
def test_handlers_as_lambda_finds_them_are_taken(handler: str) -> None:
    """Packages and folders may be in its name."""
    template = system_template([Worker(handler, ("pay",), {})])

    assert template["Resources"]["Worker"]["Properties"]["Handler"] == handler


def test_a_handler_has_the_length_that_lambda_takes() -> None:
    """128 characters are taken, and one more is refused with both numbers."""
    longest = f"{'m' * 120}.handler"

    assert hints(system_template([Worker(longest, ("pay",), {})])) == []
    message = refusal(TemplateError, f"m{longest}", ("pay",), {})
    assert "has 129 characters, but Lambda takes 128 at most" in message


def test_the_handler_that_reads_secrets_is_no_workers_own() -> None:
    """It would look for itself; the template names it where there are secrets."""
    message = refusal(TemplateError, "algernon.secrets.handler", ("pay",), {})

    assert "algernon.secrets.handler is what reads secrets before" in message


@pytest.mark.parametrize(
    ("retries", "error", "said"),
    [
        ({"pay": -1}, TemplateError, "'pay' has -1 retries, but it can't be tried less than once"),
        ({"pay": True}, TypeError, "'pay' are True, of the class bool, but have to be an int"),
        ({"pay": "7"}, TypeError, "'pay' are '7', of the class str, but have to be an int"),
        (7, TypeError, "retries of shop.handler is of the class int, but has to be a mapping"),
    ],
)
def test_retries_are_numbers_of_the_workers_own_tasks(
    retries: Any, error: type[Exception], said: str
) -> None:
    """What no queue can do, or what would be for nothing, is named."""
    assert said in refusal(error, "shop.handler", ("pay",), retries)


@pytest.mark.parametrize(
    ("args", "error", "said"),
    [
        ((7, ("pay",), {}), TypeError, "handler of a worker is of the class int"),
        (("shop.handler", "pay", {}), TypeError, "Tasks of shop.handler are of the class str"),
        (("shop.handler", {"pay"}, {}), TypeError, "Tasks of shop.handler are of the class set"),
        (("shop.handler", ("pay", 7), {}), TypeError, "7 of shop.handler can't be a Task's name"),
        (("shop.handler", (), {}), TemplateError, "the worker shop.handler has no Tasks"),
        (("shop.handler", ("pay",), {}, None), TypeError, "needs of shop.handler is of the class"),
    ],
)
def test_what_a_worker_is_made_of_is_checked(
    args: tuple[Any, ...], error: type[Exception], said: str
) -> None:
    """What was given in another's place is named, with the worker."""
    assert said in refusal(error, *args)


def test_workers_are_a_list() -> None:
    """One worker, or what gives each only once, is no list of them."""
    worker = Worker("shop.handler", ("pay",), {})

    for workers in ((each for each in [worker]), {worker.handler: worker}, worker, "shop"):
        with pytest.raises(TypeError, match=r"workers is of the class \w+, but has to be a list"):
            system_template(workers)  # type: ignore[arg-type]
