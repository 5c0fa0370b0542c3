"""What a local system's `environ` leads to, whatever the environment that it is put in holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from algernon.local import LocalSystem
from algernon.local.aws import LocalAWS

from .. import wire
from ..waiting import wait_for

pytestmark = pytest.mark.starts

WORKER = """
from algernon import TaskRouter, lambda_logged

router = TaskRouter()


@router.task
def greet(name):
    print(f"greeting {name}")


handler = lambda_logged(router.handler)
"""

SERVICES = (
    *("cloudformation", "cloudwatch", "dynamodb", "events", "iam", "lambda", "logs", "s3"),
    *("scheduler", "sns", "sqs", "ssm", "stepfunctions", "sts", "xray"),
)
PROGRAM = f"""
import json
import os
import boto3
from algernon import send_task

send_task("greet", {{"name": "x" * 300_000}})
send_task("greet", {{"name": "Ada"}})
clients = [boto3.client(service) for service in {SERVICES!r}]
boto3.client("s3").list_objects_v2(Bucket=os.environ["ALGERNON_BUCKET_NAME"])
credentials = boto3.Session().get_credentials()
print(json.dumps([
    sorted({{client.meta.endpoint_url for client in clients}}),
    sorted({{client.meta.region_name for client in clients}}),
    [credentials.access_key, credentials.token],
]))
"""


class Elsewhere:
    """A server where nobody is to call, and an environment and configuration that lead there."""

    def __init__(self, folder: Path) -> None:
        self.calls = wire.Wire(treatment=lambda _call, _forward: None)
        self.server = wire.proxy_to("http://127.0.0.1:9", self.calls)
        url = f"http://127.0.0.1:{self.server.server_port}"
        services = "".join(f"{name} =\n  endpoint_url = {url}\n" for name in ("sns", "sqs", "s3"))
        (folder / "config").write_text(
            f"[default]\nregion = eu-west-1\nendpoint_url = {url}\nservices = real\n"
            "aws_access_key_id = AKIAREAL\naws_secret_access_key = real\n"
            f"[profile real]\nregion = eu-west-1\nendpoint_url = {url}\nservices = real\n"
            "aws_access_key_id = AKIAREAL\naws_secret_access_key = real\n"
            f"[services real]\n{services}",
            encoding="utf-8",
        )
        (folder / "token").write_text("real", encoding="utf-8")
        ids = ("SNS", "SQS", "S3", "SSM", "STS", "CLOUDWATCH_LOGS", "LAMBDA", "KINESIS")
        self.environ = {
            **{f"AWS_ENDPOINT_URL_{service}": url for service in ids},
            "AWS_ENDPOINT_URL": url,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            "AWS_USE_FIPS_ENDPOINT": "true",
            "AWS_USE_DUALSTACK_ENDPOINT": "true",
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "config"),
            "AWS_DEFAULT_PROFILE": "real",
            "AWS_PROFILE": "real",
            "AWS_ACCESS_KEY_ID": "AKIAREAL",
            "AWS_SECRET_ACCESS_KEY": "real",
            "AWS_SESSION_TOKEN": "real",
            "AWS_SECURITY_TOKEN": "real",
            "AWS_CREDENTIAL_EXPIRATION": "2001-01-01T00:00:00Z",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/real",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_CA_BUNDLE": str(folder / "not-there.pem"),
            "HTTP_PROXY": url,
            "HTTPS_PROXY": url,
            "http_proxy": url,
            "https_proxy": url,
            "ALL_PROXY": url,
            "NO_PROXY": "example.com",
            "no_proxy": "example.com",
            "ALGERNON_BUCKET_NAME": "real",
            "ALGERNON_TOPIC_PREFIX": "real-",
            "ALGERNON_TOPIC_PARAMETER_PREFIX": "/real/",
            "CACHE_FOLDER_NAME": "real",
        }


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """Where everything in the environment leads to, such as a real account."""
    there = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    thread = Thread(target=there.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield there
    there.server.shutdown()
    there.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def system(elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """A system that is started in the environment that leads elsewhere."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in elsewhere.environ.items():
            patch.setenv(name, value)
        with LocalSystem("worker:router", directory=folder) as system:
            yield system


def test_every_client_leads_to_the_local_system(system: LocalSystem, elsewhere: Elsewhere) -> None:
    """Messages, large arguments and boto3's clients go there, and nothing calls elsewhere."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **elsewhere.environ, **system.environ},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    endpoints, regions, credentials = json.loads(done.stdout)
    assert {urlsplit(endpoint).netloc for endpoint in endpoints} == {
        urlsplit(system.endpoint_url).netloc
    }
    assert regions == ["us-east-1"]
    assert credentials == ["test", None]
    seen: list[str] = []

    def both_ran() -> bool:
        seen.extend(line[:40] for line in system.log_lines() if line.startswith("greeting "))
        return sorted(seen) == ["greeting Ada", f"greeting {'x' * 31}"]

    wait_for(both_ran, moving=lambda: seen)
    assert elsewhere.calls.calls == []


def test_a_local_aws_has_clients_of_its_own(elsewhere: Elsewhere) -> None:
    """The runner's own clients don't read the environment, which may change while it runs."""
    with LocalAWS() as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in elsewhere.environ.items():
            patch.setenv(name, value)
        for service in SERVICES:
            client = aws.client(service)
            assert client.meta.endpoint_url == aws.endpoint_url
        assert aws.client("s3").list_buckets()["Buckets"] == []
        assert aws.client("sns").list_topics()["Topics"] == []
    assert elsewhere.calls.calls == []
