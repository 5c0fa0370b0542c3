"""What statements of IAM policies allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from .asked import Asked

Statement = Mapping[str, Any]


def allows(
    statements: Iterable[Statement],
    what: Asked,
    context: Mapping[str, str] = MappingProxyType({}),
) -> bool:
    """Tell whether statements allow an action.

    IAM User Guide, "Policy evaluation logic": one of them has to, and none may deny it.

    Args:
        statements: The statements of all policies that go for whoever asks.
        what: What is asked for.
        context: Condition keys, and what they are in the call.
    """
    effects = {each["Effect"] for each in statements if _is_for(each, what, context)}
    return effects == {"Allow"}


def _is_for(statement: Statement, what: Asked, context: Mapping[str, str]) -> bool:
    return (
        any(is_like(what.action.lower(), each.lower()) for each in listed(statement["Action"]))
        and any(is_like(what.resource, each) for each in listed(statement["Resource"]))
        and all(
            any(_OPERATORS[operator](context[key], value) for value in listed(values))
            if key in context
            else False
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def is_like(text: str, pattern: str) -> bool:
    """Tell whether a text is what a pattern means, of which * and ? are wildcards."""
    regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regex, text, re.DOTALL) is not None


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "ArnEquals": is_like,
    "ArnLike": is_like,
    "Bool": lambda text, value: text.lower() == value.lower(),
    "StringEquals": lambda text, value: text == value,
    "StringLike": is_like,
}


def listed(one_or_more: Any) -> list[Any]:
    """Return a list of what IAM takes as one thing or as a list of them."""
    return [*one_or_more] if isinstance(one_or_more, list | tuple) else [one_or_more]


def without(statements: Iterable[Statement], action: str, resources: str) -> list[Statement]:
    """Return the statements without an action where it is allowed on some resources.

    Args:
        statements: The statements.
        action: The action.
        resources: A pattern of which all resources are that it was allowed on.
    """
    left: list[Statement] = []
    for statement in statements:
        actions = listed(statement["Action"])
        if all(is_like(each, resources) for each in listed(statement["Resource"])):
            actions = [each for each in actions if each != action]
        if actions:
            left.append({**statement, "Action": actions})
    return left
