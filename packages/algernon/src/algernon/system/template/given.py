"""Parameters whose values the settings give, so that the template has none of them any more.

The default of a parameter wouldn't do: a stack that is updated keeps the value that it has, unless
whoever deploys gives another one (AWS CloudFormation API Reference, Parameter:
UsePreviousValue), so that a setting would hold for new stacks alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NO_VALUE = {"Ref": "AWS::NoValue"}


def with_given(template: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return a template in which some parameters have values, and what follows from these.

    Args:
        template: The template.
        values: The values, by the names of the parameters.

    Example:
        >>> given = with_given(
        ...     {"Parameters": {"Days": {}}, "Conditions": {}, "Resources": {"A": {"Ref": "Days"}}},
        ...     {"Days": "90"},
        ... )
        >>> given["Parameters"], given["Resources"]
        ({}, {'A': '90'})
    """
    conditions = {
        name: _valued(condition, values, {}) for name, condition in template["Conditions"].items()
    }
    decided = {name: value for name, value in conditions.items() if isinstance(value, bool)}
    body = {
        part: _valued(value, values, decided)
        for part, value in template.items()
        if part not in ("Parameters", "Conditions")
    }
    used = set(_conditions_of(body))
    return {
        **body,
        "Parameters": {
            name: parameter
            for name, parameter in template["Parameters"].items()
            if name not in values
        },
        "Conditions": {name: value for name, value in conditions.items() if name in used},
    }


def _valued(node: Any, values: Mapping[str, str], decided: Mapping[str, bool]) -> Any:
    """Return a part of the template with the values, as far as they decide it."""
    if isinstance(node, list):
        return [
            each for each in (_valued(one, values, decided) for one in node) if each != _NO_VALUE
        ]
    if not isinstance(node, dict):
        return node
    if node == _NO_VALUE:
        return node
    match [*node.items()]:
        case [("Ref", str(name))] if name in values:
            return values[name]
        case [("Fn::If", [name, then, otherwise])] if name in decided:
            return _valued(then if decided[name] else otherwise, values, decided)
        case [("Fn::If", [name, *branches])]:
            return {"Fn::If": [name, *(_valued(one, values, decided) for one in branches)]}
    inner = {key: _valued(value, values, decided) for key, value in node.items()}
    return _folded({key: value for key, value in inner.items() if value != _NO_VALUE})


def _folded(node: dict[str, Any]) -> Any:
    """Return what a function of CloudFormation gives, where it has all that it needs."""
    match [*node.items()]:
        case [("Fn::Equals", [str(one), str(other)])]:
            return one == other
        case [("Fn::Not", [bool(value)])]:
            return not value
        case [("Fn::Split", [str(separator), str(text)])]:
            return text.split(separator)
        case [("Fn::Join", [str(separator), [*texts]])] if all(
            isinstance(text, str) for text in texts
        ):
            return separator.join(texts)
    return node


def _conditions_of(node: Any) -> Iterator[str]:
    """Give the names of the conditions that a part of the template asks for."""
    if isinstance(node, list):
        for each in node:
            yield from _conditions_of(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Fn::If":
                yield value[0]
            yield from _conditions_of(value)
