"""The handler of a worker with secrets, which reads them before the worker's module is imported.

Lambda calls what is named ``algernon.secrets.handler``, and asks this module for it when it
starts a process. Then the environment variables that `ALGERNON_SECRETS` names get their values
from AWS Secrets Manager and from Parameter Store, and the handler is what `ALGERNON_HANDLER`
names: so a worker's module finds them in ``os.environ`` when it is imported, as any other.

`ALGERNON_SECRETS` is a JSON object of where each variable's value is kept:
``{"DB_PASSWORD": {"secret": ARN, "key": FIELD}, "API_KEY": {"parameter": NAME}}``, where ``key``
is left out if the whole secret is meant. A value that changes is read by processes that start
later; those that run keep theirs. None is ever logged.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from queue import Empty, SimpleQueue
from threading import Thread, local
from typing import Any, NamedTuple, TypeAlias

from algernon_storage import aws_client

from .errors import SecretsError, WorkerError

# AWS Secrets Manager API Reference, BatchGetSecretValue.
_SECRETS_A_CALL = 20
# AWS Systems Manager API Reference, GetParameters.
_PARAMETERS_A_CALL = 10
# A process that hasn't started after 10 seconds Lambda starts anew when a batch comes, within the
# function's timeout, and logs no more than that it took too long: AWS Lambda Developer Guide,
# "Understanding the Lambda execution environment lifecycle". So an error has to come before.
_ANSWER_SECONDS = 8

# AWS Identity and Access Management User Guide, "Troubleshoot access denied error messages".
_NOT_AUTHORIZED = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
# As Secrets Manager and Parameter Store speak of KMS, where it doesn't let them decrypt.
_OF_KMS = re.compile("kms|ciphertext|decrypt", re.IGNORECASE)
_NAME_ANOTHER = "name another in [tool.algernon] of pyproject.toml and deploy that"
_TRIED_AGAIN = "the next process that Lambda starts asks again"

# Whether a thread asks AWS for values.
_this_thread = local()


class _Place(NamedTuple):
    """Where a variable's value is kept: the ARN of a secret, or the name of a parameter."""

    secret: str | None = None
    parameter: str | None = None
    key: str | None = None

    @property
    def name(self) -> str:
        return self.secret or self.parameter or ""


class _Problem(NamedTuple):
    """Why something has no value, and what to do about it."""

    why: str
    remedy: str


# The text of a secret or a parameter, by its ARN or name, or why there is none.
_Found: TypeAlias = dict[str, "str | _Problem"]


class _Call(NamedTuple):
    """One call of a service, for some secrets or parameters."""

    service: str
    client: Any
    ask: Callable[[Any, list[str]], _Found]
    names: list[str]


def __getattr__(name: str) -> Any:
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    os.environ.update(_values(_wanted()))
    handler = globals()["handler"] = _handler()
    return handler


def _wanted() -> dict[str, _Place]:
    """Return where the value of each variable is kept, as the template says."""
    text = os.environ.get("ALGERNON_SECRETS", "")
    try:
        wanted = {name: _Place(**place) for name, place in json.loads(text).items()}
        if all(isinstance(place.name, str) and place.name for place in wanted.values()):
            return wanted
    except (ValueError, AttributeError, TypeError):
        pass
    raise SecretsError(
        f"the environment variable ALGERNON_SECRETS is {text!r}, but has to be a JSON object such"
        ' as {"API_KEY": {"parameter": "/shop/api-key"}}: algernon template sets it, beside the'
        " handler algernon.secrets.handler"
    )


def _values(wanted: Mapping[str, _Place]) -> dict[str, str]:
    """Return the value of each variable.

    Raises:
        SecretsError: One of them has none; the message tells of all of them.
    """
    found = _ask_for([*wanted.values()])
    values: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name, place in wanted.items():
        value = found[place.name]
        if isinstance(value, str):
            value = _usable(value, place.key)
        if isinstance(value, str):
            values[name] = value
        else:
            source = f"the {'secret' if place.secret else 'parameter'} {place.name}"
            problems[name] = f"{name} from {source}, since {value.why}: {value.remedy}"
    if problems:
        raise SecretsError(
            "the worker can't start, since environment variables have no value. It can't read"
            f" {'; nor '.join(problems.values())}",
            variables=tuple(problems),
        )
    return values


