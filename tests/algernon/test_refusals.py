"""What AWS refuses is told in one line: what is wrong, and what to do about it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from algernon.commands.main import main
from algernon.system.refusals import what_is_refused
from algernon_storage import reset
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from ..conftest import ACCOUNT, REGION, LocalAWS
from ..wire import Answer, Call, Wire
from .asked import refusal

pytestmark = pytest.mark.starts

ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
BUCKET = "shop-bucket"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:shop-resize"
OBJECT = f"arn:aws:s3:::{BUCKET}/cache/{ID}!done"
ME = f"arn:aws:iam::{ACCOUNT}:user/me"
START_URL = "https://shop.awsapps.com/start"
TO_STACK = ("--stack", "shop", "--region", REGION)


@pytest.fixture(autouse=True)
def _shop(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stack with a bucket and a topic, and a client that asks as often as boto3 by default."""
    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": BUCKET}},
        "TopicResize": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "shop-resize"}},
    }
    body = json.dumps({"Resources": resources})
    aws.client("cloudformation").create_stack(StackName="shop", TemplateBody=body)
    monkeypatch.delenv("AWS_MAX_ATTEMPTS", raising=False)
    reset()
    yield
    reset()


class Line(NamedTuple):
    """What a command that failed said."""

    status: int
    text: str


Run = Callable[..., Line]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command, and return the line with which it failed."""

    def run(*arguments: str) -> Line:
        status = main(arguments)
        output = capsys.readouterr()
        assert output.out == ""
        line = output.err.splitlines()[-1]
        assert line.startswith("algernon: ")
        assert line.isprintable()
        return Line(status, line.removeprefix("algernon: "))

    return run


def refusing(wire: Wire, service: str, code: str, message: str = "", status: int = 403) -> None:
    """Have a service answer all calls with an error, each in its own protocol."""

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        return refusal(call, code, message, status) if call.service == service else forward()

    wire.treatment = treat


def not_allowed(action: str, resource: str) -> str:
    """Return how most services say that a right is missing."""
    return (
        f"User: {ME} is not authorized to perform: {action} on resource: {resource} because no"
        f" identity-based policy allows the {action} action"
    )


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_a_missing_right_is_named(wire: Wire, run: Run, code: str) -> None:
    """With what it is for, whose it is, and the command that prints what gives it."""
    action, stack = "cloudformation:DescribeStackResource", f"arn:aws:cloudformation:{REGION}:shop"
    refusing(wire, "cloudformation", code, not_allowed(action, stack))

    line = run("result", ID, "--timeout", "0", *TO_STACK)

    assert line.status == 1
    assert line.text == (
        f"AWS denies the right {action} on {stack} to {ME}, because no identity-based policy"
        f" allows the {action} action: algernon policy --for send --stack shop prints what gives"
        " it"
    )


def test_a_right_that_sns_spells_in_capitals(wire: Wire, run: Run) -> None:
    """It is named as policies write it, and what else it may mean, that there is no topic."""
    refusing(wire, "sns", "AuthorizationError", not_allowed("SNS:Publish", TOPIC))

    line = run("send", "resize", *TO_STACK)

    assert line.status == 1
    assert f"AWS denies the right sns:Publish on {TOPIC} to {ME}, because" in line.text
    assert line.text.endswith("algernon policy --for send --stack shop prints what gives it")


def test_the_policy_of_a_system_without_a_stack_is_the_one_of_the_call(
    wire: Wire, run: Run
) -> None:
    """Its prefix, region and bucket are named as they were; and who cancels, sends."""
    refusing(wire, "s3", "AccessDenied", "Access Denied")
    where = ("--prefix", "shop-", "--region", REGION, "--bucket", BUCKET)

    denied = {verb: run(verb, ID, *where).text for verb in ("cancel", "result", "group")}

    for verb, role in {"cancel": "send", "result": "send", "group": "operate"}.items():
        policy = f"algernon policy --for {role} {' '.join(where)}"
        assert denied[verb].endswith(f": {policy} prints what gives it")


@pytest.mark.parametrize("verb", ["result", "cancel", "group"])
def test_a_denial_of_s3_that_says_nothing(wire: Wire, run: Run, verb: str) -> None:
    """The rights are named that what was called for needs."""
    refusing(wire, "s3", "AccessDenied", "Access Denied")

    line = run(verb, ID, *TO_STACK)

    assert line.status == 1
    assert line.text.startswith("AWS denies the right s3:")
    assert "prints what gives it" in line.text


def test_an_explicit_deny(wire: Wire, run: Run) -> None:
    """No policy is recommended that wouldn't help."""
    denied = (
        f"User: {ME} is not authorized to perform: s3:GetObject on resource: {OBJECT} with an"
        " explicit deny in a service control policy"
    )
    refusing(wire, "s3", "AccessDenied", denied)

    line = run("result", ID, *TO_STACK)

    assert f"AWS denies the right s3:GetObject on {OBJECT} to {ME}, with an explicit" in line.text
    assert "no policy that allows it helps" in line.text
    assert "algernon policy" not in line.text


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("ExpiredToken", "The security token is expired", "the credentials have expired"),
        ("ExpiredTokenException", "It is expired", "the credentials have expired"),
        ("RequestExpired", "Request has expired.", "the credentials have expired"),
        ("InvalidClientTokenId", "It is invalid", "AWS doesn't know these credentials"),
        ("UnrecognizedClientException", "It is invalid", "AWS doesn't know these credentials"),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261126T100000Z is now earlier than 20261126T104500Z",
            "this machine's clock is wrong",
        ),
        ("RequestTimeTooSkewed", "The difference is too large", "this machine's clock is wrong"),
        ("SignatureDoesNotMatch", "The signature we calculated", "the secret access key isn't"),
    ],
)
def test_credentials_that_do_not_count(
    wire: Wire, run: Run, code: str, message: str, told: str
) -> None:
    """Expired ones, unknown ones, a wrong clock and a wrong key are told apart."""
    refusing(wire, "cloudformation", code, message)

    line = run("group", ID, *TO_STACK)

    assert line.status == 1
    assert told in line.text
    assert code in line.text
    assert message in line.text


