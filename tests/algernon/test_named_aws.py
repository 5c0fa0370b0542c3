"""`--profile` and `--region`: what was named is what is used, whatever the shell holds."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ..conftest import LocalAWS
from ..wire import Wire

pytestmark = pytest.mark.starts

Command = Callable[..., subprocess.CompletedProcess[str]]

#: Whom a call is signed by, and for which region.
SIGNED_BY = re.compile(r"Credential=([^/]+)/[^/]+/([^/]+)/")

PROCESS = {
    "Version": 1,
    "AccessKeyId": "AKIAPROCESS",
    "SecretAccessKey": "secret",
}
CONFIG = f"""
[default]
region = us-west-1
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = secret

[profile prod]
region = eu-central-1
aws_access_key_id = AKIAPROD
aws_secret_access_key = secret

[profile dev]
region = us-east-1
aws_access_key_id = AKIADEV
aws_secret_access_key = secret

[profile printed]
region = eu-central-1
credential_process = {sys.executable} -c {shlex.quote(f"print({json.dumps(PROCESS)!r})")}

[profile without-region]
aws_access_key_id = AKIAPROD
aws_secret_access_key = secret

[profile without-credentials]
region = eu-central-1

[profile of-the-shell]
region = eu-central-1
role_arn = arn:aws:iam::123456789012:role/deploy
credential_source = Environment

[profile assumed]
region = eu-central-1
role_arn = arn:aws:iam::123456789012:role/deploy
source_profile = prod
"""


@pytest.fixture
def container() -> Iterator[str]:
    """The URL where a container's credentials are given out."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Give out credentials."""
            body = json.dumps(
                {
                    "AccessKeyId": "AKIACONTAINER",
                    "SecretAccessKey": "secret",
                    "Token": "token",
                    "Expiration": "2099-01-01T00:00:00Z",
                }
            ).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Leave the test's output alone."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def shell(tmp_path: Path, container: str) -> dict[str, str]:
    """An environment that has credentials from each source that botocore knows."""
    (tmp_path / "config").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "token").write_text("token", encoding="utf-8")
    boto = "[Credentials]\naws_access_key_id = AKIABOTO\naws_secret_access_key = secret\n"
    (tmp_path / "boto.cfg").write_text(boto, encoding="utf-8")
    (tmp_path / "ec2").write_text("AWSAccessKeyId=AKIAEC2\nAWSSecretKey=secret\n", encoding="utf-8")
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_ACCESS_KEY_ID": "AKIASHELL",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_SECURITY_TOKEN": "token",
        "AWS_CREDENTIAL_EXPIRATION": "2001-01-01T00:00:00Z",
        "AWS_DEFAULT_PROFILE": "dev",
        "AWS_PROFILE": "dev",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/ci",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": container,
        "AWS_CREDENTIAL_FILE": str(tmp_path / "ec2"),
        "BOTO_CONFIG": str(tmp_path / "boto.cfg"),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


COMMANDS = [
    pytest.param(["send", "resize", "--stack", "shop"], id="send"),
    pytest.param(
        ["trace", "3b241101-e2bb-4255-8caf-4136c566a962", "--log-group", "shop"], id="trace"
    ),
    pytest.param(
        ["trace", "3b241101-e2bb-4255-8caf-4136c566a962", "--stack", "shop"], id="trace a stack"
    ),
]


@pytest.mark.parametrize("arguments", COMMANDS)
@pytest.mark.parametrize(("profile", "key"), [("prod", "AKIAPROD"), ("printed", "AKIAPROCESS")])
def test_the_named_profile_signs(
    command: Command,
    shell: dict[str, str],
    wire: Wire,
    arguments: list[str],
    profile: str,
    key: str,
) -> None:
    """Every call is signed by the profile's key, for its region, though the shell has others."""
    command(*arguments, "--profile", profile, **shell)

    assert signers(wire) == {(key, "eu-central-1")}


# Any one of them led elsewhere, or may: each alone, without what comes before it.
SOURCES = [
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    ("AWS_DEFAULT_PROFILE",),
    ("AWS_PROFILE",),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
    ("AWS_CREDENTIAL_FILE",),
    ("BOTO_CONFIG",),
]
CONFIGURATION = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