def _usable(text: str, key: str | None) -> str | _Problem:
    """Return what becomes a variable's value, which is one field of the text, or all of it."""
    value = text if key is None else _field(text, key)
    if isinstance(value, str) and not _fits_an_environment(value):
        return _Problem(
            "it holds characters that no environment variable can have",
            "keep it there as base64, and decode it in the worker",
        )
    return value


def _fits_an_environment(value: str) -> bool:
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _field(text: str, key: str) -> str | _Problem:
    try:
        # Numbers as they stand there, such as the port in a secret of Amazon RDS.
        fields = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        # Not raised from here: the error has the text of the secret.
        fields = None
    if not isinstance(fields, dict):
        return _Problem(
            f"it isn't a JSON object, of which {key!r} could be a field",
            "leave key out to get all of it, or keep a JSON object there",
        )
    if key not in fields:
        return _Problem(
            f"it is a JSON object without the field {key!r}",
            "add the field, or name another one as key",
        )
    if not isinstance(value := fields[key], str):
        return _Problem(
            f"its field {key!r} is neither a text nor a number",
            "make it one, or leave key out and read the JSON object in the worker",
        )
    return value


def _ask_for(places: list[_Place]) -> _Found:
    """Return what all secrets and parameters hold, of which each is asked for once."""
    secrets = sorted({place.secret for place in places if place.secret})
    parameters = sorted({place.name for place in places if not place.secret})
    calls = [
        *_calls("secretsmanager", _ask_secrets_manager, secrets, _SECRETS_A_CALL),
        *_calls("ssm", _ask_parameter_store, parameters, _PARAMETERS_A_CALL),
    ]
    # Now that making clients has made botocore's loggers.
    _log_nothing_of_answers()
    return _answers(calls)


def _calls(
    service: str, ask: Callable[[Any, list[str]], _Found], names: list[str], most: int
) -> list[_Call]:
    if not names:
        return []
    try:
        client = aws_client(service)
    except Exception as error:
        raise SecretsError(
            "the worker can't start, since it can't ask AWS for the values of environment"
            f" variables ({type(error).__name__}: {error}): start it in Lambda, which sets a"
            " region and credentials"
        ) from error
    return [
        _Call(service, client, ask, names[start : start + most])
        for start in range(0, len(names), most)
    ]


def _answers(calls: list[_Call]) -> _Found:
    """Make all calls at once, and return what they answer, if they do in time."""
    found: _Found = {name: _unanswered(call.service) for call in calls for name in call.names}
    answers: SimpleQueue[_Found] = SimpleQueue()

    def make(call: _Call) -> None:
        _this_thread.asks = True
        answers.put(_answer(call))

    for call in calls:
        # The end of the process doesn't wait for one that hangs.
        Thread(target=make, args=(call,), daemon=True).start()
    deadline = time.monotonic() + _ANSWER_SECONDS
    with suppress(Empty):
        for _ in calls:
            found |= answers.get(timeout=max(0.0, deadline - time.monotonic()))
    return found


def _answer(call: _Call) -> _Found:
    untold = _Problem("AWS answered nothing of it", _TRIED_AGAIN)
    try:
        found = call.ask(call.client, call.names)
    except Exception as error:  # noqa: BLE001 - it is the problem of those that were asked for
        return dict.fromkeys(call.names, _problem_of_call(call.service, error))
    return {
        name: value if isinstance(value := found.get(name), str | _Problem) else untold
        for name in call.names
    }


def _ask_secrets_manager(client: Any, arns: list[str]) -> _Found:
    here = client.meta.region_name
    elsewhere = _Problem(
        f"it isn't in {here}, where the function is",
        f"replicate it to {here} and name the replica's ARN, or {_NAME_ANOTHER}",
    )
    binary = _Problem(
        "it is binary, and an environment variable is a text",
        "keep it there as a text, such as base64",
    )
    found: _Found = {arn: elsewhere for arn in arns if arn.split(":")[3] != here}
    asked: dict[str, Any] = {"SecretIdList": [arn for arn in arns if arn not in found]}
    while asked["SecretIdList"]:
        answer = client.batch_get_secret_value(**asked)
        for secret in answer.get("SecretValues", ()):
            found[secret["ARN"]] = secret.get("SecretString", binary)
        for error in answer.get("Errors", ()):
            refusal = _refusal("secretsmanager", error["ErrorCode"], error.get("Message", ""))
            found[error["SecretId"]] = refusal
        if not answer.get("NextToken"):
            break
        asked["NextToken"] = answer["NextToken"]
    return found


