"""`algernon env` prints what leads programs to a system, for a shell or as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from algernon.local.entries import RunningSystem, reserve_entry

from .test_results_on_aws import make_stack

pytestmark = pytest.mark.starts

Command = Callable[..., subprocess.CompletedProcess[str]]

REGION = "eu-west-1"
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAREALKEY",
    "AWS_SECRET_ACCESS_KEY": "real-secret",
    "AWS_SESSION_TOKEN": "real-token",
}
CONFIG = f"""
[profile prod]
region = {REGION}
aws_access_key_id = AKIAPRODKEY
aws_secret_access_key = prod-secret
"""
#: What a program means, by boto3's default session: region, credentials, topic prefix, bucket.
MEANT = """
import json, os, boto3
session = boto3.Session()
client = boto3.client("sns")
names = ("ALGERNON_TOPIC_PREFIX", "ALGERNON_BUCKET_NAME", "CACHE_FOLDER_NAME")
print(json.dumps([
    client.meta.region_name,
    session.get_credentials().access_key,
    *(os.environ.get(name) for name in names),
]))
"""


@pytest.fixture(scope="module")
def endpoint(module_url: str) -> str:
    """An AWS with the stack `shop`, whose bucket is `shop-bucket`."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "shop-bucket"}}
    make_stack(module_url, "shop", {"Resources": {"Bucket": bucket}})
    return module_url


@pytest.fixture
def environ(endpoint: str, tmp_path: Path) -> dict[str, str]:
    """An environment with credentials, a profile, and what names another system."""
    (tmp_path / "config").write_text(CONFIG, encoding="utf-8")
    return {
        **SECRETS,
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_PROFILE": "somebody",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/real",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "ALGERNON_TOPIC_PREFIX": "other-",
        "ALGERNON_TOPIC_PARAMETER_PREFIX": "/other/",
        "ALGERNON_BUCKET_NAME": "other",
        "CACHE_FOLDER_NAME": "other",
    }


def in_shell(
    shell: str, lines: str, environ: dict[str, str], program: str = MEANT
) -> subprocess.CompletedProcess[str]:
    """Run a program in a shell that has taken lines in."""
    return subprocess.run(
        [shell, "-euc", 'eval "$1"; exec "$2" -c "$3"', shell, lines, sys.executable, program],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize(
    ("where", "key"),
    [
        (("--stack", "shop", "--profile", "prod"), "AKIAPRODKEY"),
        (("--stack", "shop", "--profile", "prod", "--region", REGION), "AKIAPRODKEY"),
        (("--stack", "shop", "--region", REGION), "AKIAREALKEY"),
    ],
)
@pytest.mark.parametrize("verb", ["env", "exec"])
def test_a_program_means_the_stack(
    command: Command, environ: dict[str, str], verb: str, where: tuple[str, ...], key: str
) -> None:
    """With the credentials that the command itself takes, and no credentials among what it says."""
    if "--profile" not in where:
        # It would be looked for.
        del environ["AWS_DEFAULT_PROFILE"]
    if verb == "exec":
        found = command("exec", *where, "--", sys.executable, "-c", MEANT, **environ)
    else:
        printed = command("env", *where, **environ)
        assert (printed.returncode, printed.stderr) == (0, "")
        assert not [secret for secret in SECRETS.values() if secret in printed.stdout]
        assert "PRODKEY" not in printed.stdout
        found = in_shell("sh", printed.stdout, environ)

    assert found.stderr == ""
    assert json.loads(found.stdout) == [REGION, key, "shop-", "shop-bucket", "cache"]


def test_as_json_what_is_to_be_unset_is_null(command: Command, environ: dict[str, str]) -> None:
    """One line, for programs."""
    where = ("--stack", "shop", "--profile", "prod")
    done = command("env", *where, "--json", **environ)

    (line,) = done.stdout.splitlines()
    variables = json.loads(line)
    assert {name: value for name, value in variables.items() if value is not None} == {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_PROFILE": "prod",
        "ALGERNON_TOPIC_PREFIX": "shop-",
        "ALGERNON_BUCKET_NAME": "shop-bucket",
        "CACHE_FOLDER_NAME": "cache",
    }
    assert variables["ALGERNON_TOPIC_PARAMETER_PREFIX"] is None
    assert {variables[name] for name in SECRETS} == {None}


def test_a_system_without_a_stack(command: Command, environ: dict[str, str]) -> None:
    """Its bucket is the one that is named, or that the environment names; nothing is asked."""
    where = ("--prefix", "market-", "--region", REGION)
    del environ["AWS_DEFAULT_PROFILE"]
    named = command("env", *where, "--bucket", "given", "--json", **environ)
    unnamed = command("env", *where, "--json", **environ)

    wanted = {"ALGERNON_TOPIC_PREFIX": "market-", "CACHE_FOLDER_NAME": "other"}
    variables = json.loads(named.stdout)
    assert wanted.items() <= variables.items()
    assert variables["ALGERNON_BUCKET_NAME"] == "given"
    assert json.loads(unnamed.stdout)["ALGERNON_BUCKET_NAME"] == "other"


def test_without_a_region_it_is_one_line(command: Command, environ: dict[str, str]) -> None:
    """A program would end so too, but for no reason that it could tell."""
    (Path(environ["AWS_CONFIG_FILE"])).write_text(CONFIG.replace("region", "no_region"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        environ[name] = ""
    done = command("env", "--prefix", "market-", "--profile", "prod", **environ)

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("algernon: no region of AWS is named: name it by --region")


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_values_come_through_a_shell_as_they_are(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    """Whatever is in them, nothing is run, and a name that no shell knows isn't written."""
    value = "a 'quoted' \"word\" $(touch run) `touch run`; touch run\n\\ # * ~ ä"
    environ = {"AWS_CONFIG_FILE": value, "ALGERNON_TOPIC_PREFIX": "shop-"}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with reserve_entry("shop") as entry:
        entry.announce(RunningSystem(("price",), environ, "logs"))
        done = command("env", **{"AWS_OLD": "1", "AWS_X;touch run": "1", "LC_ALL": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "AWS_X" not in done.stdout

    monkeypatch.chdir(tmp_path)
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    found = json.loads(in_shell(shell, done.stdout, {"AWS_OLD": "1"}, show).stdout)

    assert found["AWS_CONFIG_FILE"] == value
    assert "AWS_OLD" not in found
    assert not (tmp_path / "run").exists()


def test_without_a_system_it_says_how_to_start_one(command: Command) -> None:
    """The line is that of the other verbs, and there is nothing for a shell to take in."""
    for line in (("env",), ("exec", "--", "true")):
        done = command(*line)

        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("algernon: no local system runs: start one with algernon run")