@pytest.fixture(params=SOURCES, ids="+".join)
def one_source(
    request: pytest.FixtureRequest, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """An environment that has credentials from one of the sources alone."""
    for name in shell:
        monkeypatch.delenv(name, raising=False)
    return {name: shell[name] for name in (*CONFIGURATION, *request.param)}


def test_no_source_of_the_shell_comes_before_the_profile(
    command: Command, one_source: dict[str, str], wire: Wire
) -> None:
    """Of each source of credentials by itself, none is asked where a profile is named."""
    command("send", "resize", "--stack", "shop", "--profile", "prod", **one_source)

    assert signers(wire) == {("AKIAPROD", "eu-central-1")}


def test_a_profile_without_credentials_gets_no_others(
    command: Command, one_source: dict[str, str], wire: Wire
) -> None:
    """Rather than call as somebody else, the command says what the profile lacks."""
    done = command(
        "send", "resize", "--stack", "shop", "--profile", "without-credentials", **one_source
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "algernon: the profile 'without-credentials' has no credentials of its own, and no others"
        " are taken for it: give it some in your AWS configuration, such as by aws configure"
        " --profile, or leave --profile out and name the --region\n"
    )
    assert wire.calls == []


def test_a_profile_that_assumes_a_role_does_so_by_what_it_names(
    command: Command, shell: dict[str, str], wire: Wire
) -> None:
    """The role is assumed by the key that the profile names, and what follows is the role's."""
    command("send", "resize", "--stack", "shop", "--profile", "assumed", **shell)

    assert wire.calls[0].operation == "AssumeRole"
    assert signer(wire.calls[0].headers) == ("AKIAPROD", "eu-central-1")
    others = {signer(call.headers)[0] for call in wire.calls[1:]}
    assert len(others) == 1
    assert not others & set(re.findall("AKIA[A-Z0-9]+", CONFIG + str(shell)))


def test_a_profile_may_name_the_shells_credentials(
    command: Command, shell: dict[str, str], wire: Wire
) -> None:
    """With credential_source = Environment the profile itself asks for the shell's key."""
    del shell["AWS_CREDENTIAL_EXPIRATION"]

    command("send", "resize", "--stack", "shop", "--profile", "of-the-shell", **shell)

    assert signer(wire.calls[0].headers) == ("AKIASHELL", "eu-central-1")


def test_a_named_region_comes_before_the_profiles(
    command: Command, shell: dict[str, str], wire: Wire
) -> None:
    """With both options each says what it names."""
    where = ("--profile", "prod", "--region", "ap-south-1")

    command("send", "resize", "--stack", "shop", *where, **shell)

    assert signers(wire) == {("AKIAPROD", "ap-south-1")}


def test_a_profile_without_a_region_takes_the_shells(
    command: Command, shell: dict[str, str], wire: Wire
) -> None:
    """Where neither the options nor the profile name a region, the environment does."""
    command("send", "resize", "--stack", "shop", "--profile", "without-region", **shell)

    assert signers(wire) == {("AKIAPROD", "us-east-1")}


def test_a_region_alone_leaves_the_credentials_to_the_shell(
    command: Command, shell: dict[str, str], wire: Wire
) -> None:
    """Without --profile boto3's own rules say whose key it is."""
    del shell["AWS_CREDENTIAL_EXPIRATION"]

    command("send", "resize", "--stack", "shop", "--region", "ap-south-1", **shell)

    assert signers(wire) == {("AKIASHELL", "ap-south-1")}


@pytest.mark.parametrize("option", ["--profile", "--region", "--stack"])
def test_an_empty_name_is_wrong_usage(command: Command, aws: LocalAWS, option: str) -> None:
    """An unset variable of a script doesn't turn a command for AWS into one for this machine."""
    done = command("send", "resize", option, "")

    assert (done.returncode, done.stdout) == (2, "")
    assert f"argument {option}: it is empty: name one, or leave the option out" in done.stderr


def signers(wire: Wire) -> set[tuple[str, str]]:
    """Return whose keys the calls are signed with, and for which regions."""
    return {signer(call.headers) for call in wire.calls}


def signer(headers: object) -> tuple[str, str]:
    """Return whose key a call is signed with, and for which region."""
    assert isinstance(headers, dict)
    found = SIGNED_BY.search(headers["authorization"])
    assert found is not None
    return found[1], found[2]
