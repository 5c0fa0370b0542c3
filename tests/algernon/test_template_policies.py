"""What IAM has room for, of what the workers' role may do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from algernon.errors import TemplateError
from algernon.settings import Secret, Settings, WorkerSettings
from algernon.template import system_template
from algernon.worker import Worker

from .resolved import StackOfTemplate

WORKERS = [Worker("shop.handler", ("order",), {})]
#: A stack with the longest names.
NAMES = {
    "Bucket": "b" * 63,
    "WorkerLogs": f"{'s' * 128}-WorkerLogs-{'x' * 12}",
}


def tables(number: int) -> list[dict[str, Any]]:
    """Return statements of so many tables."""
    table = (
        "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${AWS::StackName}"
    )
    return [
        {"Action": "dynamodb:GetItem", "Resource": f"{table}-{each:03}"} for each in range(number)
    ]


def deployed_size(template: dict[str, Any]) -> int:
    """Return how many characters the role's own policies have in a stack, without white space."""
    stack = StackOfTemplate(template, NAMES, name="s" * 128)
    policies = stack.resolved(template["Resources"]["WorkerRole"]["Properties"]["Policies"])
    return sum(len(re.sub(r"\s", "", json.dumps(each["PolicyDocument"]))) for each in policies)


def template_with(settings: Settings) -> dict[str, Any]:
    """Return the template of a system with these settings."""
    return system_template(WORKERS, settings=settings)


def test_a_role_may_have_as_much_as_iam_has_room_for() -> None:
    """What is taken fits in a stack with the longest names, and what is refused nearly doesn't."""
    taken = template_with(Settings(statements=[]))
    try:
        for number in range(1, 100):
            taken = template_with(Settings(statements=tables(number)))
    except TemplateError:
        pass

    assert 9_000 < deployed_size(taken) <= 10_240


def test_more_than_iam_has_room_for_is_refused() -> None:
    """The error says how long each policy is, and where to put statements instead."""
    with pytest.raises(
        TemplateError,
        match=r"take up to 2\d,\d{3} characters \(worker: 1,\d{3}, statements: 2\d,\d{3}\), .* room"
        r" for 10,240 in all: .* attach that to the role, which is the output WorkerRole",
    ):
        template_with(Settings(statements=tables(90)))


def test_secrets_count_too() -> None:
    """The right to read each secret is one of the worker's own."""
    secret = f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{'x' * 400}{{}}-AbCdEf"
    modules = [f"shop_{number}" for number in range(25)]
    settings = Settings(
        workers={
            module: WorkerSettings(environment={"KEY": Secret(secret.format(module))})
            for module in modules
        }
    )
    workers = [Worker(f"{module}.handler", (module,), {}) for module in modules]

    with pytest.raises(TemplateError, match=r"the workers' role take .* \(worker: 1\d,\d{3}\)"):
        system_template(workers, settings=settings)


def test_a_policy_for_functions_of_ones_own_that_is_too_long_is_refused() -> None:
    """A managed policy has room for less: the error says which one it is."""
    settings = Settings(trusted_buckets=[f"{'x' * 30}-{number}" for number in range(80)])

    with pytest.raises(
        TemplateError, match=r"WorkerPolicy takes up to \d{1,2},\d{3} characters, .* 6,144: name"
    ):
        system_template(WORKERS, settings=settings, part="tasks")


def test_more_policies_than_a_role_has_are_refused() -> None:
    """Where long names leave room for few Tasks in a policy, IAM's ten come to an end first."""
    tasks = tuple(f"{number:0127}" for number in range(91))

    with pytest.raises(
        TemplateError,
        match=r"needs 11 managed policies \(WorkerPolicy to WorkerTasks10\), but IAM attaches 10",
    ):
        system_template([Worker("shop.handler", tasks, {})], part="tasks")