def _ask_parameter_store(client: Any, names: list[str]) -> _Found:
    answer = client.get_parameters(Names=names, WithDecryption=True)
    missing = _Problem("there is none of this name, version or label here", _NAME_ANOTHER)
    found: _Found = dict.fromkeys(answer.get("InvalidParameters", ()), missing)
    for parameter in answer["Parameters"]:
        name = parameter["Name"]
        # There where a version or a label was asked for.
        if selector := parameter.get("Selector"):
            name += f":{selector.rpartition(':')[2]}"
        found[name] = parameter["Value"]
    return found


def _unanswered(service: str) -> _Problem:
    return _Problem(
        f"AWS hasn't brought it within {_ANSWER_SECONDS} s",
        f"a function in a VPC reaches {service} by a NAT gateway or an interface endpoint alone,"
        " from security groups that let HTTPS out; any other is throttled, and then"
        f" {_TRIED_AGAIN}",
    )


def _problem_of_call(service: str, error: Exception) -> _Problem:
    """Return why a whole call failed, as the problem of all that it was to bring."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        told = response.get("Error", {})
        return _refusal(service, told.get("Code", ""), told.get("Message", ""))
    from botocore.exceptions import BotoCoreError

    # Any other may cite the answer, which has values.
    message = f": {error}" if isinstance(error, BotoCoreError) else ""
    return _Problem(
        f"AWS can't be asked, or its answer not read ({type(error).__name__}{message})",
        f"see that the function reaches {service}, and has a role and a region",
    )


def _refusal(service: str, code: str, message: str) -> _Problem:
    why = f"AWS answered {code}: {message}".rstrip(": .")
    return _Problem(why, _remedy(service, code, message))


def _remedy(service: str, code: str, message: str) -> str:
    """Return what to do where AWS refuses something."""
    is_denied = code == "AccessDeniedException"
    if action := _NOT_AUTHORIZED.search(message):
        return f"allow {action[1]} to the function's role"
    if code in ("DecryptionFailure", "InvalidKeyId") or (is_denied and _OF_KMS.search(message)):
        return "allow kms:Decrypt on its key to the function's role, and see that it is enabled"
    if is_denied:
        right = "ssm:GetParameters" if service == "ssm" else "secretsmanager:GetSecretValue"
        return f"allow {right} on it to the function's role"
    if code == "InvalidRequestException":
        return f"restore it where it is to be deleted, or {_NAME_ANOTHER}"
    if code == "ResourceNotFoundException":
        return f"give it a value, or {_NAME_ANOTHER}"
    return _TRIED_AGAIN


def _log_nothing_of_answers() -> None:
    """Keep botocore from logging, at level DEBUG, what AWS answers to threads that ask.

    A thread may get its answer when nobody waits for it any more, so this stays. A logger's
    filter doesn't hold for those below it, which may have levels of their own.
    """
    for name in ("botocore", "urllib3", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("botocore", "urllib3"):
            logging.getLogger(name).addFilter(_is_no_answer)


def _is_no_answer(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO or not getattr(_this_thread, "asks", False)


def _handler() -> Any:
    """Return the worker's own handler, found as Lambda finds one.

    Raises:
        WorkerError: There is no such function; Lambda would say so of this module.
    """
    target = os.environ.get("ALGERNON_HANDLER", "")
    module_name, _, name = target.rpartition(".")
    if not module_name:
        raise WorkerError(
            f"the environment variable ALGERNON_HANDLER is {target!r}, but has to name the worker's"
            " handler, such as shop.handler: algernon template sets it, beside the handler"
            " algernon.secrets.handler"
        )
    try:
        module = import_module(module_name.replace("/", "."))
    except AttributeError as error:
        raise WorkerError(
            f"the module {module_name} can't be imported: AttributeError: {error}"
        ) from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise WorkerError(
            f"the module {module_name} has no {name!r} for Lambda to call: write"
            f" {name} = router.handler at its end"
        ) from error