def test_throttling_is_waited_for(
    wire: Wire, aws: LocalAWS, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said once, however many calls are throttled, and the command does what it should."""
    throttled: list[str] = []

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.service in throttled:
            return forward()
        throttled.append(call.service)
        return refusal(call, "ThrottlingException", "Rate exceeded", 400)

    wire.treatment = treat

    status = main(["cancel", ID, *TO_STACK])

    output = capsys.readouterr()
    assert (status, output.out) == (0, "cancelled\n")
    assert output.err.count("AWS throttles") == 1
    first = "algernon: AWS throttles cloudformation:DescribeStackResource (ThrottlingException)"
    assert output.err.startswith(f"{first}: waiting, and asking again\n")
    assert throttled == ["cloudformation", "s3"]


def test_throttling_outlasts_boto3s_own_tries(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """boto3 by itself gives up after five tries, which is soon on a busy account."""
    monkeypatch.setattr("random.random", lambda: 0.0)
    wire.treatment = lambda call, forward: (
        refusal(call, "Throttling", "Rate exceeded", 400)
        if call.service == "cloudformation" and len(wire.calls) < 10
        else forward()
    )

    assert main(["cancel", ID, *TO_STACK]) == 0
    assert capsys.readouterr().out == "cancelled\n"


def test_throttling_that_does_not_end(
    wire: Wire, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever configured a number of tries gets no more of them, and a line that says why."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    refusing(wire, "cloudformation", "Throttling", "Rate exceeded", 400)

    line = run("result", ID, *TO_STACK)

    assert line.status == 1
    assert "AWS still throttles DescribeStackResource after all tries (Throttling" in line.text


@pytest.mark.parametrize("verb", ["result", "cancel", "group"])
def test_a_stack_that_is_not_there(run: Run, verb: str) -> None:
    """What was named is told, and where else it may be."""
    line = run(verb, ID, "--stack", "shopp", "--region", REGION)

    assert line.status == 1
    assert "shopp" in line.text
    assert "--stack, --region and --profile" in line.text


def test_no_credentials(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways to get some are told."""
    without_credentials(monkeypatch)

    line = run("result", ID, *TO_STACK)

    assert line.status == 1
    assert line.text.startswith("there are no credentials for AWS: name a --profile, sign in")


def test_half_of_the_credentials(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named."""
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    line = run("result", ID, *TO_STACK)

    assert line.status == 1
    assert line.text.startswith("the credentials for AWS aren't whole: ")
    assert line.text.endswith("AWS_SECRET_ACCESS_KEY")


def test_no_region(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that names none, in a shell that names none either."""
    configure(tmp_path, monkeypatch, "[profile p]\naws_access_key_id=a\naws_secret_access_key=b")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)

    line = run("result", ID, "--stack", "shop", "--profile", "p")

    assert line.status == 1
    assert line.text.startswith("no region of AWS is named: name it by --region")


def test_no_such_profile(run: Run) -> None:
    """The command that lists them is told."""
    line = run("result", ID, "--stack", "shop", "--profile", "nobody")

    assert line.status == 1
    assert "(nobody) could not be found" in line.text
    assert "aws configure list-profiles" in line.text


@pytest.mark.parametrize(
    "section",
    [
        f"sso_start_url={START_URL}\nsso_region={REGION}",
        "sso_session=mine",
    ],
)
def test_a_sign_in_that_has_ended(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    """Both forms of a profile of IAM Identity Center lead to aws sso login."""
    where = f"sso_start_url={START_URL}\nsso_region={REGION}"
    role = f"sso_account_id={ACCOUNT}\nsso_role_name=me\nregion={REGION}"
    text = f"[sso-session mine]\n{where}\n[profile p]\n{section}\n{role}"
    configure(tmp_path, monkeypatch, text)
    monkeypatch.setenv("HOME", str(tmp_path))

    line = run("result", ID, "--stack", "shop", "--profile", "p")

    assert line.status == 1
    assert line.text.startswith("nobody is signed in, or no longer: ")
    assert line.text.endswith("aws sso login")


def test_a_local_aws_that_has_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens at the port that the environment leads to."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{a_free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    line = run("result", ID, *TO_STACK)

    assert line.status == 1
    assert line.text.startswith("nothing answers at http://127.0.0.1:")
    assert "algernon run" in line.text


@pytest.mark.parametrize("region", ["mars-1", "eu-wset-1"])
def test_a_region_that_is_not_there(region: str) -> None:
    """An endpoint that isn't reached, in a region that boto3 doesn't know."""
    url = f"https://cloudformation.{region}.amazonaws.com/"

    line = what_is_refused(EndpointConnectionError(endpoint_url=url))

    assert line == (
        f"cloudformation.{region}.amazonaws.com isn't reached, and boto3 knows no region"
        f" {region!r}: look at --region"
    )


@pytest.mark.parametrize(
    "host", ["sqs.eu-west-1.amazonaws.com", "sqs.cn-north-1.amazonaws.com.cn", "s3.example.com"]
)
def test_an_endpoint_that_is_not_reached(host: str) -> None:
    """One of a region that there is, or of somebody's own."""
    line = what_is_refused(EndpointConnectionError(endpoint_url=f"https://{host}/"))

    assert line is not None
    assert line.startswith(f"{host} isn't reached: look at the region, and at the network")


@pytest.mark.parametrize("kind", [ConnectTimeoutError, ReadTimeoutError])
def test_an_aws_that_does_not_answer(kind: Callable[..., Exception]) -> None:
    """The network is what to look at."""
    line = what_is_refused(kind(endpoint_url="https://sqs.eu-west-1.amazonaws.com/"))

    assert line is not None
    assert line.startswith("AWS doesn't answer: ")
    assert "https://sqs.eu-west-1.amazonaws.com/" in line


def test_a_proxy_that_is_not_reached(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of the environment is what to look at."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://sqs.example.com")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{a_free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    line = run("result", ID, *TO_STACK)

    assert line.status == 1
    assert "Failed to connect to proxy URL" in line.text
    assert line.text.endswith("look at HTTPS_PROXY and NO_PROXY")


def without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave boto3 no source of credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


def configure(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Have AWS's configuration be a text."""
    path = folder / "config"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


def a_free_port() -> int:
    """Return a port on which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port
