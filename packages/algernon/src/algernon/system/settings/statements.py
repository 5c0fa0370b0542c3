"""What workers may do besides: statements in IAM's own grammar."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ...errors import SettingsError
from .unknown_keys import check_keys
from .values import Key, check_characters, check_each, check_one_of, check_table, refuse

_ACTION = re.compile(r"\*|[a-z0-9-]+:[A-Za-z0-9*?]+")
# AWS Identity and Access Management User Guide, "Grammar of the IAM JSON policy language".
_KEYS = ("Action", "Condition", "Effect", "NotAction", "NotResource", "Resource", "Sid")

# AWS CloudFormation User Guide, "Pseudo parameters reference": those that are a text of each stack.
_PSEUDO_PARAMETERS = ("AccountId", "Partition", "Region", "StackId", "StackName", "URLSuffix")
_SUBSTITUTED = re.compile(rf"\$\{{AWS::({'|'.join(_PSEUDO_PARAMETERS)})\}}")

# TOML's own whole numbers are smaller.
_HUGE = 2**64


def check_statements(statements: object, *key: Key, most: int) -> None:
    """Refuse what aren't statements that a role's policy can have beside each other.

    Raises:
        SettingsError: They aren't.
    """
    check_each(statements, _check_statement, *key, most=most)
    numbers: dict[str, int] = {}
    for number, statement in enumerate(cast("Sequence[Mapping[str, Any]]", statements)):
        sid = statement.get("Sid")
        if sid is not None and numbers.setdefault(sid, number) != number:
            raise SettingsError(
                f"is {sid}, as that of the statement {numbers[sid]} is, but a policy has each"
                " once: give it another, or none",
                key=(*key, number, "Sid"),
            )


def _check_statement(statement: object, *key: Key) -> None:
    """Refuse what isn't a statement of a role's policy.

    Raises:
        SettingsError: It isn't.
    """
    table = check_table(statement, "what a statement of IAM has: Action, Resource and more", *key)
    check_keys(table, _KEYS, *key)
    check_one_of(table.get("Effect", "Allow"), ("Allow", "Deny"), *key, "Effect")
    for what in ("Action", "Resource"):
        given = [name for name in (what, f"Not{what}") if name in table]
        if len(given) != 1:
            has = " and ".join(given) or "neither"
            raise SettingsError(f"needs either {what} or Not{what}, and has {has}", key=key)
        _check_texts(table[given[0]], *key, given[0])
    for name in ("Action", "NotAction"):
        for action in _as_list(table.get(name, ())):
            if not _ACTION.fullmatch(action):
                refuse(action, "an action of AWS, such as dynamodb:GetItem", *key, name)
    for name in ("Resource", "NotResource"):
        for resource in _as_list(table.get(name, ())):
            if resource != "*" and not resource.startswith("arn:"):
                refuse(resource, 'an ARN, or "*"', *key, name)
            _check_pseudo_parameters(resource, *key, name)
    if "Condition" in table:
        _check_conditions(table["Condition"], *key, "Condition")
    if "Sid" in table and not (
        isinstance(table["Sid"], str) and re.fullmatch("[A-Za-z0-9]+", table["Sid"])
    ):
        refuse(table["Sid"], "letters and digits", *key, "Sid")


def _check_conditions(conditions: object, *key: Key) -> None:
    for operator, keys in check_table(conditions, "conditions", *key).items():
        _check_condition_name(operator, *key, operator)
        for name, given in check_table(keys, "condition keys", *key, operator).items():
            _check_condition_name(name, *key, operator, name)
            for value in given if isinstance(given, list | tuple) else [given]:
                # A date, inf or nan has no word in JSON, and so in no policy.
                if not isinstance(value, str) and not (
                    isinstance(value, int | float) and -_HUGE < value < _HUGE
                ):
                    refuse(value, "a text, a number, true or false", *key, operator, name)
                if isinstance(value, str):
                    check_characters(value, *key, operator, name)
                    _check_pseudo_parameters(value, *key, operator, name)


def _check_condition_name(name: str, *key: Key) -> None:
    """Refuse what CloudFormation takes for an expression of its own, or doesn't look into."""
    if name == "Ref" or "Fn::" in name or "${AWS::" in name:
        raise SettingsError(
            "is no operator or key of IAM's conditions: CloudFormation puts in something in their"
            " values alone",
            key=key,
        )


def _check_pseudo_parameters(text: str, *key: Key) -> None:
    """Refuse what CloudFormation would look for in vain, or leave as it is."""
    if "${AWS::" in _SUBSTITUTED.sub("", text):
        names = ", ".join(f"${{AWS::{name}}}" for name in _PSEUDO_PARAMETERS)
        refuse(text, f"a text in which CloudFormation puts in nothing but {names}", *key)


def _check_texts(value: object, *key: Key) -> None:
    texts = _as_list(value)
    if not texts or not all(isinstance(text, str) for text in texts):
        refuse(value, "a text, or a list of texts", *key)
    for text in texts:
        check_characters(text, *key)


def _as_list(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, list | tuple) else []
