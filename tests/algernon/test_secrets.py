"""A worker with secrets starts with them in its environment, or says why it doesn't."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads
from typing import TYPE_CHECKING, Any

import algernon_storage
import pytest
from algernon import secrets
from algernon.errors import CommandError, SecretsError, WorkerError
from algernon.settings import Parameter, Secret, Settings
from algernon.template import system_template
from algernon.worker import Worker
from algernon_storage import aws_client

from ..logging.runtime_api import JSON, LambdaFunction
from ..waiting import PATIENCE
from ..wire import Answer, Call, Wire

if TYPE_CHECKING:
    from ..conftest import LocalAWS

# A module that shows what of its environment it sees when it is imported.
WORKER = """
import os

PASSWORD = os.environ.get("DB_PASSWORD")
KEY = os.environ.get("API_KEY")

def handler(event, context):
    return [PASSWORD, KEY]
"""
VALUE = "s3cr3t-of-the-shop"

Start = Callable[..., Any]


@pytest.fixture
def start(
    aws: LocalAWS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Any]]:
    """Start a worker that is told where its variables' values are, and return its handler."""
    (tmp_path / "worker_with_secrets.py").write_text(WORKER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ALGERNON_HANDLER", "worker_with_secrets.handler")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(secrets, "_ANSWER_SECONDS", PATIENCE)
    algernon_storage.reset()
    before = dict(os.environ)

    def start(**places: dict[str, str]) -> Any:
        monkeypatch.delitem(vars(secrets), "handler", raising=False)
        monkeypatch.delitem(sys.modules, "worker_with_secrets", raising=False)
        os.environ["ALGERNON_SECRETS"] = json.dumps(places)
        return secrets.handler  # type: ignore[attr-defined, unused-ignore]

    yield start
    vars(secrets).pop("handler", None)
    sys.modules.pop("worker_with_secrets", None)
    os.environ.clear()
    os.environ.update(before)


def secret(aws: LocalAWS, name: str, value: str | bytes = VALUE) -> str:
    """Keep a secret, and return its ARN."""
    kept: dict[str, Any] = {"SecretBinary" if isinstance(value, bytes) else "SecretString": value}
    arn: str = aws.client("secretsmanager").create_secret(Name=name, **kept)["ARN"]
    return arn


def parameter(aws: LocalAWS, name: str, value: str = VALUE, kind: str = "SecureString") -> str:
    """Keep a parameter, and return its name."""
    aws.client("ssm").put_parameter(Name=name, Value=value, Type=kind)
    return name


def refusing(service: str, code: str, message: str = "") -> Callable[..., Answer | None]:
    """Answer all calls of a service with an error."""

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer | None:
        if call.service != service:
            return forward()
        return Answer(400, [], json.dumps({"__type": code, "message": message}).encode())

    return treat


def test_a_worker_finds_its_secrets_in_its_environment_when_it_is_imported(
    aws: LocalAWS, start: Start
) -> None:
    """Values of both services, a field of a JSON object among them, are there at import."""
    db = secret(aws, "shop/db", json.dumps({"password": VALUE, "user": "shop"}))
    handler = start(
        DB_PASSWORD={"secret": db, "key": "password"},
        API_KEY={"parameter": parameter(aws, "/shop/api-key", "42")},
    )
    assert handler({}, None) == [VALUE, "42"]
    assert os.environ["DB_PASSWORD"] == VALUE


def test_all_that_several_variables_need_is_asked_for_once(
    aws: LocalAWS, start: Start, wire: Wire
) -> None:
    """One call of each service brings what all variables need, and a secret only once."""
    db = secret(aws, "shop/db", json.dumps({"password": VALUE, "port": 5432, "rate": 0.10}))
    start(
        DB_PASSWORD={"secret": db, "key": "password"},
        DB_PORT={"secret": db, "key": "port"},
        DB_RATE={"secret": db, "key": "rate"},
        DB_ALL={"secret": db},
        MAIL={"secret": secret(aws, "shop/mail")},
        API_KEY={"parameter": parameter(aws, "/shop/api-key")},
        API_KEY_TOO={"parameter": "/shop/api-key"},
        RATES={"parameter": parameter(aws, "rates", "1,2", kind="StringList")},
    )
    assert wire.counted() == {"secretsmanager BatchGetSecretValue": 1, "ssm GetParameters": 1}
    (asked,) = (call for call in wire.calls if call.service == "secretsmanager")
    assert json.loads(asked.body)["SecretIdList"].count(db) == 1
    names = ("DB_PORT", "DB_RATE", "MAIL", "API_KEY_TOO", "RATES")
    assert [os.environ[name] for name in names] == ["5432", "0.1", VALUE, VALUE, "1,2"]
    assert json.loads(os.environ["DB_ALL"])["port"] == 5432


def test_more_than_one_call_brings_come_by_several_at_once(
    aws: LocalAWS, start: Start, wire: Wire
) -> None:
    """Beyond 20 secrets and 10 parameters there are further calls, which don't wait for others."""
    wire.expect_rounds(4)
    start(
        **{
            f"SECRET_{number}": {"secret": secret(aws, f"s{number}", f"s{number}")}
            for number in range(21)
        },
        **{
            f"PARAMETER_{number}": {"parameter": parameter(aws, f"/p/{number}", f"p{number}")}
            for number in range(11)
        },
    )
    assert wire.counted() == {"secretsmanager BatchGetSecretValue": 2, "ssm GetParameters": 2}
    assert [os.environ[name] for name in ("SECRET_20", "PARAMETER_10")] == ["s20", "p10"]


def test_a_version_of_a_parameter_can_be_asked_for(aws: LocalAWS, start: Start, wire: Wire) -> None:
    """A name with a version or a label brings that value, beside the newest one."""

    def select(_call: Call, forward: Callable[[], Answer]) -> Answer:
        # AWS answers which was asked for; moto doesn't.
        answer = json.loads(forward().body)
        for one in answer["Parameters"]:
            if one["Version"] == 1:
                one["Selector"] = ":1"
        return Answer(200, [], json.dumps(answer).encode())

    wire.treatment = select
    ssm = aws.client("ssm")
    name = parameter(aws, "/shop/rate", "old")
    ssm.put_parameter(Name=name, Value="new", Type="String", Overwrite=True)
    start(OLD={"parameter": f"{name}:1"}, NEW={"parameter": name})
    assert (os.environ["OLD"], os.environ["NEW"]) == ("old", "new")


def test_secrets_that_come_page_by_page_all_come(aws: LocalAWS, start: Start, wire: Wire) -> None:
    """Where an answer has a NextToken, the rest is asked for."""
    arns = [secret(aws, name, name) for name in ("one", "two")]

    def page(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = json.loads(forward().body)
        if "NextToken" not in json.loads(call.body):
            answer |= {"SecretValues": answer["SecretValues"][:1], "NextToken": "1"}
        return Answer(200, [], json.dumps(answer).encode())

    wire.treatment = page
    start(ONE_={"secret": arns[0]}, TWO_={"secret": arns[1]})
    assert (os.environ["ONE_"], os.environ["TWO_"]) == ("one", "two")


def test_a_worker_starts_with_what_its_template_says(aws: LocalAWS, start: Start) -> None:
    """The handler reads where values are as the template of their settings has written it."""
    db = secret(aws, "shop/db", json.dumps({"password": VALUE}))
    environment: dict[str, str | Secret | Parameter] = {
        "DB_PASSWORD": Secret(db, "password"),
        "DB": Secret(db),
        "API_KEY": Parameter(parameter(aws, "/shop/api-key", "42")),
    }
    template = system_template(
        [Worker("worker_with_secrets.handler", ("work",), {})],
        settings=Settings(environment=environment),
    )
    variables = template["Resources"]["Worker"]["Properties"]["Environment"]["Variables"]
    assert variables["ALGERNON_HANDLER"] == os.environ["ALGERNON_HANDLER"]
    handler = start(**json.loads(variables["ALGERNON_SECRETS"]))
    assert handler({}, None) == [VALUE, "42"]
    assert json.loads(os.environ["DB"]) == {"password": VALUE}


def test_the_value_may_be_rotated_and_a_later_process_has_the_new_one(
    aws: LocalAWS, start: Start
) -> None:
    """A process keeps what it was started with; the next one reads what is there then."""
    arn = secret(aws, "shop/db", "old")
    assert start(DB_PASSWORD={"secret": arn})({}, None)[0] == "old"
    aws.client("secretsmanager").put_secret_value(SecretId=arn, SecretString="new")
    assert secrets.handler({}, None)[0] == "old"  # type: ignore[attr-defined, unused-ignore]
    assert start(DB_PASSWORD={"secret": arn})({}, None)[0] == "new"


OTHER = "arn:aws:secretsmanager:{region}:123456789012:secret:other-AbCdEf"


def _missing(aws: LocalAWS) -> dict[str, str]:
    return {"secret": OTHER.format(region="eu-west-1")}


def _deleted(aws: LocalAWS) -> dict[str, str]:
    arn = secret(aws, "deleted")
    aws.client("secretsmanager").delete_secret(SecretId=arn)
    return {"secret": arn}


@pytest.mark.parametrize(
    ("place", "why", "what_to_do"),
    [
        (_missing, "ResourceNotFoundException", "give it a value, or name another"),
        (_deleted, "InvalidRequestException", "restore it"),
        (
            lambda aws: {"secret": OTHER.format(region="us-west-2")},
            "it isn't in eu-west-1",
            "replicate it to eu-west-1",
        ),
        (lambda aws: {"secret": secret(aws, "db", VALUE.encode())}, "is binary", "such as base64"),
        (
            lambda aws: {"secret": secret(aws, "db", VALUE), "key": "password"},
            "isn't a JSON object",
            "leave key out",
        ),
        (
            lambda aws: {"secret": secret(aws, "db", f'["{VALUE}"]'), "key": "password"},
            "isn't a JSON object",
            "leave key out",
        ),
        (
            lambda aws: {"secret": secret(aws, "db", f'{{"pass": "{VALUE}"}}'), "key": "password"},
            "without the field 'password'",
            "add the field",
        ),
        (
            lambda aws: {"secret": secret(aws, "db", f'{{"it": ["{VALUE}"]}}'), "key": "it"},
            "its field 'it' is neither a text nor a number",
            "make it one",
        ),
        (
            lambda aws: {"secret": secret(aws, "db", '{"it": true}'), "key": "it"},
            "its field 'it' is neither a text nor a number",
            "make it one",
        ),
        (
            lambda aws: {"secret": secret(aws, "db", f'{{"it": "{VALUE}\\u0000"}}'), "key": "it"},
            "characters that no environment variable can have",
            "base64",
        ),
        (
            lambda aws: {"secret": secret(aws, "db", f'{{"it": "{VALUE}\\ud800"}}'), "key": "it"},
            "characters that no environment variable can have",
            "base64",
        ),
        (lambda aws: {"parameter": "/nowhere"}, "there is none of this name", "name another"),
        (
            lambda aws: {"parameter": parameter(aws, "/shop/rate") + ":7"},
            "there is none of this name, version or label",
            "name another",
        ),
    ],
)
def test_a_value_that_is_not_to_be_had_keeps_the_worker_from_starting(
    aws: LocalAWS,
    start: Start,
    place: Callable[[LocalAWS], dict[str, str]],
    why: str,
    what_to_do: str,
) -> None:
    """The error names the variable, the secret, why, and what to do, and never a value."""
    where = place(aws)
    with pytest.raises(SecretsError) as raised:
        start(DB_PASSWORD=where)
    message = str(raised.value)
    assert f"DB_PASSWORD from the {next(iter(where))} {next(iter(where.values()))}" in message
    assert why in message
    assert what_to_do in message
    assert VALUE not in message
    assert raised.value.variables == ("DB_PASSWORD",)
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert "DB_PASSWORD" not in os.environ
    assert "worker_with_secrets" not in sys.modules
    assert isinstance(raised.value, CommandError)


def test_all_that_is_missing_is_told_at_once(aws: LocalAWS, start: Start) -> None:
    """One error tells of every variable without a value, and none is set."""
    with pytest.raises(SecretsError) as raised:
        start(ONE_=_missing(aws), KEY_={"parameter": "/nowhere"}, DB_={"secret": secret(aws, "a")})
    assert raised.value.variables == ("ONE_", "KEY_")
    assert "ONE_ from the secret" in str(raised.value)
    assert "; nor KEY_ from the parameter /nowhere" in str(raised.value)
    assert "DB_" not in os.environ


ROLE = "User: arn:aws:sts::123456789012:assumed-role/worker/shop is not authorized to perform: "


@pytest.mark.parametrize(
    ("code", "message", "what_to_do"),
    [
        (
            "AccessDeniedException",
            f"{ROLE}secretsmanager:BatchGetSecretValue because no identity-based policy allows it",
            "allow secretsmanager:BatchGetSecretValue to the function's role",
        ),
        (
            "AccessDeniedException",
            "Access to KMS is not allowed",
            "allow kms:Decrypt on its key to the function's role",
        ),
        ("AccessDeniedException", "", "allow secretsmanager:GetSecretValue on it"),
        ("DecryptionFailure", "can't decrypt the secret", "allow kms:Decrypt on its key"),
        ("ThrottlingException", "Rate exceeded", "asks again"),
        ("UnrecognizedClientException", "The security token is invalid", "asks again"),
    ],
)
@pytest.mark.parametrize("whole", [True, False], ids=["call", "one"])
def test_a_refusal_of_secrets_manager_says_which_right_is_missing(
    aws: LocalAWS,
    start: Start,
    wire: Wire,
    code: str,
    message: str,
    what_to_do: str,
    *,
    whole: bool,
) -> None:
    """AWS's own words are told, of a whole call and of one secret, and what role needs them."""
    arn = secret(aws, "db")

    def one(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.service != "secretsmanager":
            return forward()
        error = {"SecretId": arn, "ErrorCode": code, "Message": message}
        return Answer(200, [], json.dumps({"SecretValues": [], "Errors": [error]}).encode())

    wire.treatment = refusing("secretsmanager", code, message) if whole else one
    with pytest.raises(SecretsError) as raised:
        start(DB_PASSWORD={"secret": arn}, API_KEY={"parameter": parameter(aws, "/shop/api-key")})
    assert f"AWS answered {code}" in str(raised.value)
    assert message in str(raised.value)
    assert what_to_do in str(raised.value)
    assert raised.value.variables == ("DB_PASSWORD",)


@pytest.mark.parametrize(
    ("code", "message", "what_to_do"),
    [
        (
            "AccessDeniedException",
            f"{ROLE}ssm:GetParameters on resource: arn:aws:ssm:eu-west-1:123456789012:parameter/a",
            "allow ssm:GetParameters to the function's role",
        ),
        (
            "AccessDeniedException",
            "The ciphertext refers to a customer master key that … you are not allowed to access",
            "allow kms:Decrypt on its key to the function's role",
        ),
        ("AccessDeniedException", "", "allow ssm:GetParameters on it"),
        ("InvalidKeyId", "", "allow kms:Decrypt on its key"),
        ("InternalServerError", "", "asks again"),
    ],
)
def test_a_refusal_of_parameter_store_says_which_right_is_missing(
    aws: LocalAWS,
    start: Start,
    wire: Wire,
    code: str,
    message: str,
    what_to_do: str,
) -> None:
    """One parameter that isn't allowed has AWS refuse all of a call, so all of them are told."""
    wire.treatment = refusing("ssm", code, message)
    with pytest.raises(SecretsError) as raised:
        start(ONE_={"parameter": "/a"}, TWO_={"parameter": "/b"})
    assert f"AWS answered {code}" in str(raised.value)
    assert what_to_do in str(raised.value)
    assert raised.value.variables == ("ONE_", "TWO_")


def test_aws_that_does_not_answer_is_told_before_lambda_ends_the_process(
    aws: LocalAWS, start: Start, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that can't reach one service says so, and how it could."""
    end_of_test = Event()

    def hang(call: Call, forward: Callable[[], Answer]) -> Answer | None:
        if call.service == "secretsmanager":
            end_of_test.wait()
        return forward()

    arn = secret(aws, "db")
    monkeypatch.setattr(secrets, "_ANSWER_SECONDS", 0.1)
    wire.treatment = hang
    try:
        with pytest.raises(SecretsError, match=r"brought it within 0\.1 s: a function in a VPC"):
            start(DB_PASSWORD={"secret": arn})
    finally:
        end_of_test.set()


def test_a_call_that_cannot_be_made_is_told(
    aws: LocalAWS, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no region, say, that is told of each variable."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(SecretsError, match="NoRegionError"):
        start(API_KEY={"parameter": "/shop/api-key"})


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_an_answer_that_cannot_be_read_is_not_shown(
    aws: LocalAWS, start: Start, wire: Wire, service: str
) -> None:
    """What is left of a value in a broken answer isn't told with it."""

    def cut(_call: Call, forward: Callable[[], Answer]) -> Answer:
        return Answer(200, [], forward().body[:-3])

    places = {
        "secretsmanager": {"secret": secret(aws, "db")},
        "ssm": {"parameter": parameter(aws, "/shop/api-key")},
    }
    wire.treatment = cut
    with pytest.raises(SecretsError) as raised:
        start(DB_PASSWORD=places[service])
    assert VALUE not in str(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "{", "[]", '{"A": 1}', '{"A": {}}', '{"A": null}', '{"A": "secret"}'),
        *(
            '{"A": ["secret"]}',
            '{"A": {"secret": 1}}',
            '{"A": {"secret": ""}}',
            '{"A": {"key": ""}}',
        ),
    ],
)
def test_what_the_template_did_not_write_is_refused(
    aws: LocalAWS, start: Start, text: str | None
) -> None:
    """Without ALGERNON_SECRETS as the template writes it, no worker starts."""
    start()
    vars(secrets).pop("handler")
    os.environ.pop("ALGERNON_SECRETS")
    if text is not None:
        os.environ["ALGERNON_SECRETS"] = text
    with pytest.raises(SecretsError, match=r"ALGERNON_SECRETS is .*algernon template sets it"):
        secrets.handler  # type: ignore[attr-defined, unused-ignore]  # noqa: B018


@pytest.mark.parametrize(
    ("target", "source", "error", "message"),
    [
        ("", "", WorkerError, "ALGERNON_HANDLER is ''"),
        ("handler", "", WorkerError, "ALGERNON_HANDLER is 'handler'"),
        ("other_worker.handler", "x = 1", WorkerError, "other_worker has no 'handler'"),
        ("other_worker.handler", "int.nothing", WorkerError, "AttributeError: .*'nothing'"),
        ("other_worker.handler", "import no_such", ModuleNotFoundError, "no_such"),
        ("other_worker.handler", "1 / 0", ZeroDivisionError, "zero"),
    ],
)
def test_a_worker_that_cannot_be_loaded_is_told_as_its_own_fault(
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    source: str,
    error: type[Exception],
    message: str,
) -> None:
    """Lambda, which takes an AttributeError for a missing handler, gets another error."""
    (tmp_path / "other_worker.py").write_text(source)
    monkeypatch.setenv("ALGERNON_HANDLER", target)
    with pytest.raises(error, match=message):
        start()
    sys.modules.pop("other_worker", None)


def test_a_handler_may_be_named_by_a_path(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda's slashes in a handler's name are points."""
    (Path(sys.path[0]) / "folder_of_worker").mkdir()
    (Path(sys.path[0]) / "folder_of_worker" / "shop.py").write_text("def handler(*_): return 1")
    monkeypatch.setenv("ALGERNON_HANDLER", "folder_of_worker/shop.handler")
    assert start()({}, None) == 1


def test_other_names_are_no_handlers() -> None:
    """The module has no other name that it would look up."""
    with pytest.raises(AttributeError, match=r"algernon\.secrets.*'main'"):
        secrets.main  # type: ignore[attr-defined, unused-ignore]  # noqa: B018


def test_no_value_is_logged_at_level_debug(
    aws: LocalAWS, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Botocore, which logs each answer at DEBUG, doesn't log these, and others as before."""
    places: dict[str, dict[str, str]] = {
        "DB_PASSWORD": {"secret": secret(aws, "db")},
        "API_KEY": {"parameter": parameter(aws, "/shop/api-key")},
    }
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    start(**places)
    assert VALUE not in caplog.text
    aws_client("ssm").get_parameter(Name="/shop/api-key", WithDecryption=True)
    assert VALUE in caplog.text


def test_no_value_that_comes_too_late_is_logged(
    aws: LocalAWS,
    start: Start,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What nobody waits for any more isn't logged either, by loggers with levels of their own."""
    arn = secret(aws, "db")
    is_told = Event()

    def late(_call: Call, forward: Callable[[], Answer]) -> Answer:
        is_told.wait()
        return forward()

    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="botocore.parsers")
    caplog.clear()
    monkeypatch.setattr(secrets, "_ANSWER_SECONDS", 0.1)
    wire.treatment = late
    before = set(enumerate_threads())
    with pytest.raises(SecretsError, match="hasn't brought it"):
        start(DB_PASSWORD={"secret": arn})
    asking = [thread for thread in enumerate_threads() if "make" in thread.name]
    is_told.set()
    assert asking
    for thread in set(asking) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert VALUE not in caplog.text


def test_a_secret_that_is_no_text_is_not_shown(aws: LocalAWS, start: Start, wire: Wire) -> None:
    """An answer of another shape is a value that isn't there."""
    arn = secret(aws, "db")
    values = [{"ARN": arn, "SecretString": [VALUE]}]
    wire.treatment = lambda _call, _forward: Answer(
        200, [], json.dumps({"SecretValues": values}).encode()
    )
    with pytest.raises(SecretsError) as raised:
        start(DB_PASSWORD={"secret": arn})
    assert "AWS answered nothing of it" in str(raised.value)
    assert VALUE not in str(raised.value)


@pytest.fixture
def on_lambda(aws: LocalAWS, tmp_path: Path) -> Iterator[Callable[..., LambdaFunction]]:
    """Start workers with secrets under Lambda's own runtime client."""
    if importlib.util.find_spec("awslambdaric") is None:
        pytest.skip("awslambdaric isn't installed: it has Linux wheels only, not for every Python")
    running: list[LambdaFunction] = []

    def start(places: dict[str, dict[str, str]]) -> LambdaFunction:
        function = LambdaFunction(
            tmp_path,
            WORKER,
            handler="algernon.secrets.handler",
            environment={
                **JSON,
                "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
                "AWS_ENDPOINT_URL": aws.proxy_url,
                "ALGERNON_HANDLER": "worker.handler",
                "ALGERNON_SECRETS": json.dumps(places),
            },
        )
        running.append(function.__enter__())
        return function

    yield start
    for function in running:
        function.__exit__(None, None, None)


@pytest.mark.starts
def test_lambda_starts_a_worker_with_its_secrets(
    aws: LocalAWS, wire: Wire, on_lambda: Callable[..., LambdaFunction]
) -> None:
    """Under awslambdaric the module sees the values at import, which are read once, unlogged."""
    function = on_lambda(
        {
            "DB_PASSWORD": {"secret": secret(aws, "db", f'{{"it": "{VALUE}"}}'), "key": "it"},
            "API_KEY": {"parameter": parameter(aws, "/shop/api-key", f"{VALUE}-too")},
        }
    )
    for _ in range(2):
        assert function.invoke().result == [VALUE, f"{VALUE}-too"]
    assert wire.counted() == {"secretsmanager BatchGetSecretValue": 1, "ssm GetParameters": 1}
    logged = [function.printed(), *(event.text for event in function.log_events())]
    assert VALUE not in "\n".join(logged)


@pytest.mark.starts
def test_lambda_is_told_why_a_worker_does_not_start(
    aws: LocalAWS, on_lambda: Callable[..., LambdaFunction]
) -> None:
    """The failed initialization has the error, which names the variable and the secret."""
    function = on_lambda(
        {
            "DB_PASSWORD": {"secret": OTHER.format(region="eu-west-1")},
            "API_KEY": {"parameter": parameter(aws, "/shop/api-key")},
        }
    )
    error = function.initialization_error()
    assert error["errorType"] == "SecretsError"
    assert "DB_PASSWORD from the secret arn:aws:secretsmanager" in error["errorMessage"]
    assert VALUE not in json.dumps(error)
