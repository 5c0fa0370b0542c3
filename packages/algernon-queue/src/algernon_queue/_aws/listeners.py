"""A Task's listener: the SNS topic that feeds its queue."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from algernon_storage import aws_client

from ..errors import PublishError, UnknownListenerError
from ..task import is_task_name

# AWS Systems Manager API Reference, GetParameters: names a call.
_PARAMETERS_A_CALL = 10

#: What to do where boto3 finds no credentials.
HOW_TO_GET_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or log in by `aws configure`"
    " or `aws sso login`; to a system that `algernon run` runs, send by `algernon send`"
)
#: What to do where no region is named.
HOW_TO_NAME_A_REGION = "no AWS region is named: set AWS_REGION"

# What a client told is kept as long as it is that client which is asked.
_MOST_CLIENTS = 4


#: What says why there is no topic for a Task, or None where it can't tell.
Explanation = Callable[[str], str | None]

_explanations: list[Explanation] = []


@contextmanager
def unknown_listeners_explained_by(explanation: Explanation) -> Iterator[None]:
    """Have it said within the block why there is no topic for a Task; the innermost says it."""
    _explanations.append(explanation)
    try:
        yield
    finally:
        _explanations.remove(explanation)


@dataclass(frozen=True, slots=True)
class Listeners:
    """The topics of Tasks, as a worker or another sender finds them.

    Attributes:
        known: Topic ARNs by Task.
        function_arn: The ARN of the Lambda function that sends. Outside of one, None:
            the account is then asked of STS, once.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    function_arn: str | None = None

    def find(self, task_names: Iterable[str]) -> dict[str, str | Exception]:
        """Return for each Task the ARN of its topic, or the error of one that has none.

        The first that knows a Task decides: the mapping; SSM Parameter Store, where
        `ALGERNON_TOPIC_PARAMETER_PREFIX` is set; and else the convention, which is a
        topic of the name `ALGERNON_TOPIC_PREFIX` + Task beside the function.
        """
        wanted = set(task_names)
        found: dict[str, str | Exception] = {
            name: self.known[name] for name in wanted if name in self.known
        }
        wanted -= found.keys()
        if not wanted:
            return found
        parameter_prefix = os.environ.get("ALGERNON_TOPIC_PARAMETER_PREFIX")
        if parameter_prefix is not None:
            return found | _from_parameters(wanted, parameter_prefix)
        return found | _by_convention(wanted, self.function_arn)


def _from_parameters(task_names: Iterable[str], prefix: str) -> dict[str, str | Exception]:
    try:
        ssm = aws_client("ssm")
    except Exception as error:  # noqa: BLE001 - it is the failure of those who asked
        return {name: _saying_what_to_set(name, error) for name in task_names}
    known = _known_parameters(ssm)
    parameters = {name: prefix + name for name in sorted(task_names)}
    missing = [
        parameter
        for name, parameter in parameters.items()
        # One name that can't be a parameter's would have SSM refuse all that come with it.
        if parameter not in known and is_task_name(name)
    ]
    failed: dict[str, Exception] = {}
    for names in _in_groups(missing):
        try:
            answer = ssm.get_parameters(Names=names)
        except Exception as error:  # noqa: BLE001 - it is the failure of those who asked
            failed |= {
                parameter: _saying_what_to_set(parameter.removeprefix(prefix), error)
                for parameter in names
            }
        else:
            known.update({found["Name"]: found["Value"] for found in answer["Parameters"]})
    return {
        name: known.get(parameter) or failed.get(parameter) or _not_known(name)
        for name, parameter in parameters.items()
    }


def _by_convention(
    task_names: Iterable[str], function_arn: str | None
) -> dict[str, str | Exception]:
    topic_prefix = os.environ.get("ALGERNON_TOPIC_PREFIX", "")
    try:
        base = _topics_beside(function_arn) if function_arn else _topics_of(aws_client("sts"))
    except Exception as error:  # noqa: BLE001 - it is the failure of those who asked
        return {name: _saying_what_to_set(name, error) for name in task_names}
    return {name: f"{base}:{topic_prefix}{name}" for name in task_names}


def _saying_what_to_set(task_name: str, cause: Exception) -> Exception:
    """Return the error of a call that lacks a setting as one that names it; others stay."""
    from botocore.exceptions import NoCredentialsError, NoRegionError

    if isinstance(cause, NoCredentialsError):
        why = f"there are no AWS credentials to ask for it: {HOW_TO_GET_CREDENTIALS}"
    elif isinstance(cause, NoRegionError):
        why = HOW_TO_NAME_A_REGION
    else:
        return cause
    error = PublishError(f"the topic of the Task {task_name!r} can't be told, since {why}")
    error.__cause__ = cause
    return error


def unknown_listener(task_name: str, otherwise: str) -> UnknownListenerError:
    """Return the error of a Task that has no topic.

    Args:
        task_name: The Task's name.
        otherwise: What is said where nobody explains it.
    """
    explained = _explanations[-1](task_name) if _explanations else None
    return UnknownListenerError(explained or otherwise)


def _not_known(task_name: str) -> UnknownListenerError:
    return unknown_listener(
        task_name,
        f"no listener is known for the Task {task_name!r}: name its topic in listeners=, in SSM"
        " Parameter Store under ALGERNON_TOPIC_PARAMETER_PREFIX, or call it"
        " ALGERNON_TOPIC_PREFIX + the Task's name",
    )


def _in_groups(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _PARAMETERS_A_CALL):
        yield names[start : start + _PARAMETERS_A_CALL]


def _topics_beside(function_arn: str) -> str:
    # arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME
    _, partition, _, region, account, *_ = function_arn.split(":")
    return f"arn:{partition}:sns:{region}:{account}"


@lru_cache(_MOST_CLIENTS)
def _known_parameters(ssm: Any) -> dict[str, str]:  # noqa: ARG001 - whom they were asked of
    return {}


@lru_cache(_MOST_CLIENTS)
def _topics_of(sts: Any) -> str:
    """Return what the ARNs begin with of the topics of whoever calls."""
    _, partition, _, _, account, *_ = sts.get_caller_identity()["Arn"].split(":")
    return f"arn:{partition}:sns:{sts.meta.region_name}:{account}"
