"""What a worker reads when it starts, as its function's configuration tells it."""

from __future__ import annotations

import pytest
from algernon.settings import Parameter, Secret
from algernon.system.kept_values import handler_of, kept_variables, start

DB = Secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", "password")


def test_what_is_written_is_read() -> None:
    """The worker's own handler and its variables' names come back, in their order."""
    handler, variables = start("shop.handler", {"DB": DB, "API_KEY": Parameter("/shop/key")})

    function = {"Handler": handler, "Environment": {"Variables": variables}}
    assert handler == "algernon.secrets.handler"
    assert handler_of(function) == "shop.handler"
    assert kept_variables(variables) == ("DB", "API_KEY")


def test_a_worker_without_them_starts_by_itself() -> None:
    """Lambda calls its own handler, and no variable says anything."""
    handler, variables = start("shop.handler", {})

    assert (handler, variables) == ("shop.handler", {})
    assert handler_of({"Handler": handler}) == "shop.handler"
    assert kept_variables(variables) == ()


@pytest.mark.parametrize("text", ["", "{", "[1]", '"API_KEY"', "7", "[" * 100_000])
def test_what_cannot_be_read_names_none(text: str) -> None:
    """Where somebody set the variable to something else, the command goes on without it."""
    assert kept_variables({"ALGERNON_SECRETS": text}) == ()


def test_a_function_that_tells_nothing_has_no_handler() -> None:
    """An image has none of Lambda's, and a variable may be gone."""
    assert handler_of({}) is None
    assert handler_of({"Handler": "algernon.secrets.handler"}) is None
