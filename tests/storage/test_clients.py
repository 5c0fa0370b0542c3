"""The AWS clients of the process are made once, and anew when their settings have changed."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import algernon_storage
import boto3
import botocore.session
import pytest
from algernon_storage import StoredData, aws_client
from botocore.config import Config
from botocore.exceptions import NoRegionError, UnknownServiceError

from .objects import get

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire


@pytest.fixture(autouse=True)
def _boto3_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a process in which nobody has used boto3 yet.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def caller(service: str = "s3") -> str | None:
    """Return the id of the key with which a service is called."""
    credentials = aws_client(service)._request_signer._credentials
    return credentials.access_key if credentials else None


def test_all_threads_get_the_same_client(aws: LocalAWS) -> None:
    """Threads that ask for a client at once get the same one, also when it is the first."""
    barrier = Barrier(16)

    def ask(_: int) -> Any:
        barrier.wait()
        return aws_client("stepfunctions")

    with ThreadPoolExecutor(16) as threads:
        clients = set(threads.map(ask, range(16)))
    assert len(clients) == 1
    assert clients == {aws_client("stepfunctions")}
    assert aws_client("s3") is not aws_client("stepfunctions")


def test_a_client_that_could_not_be_made_is_made_later(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a region the error of boto3 comes through, and the next try makes the client."""
    with monkeypatch.context() as without_region:
        for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
            without_region.delenv(name, raising=False)
        without_region.setenv("AWS_CONFIG_FILE", "/nonexistent")
        without_region.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(NoRegionError):
            aws_client("events")
    assert aws_client("events").meta.region_name == "eu-west-1"


@pytest.mark.starts
def test_importing_the_package_loads_no_boto3() -> None:
    """Boto3 is imported with the first client, not with the package."""
    program = "import sys, algernon_storage; print({'boto3', 'botocore'} & sys.modules.keys())"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "set()\n"


def output_of(program: str) -> str:
    """Run a program in a process in which nobody has imported boto3, and return what it prints."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_calls_need_no_boto3(aws: LocalAWS, bucket: str) -> None:
    """Where nobody imports boto3, data is stored and Tasks are claimed without it."""
    program = """
import sys
from algernon_storage import S3Ledger, StoredData

claim = S3Ledger().claim("4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11", 30)
print(StoredData.retrieve(StoredData("n", [1]).store()).data, "boto3" in sys.modules)
"""
    assert output_of(program) == "[1] False\n"


def test_a_client_of_s3_has_the_methods_of_boto3(aws: LocalAWS, bucket: str) -> None:
    """Files can be uploaded and downloaded, as with boto3's own clients, and no more is there."""
    program = f"""
from io import BytesIO
from algernon_storage import aws_client

s3 = aws_client("s3")
s3.upload_fileobj(BytesIO(b"content"), "{bucket}", "key")
s3.download_fileobj("{bucket}", "key", body := BytesIO())
print(body.getvalue(), hasattr(s3, "upload_nothing"), hasattr(aws_client("sqs"), "upload_fileobj"))
"""
    assert output_of(program) == "b'content' False False\n"


def test_a_client_stays_when_boto3_makes_its_session(aws: LocalAWS) -> None:
    """Where boto3 is first used later, the clients stay, but for a session with options."""
    program = """
from algernon_storage import aws_client

client = aws_client("s3")
import boto3
boto3.client("sns")
print(aws_client("s3") is client, aws_client("s3") is client)
boto3.setup_default_session(region_name="ap-south-1")
print(aws_client("s3").meta.region_name)
"""
    assert output_of(program) == "True True\nap-south-1\n"


def test_a_session_with_options_from_later_on_is_used(aws: LocalAWS) -> None:
    """A default session that is set up after the first client is what clients come from."""
    program = """
from algernon_storage import aws_client

client = aws_client("s3")
import boto3
boto3.setup_default_session(aws_access_key_id="ada", aws_secret_access_key="x")
print(aws_client("s3")._request_signer._credentials.access_key)
"""
    assert output_of(program) == "ada\n"


def test_models_of_ones_own_are_found(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A service whose model is in AWS_DATA_PATH has a client, like those that boto3 knows."""
    model = {
        "version": "2.0",
        "metadata": {
            "apiVersion": "2026-11-25",
            "endpointPrefix": "mine",
            "protocol": "rest-json",
            "serviceFullName": "Mine",
            "serviceId": "Mine",
            "signatureVersion": "v4",
        },
        "operations": {"Ask": {"name": "Ask", "http": {"method": "GET", "requestUri": "/"}}},
        "shapes": {},
    }
    folder = tmp_path / "mine" / "2026-11-25"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(model))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    algernon_storage.reset()
    assert callable(aws_client("mine").ask)


def test_a_service_that_there_is_not_is_named(aws: LocalAWS) -> None:
    """The error for a service that boto3 doesn't know names it, and those that there are."""
    with pytest.raises(UnknownServiceError, match=r"'s4'.* s3,.* sns,"):
        aws_client("s4")


def test_times_are_those_that_boto3_reads(aws: LocalAWS, bucket: str) -> None:
    """The times in answers, in headers and in bodies, are those that boto3's clients tell."""
    aws.client("s3").put_object(Bucket=bucket, Key="key", Body=b"")
    ours, theirs = aws_client("s3"), aws.client("s3")
    times = [
        (
            client.head_object(Bucket=bucket, Key="key")["LastModified"],
            client.list_objects_v2(Bucket=bucket)["Contents"][0]["LastModified"],
        )
        for client in (ours, theirs)
    ]
    assert times[0] == times[1]
    assert times[0][0].utcoffset() == timedelta(0)


@pytest.mark.parametrize("application", ["", "shop"])
def test_calls_say_who_calls(
    aws: LocalAWS, wire: Wire, monkeypatch: pytest.MonkeyPatch, application: str
) -> None:
    """The user agent of a call names botocore, Python and, where it has one, the application."""
    monkeypatch.delitem(sys.modules, "boto3")  # as in a process that hasn't imported it
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", application)
    algernon_storage.reset()
    aws_client("s3").list_buckets()
    (call,) = wire.calls
    agent = call.headers["user-agent"].lower()
    assert agent.startswith("botocore/")
    assert "python" in agent
    assert ("app/shop" in agent) == bool(application)


def test_garbage_is_collected_as_before(aws: LocalAWS) -> None:
    """Making a client leaves Python's collection of garbage as it found it, on or off."""
    aws_client("s3")
    assert gc.isenabled()
    algernon_storage.reset()
    gc.disable()
    try:
        aws_client("s3")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_as_long_as_nothing_changes_the_client_is_the_same(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client is kept, also when variables change that don't say where AWS is or who calls it."""
    client = aws_client("s3")
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", "another")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    boto3.client("sns")
    assert aws_client("s3") is client


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_another_endpoint_is_called_at_once(
    aws: LocalAWS, bucket: str, wire: Wire, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """When the endpoint changes, for all services or for this one, the next call goes there."""
    aws_client("s3").list_buckets()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv(variable, aws.url)
        wire.clear()
        aws_client("s3").list_buckets()
        assert wire.calls == []
    aws_client("s3").list_buckets()
    assert wire.counted() == {"s3 GET": 1}


def test_a_service_whose_name_is_another_there_has_its_own_endpoint(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint's variable has the service's id, as for Step Functions, and not boto3's name."""
    first = aws_client("stepfunctions")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", "http://127.0.0.1:9")
    assert aws_client("stepfunctions") is not first
    assert aws_client("stepfunctions").meta.endpoint_url == "http://127.0.0.1:9"


def test_configured_endpoints_can_be_ignored(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_IGNORE_CONFIGURED_ENDPOINT_URLS leads to AWS itself from the next call on."""
    assert aws_client("sqs").meta.endpoint_url == os.environ["AWS_ENDPOINT_URL"]
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert aws_client("sqs").meta.endpoint_url == "https://sqs.eu-west-1.amazonaws.com"


def test_another_region_is_called_at_once(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the region changes, so does the client's."""
    assert aws_client("sqs").meta.region_name == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert aws_client("sqs").meta.region_name == "ap-south-1"


@pytest.mark.parametrize("first", ["nobody", "boto3.client", "setup_default_session"])
def test_another_caller_calls_at_once(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """When the credentials change, the next call has them, whoever used boto3 before."""
    if first == "boto3.client":
        boto3.client("s3")
    if first == "setup_default_session":
        boto3.setup_default_session()
        boto3.client("sns")
    assert [caller("s3"), caller("sqs")] == ["local"] * 2
    with monkeypatch.context() as another:
        another.setenv("AWS_ACCESS_KEY_ID", "somebody")
        assert [caller("s3"), caller("sqs"), caller("sns")] == ["somebody"] * 3
        assert aws_client("s3") is aws_client("s3")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert caller() == "local"


def test_another_profile_calls_at_once(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """When the profile changes, or the file that describes it, so do caller and region."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    for number in (1, 2):
        file = tmp_path / f"config-{number}"
        file.write_text(
            "".join(
                f"[profile {name}]\nregion = eu-north-{number}\n"
                f"aws_access_key_id = {name}-{number}\naws_secret_access_key = x\n"
                for name in ("ada", "bob")
            )
        )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config-1"))
    callers = []
    for name, value in (
        ("AWS_PROFILE", "ada"),
        ("AWS_PROFILE", "bob"),
        ("AWS_CONFIG_FILE", str(tmp_path / "config-2")),
        ("AWS_DEFAULT_PROFILE", "ada"),
    ):
        monkeypatch.setenv(name, value)
        callers.append((caller(), aws_client("s3").meta.region_name))
    assert callers == [
        ("ada-1", "eu-north-1"),
        ("bob-1", "eu-north-1"),
        ("bob-2", "eu-north-2"),
        ("ada-2", "eu-north-2"),
    ]


def test_a_default_session_that_was_set_up_is_used(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients come from boto3's default session, one that was set up later included, for good."""
    assert caller() == "local"
    boto3.setup_default_session(aws_access_key_id="ada", aws_secret_access_key="x")
    assert caller() == "ada"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    assert caller() == "ada"
    boto3.setup_default_session(region_name="ap-south-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody-else")
    assert aws_client("s3").meta.region_name == "ap-south-1"


def test_client_settings_are_those_of_the_default_session(
    aws: LocalAWS, bucket: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Timeouts and parameters of calls are set once, in boto3's default session, and stay."""

    def with_key(params: dict[str, Any], **_: Any) -> None:
        params |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "my-key"}

    def paying(params: dict[str, Any], **_: Any) -> None:
        params["RequestPayer"] = "requester"

    session = botocore.session.get_session()
    session.set_default_client_config(Config(read_timeout=7))
    session.register("provide-client-params.s3.PutObject", with_key)
    session.register("provide-client-params.s3.GetObject", paying)
    boto3.setup_default_session(botocore_session=session)
    for secret in ("one", "another"):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        StoredData("n", secret, timestamp=secret).store()
        head = aws.client("s3").head_object(Bucket=bucket, Key=f"cache/n!{secret}.json")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "my-key")
        assert aws_client("s3").meta.config.read_timeout == 7
        wire.clear()
        StoredData.retrieve(f"{bucket}#cache/n!{secret}.json")
        (call,) = wire.calls
        assert call.headers["x-amz-request-payer"] == "requester"


def test_a_session_from_before_the_import_is_not_relied_on(aws: LocalAWS) -> None:
    """A session that boto3 made for another caller, before the import, makes no client here."""
    program = """
import os, boto3
boto3.client("s3")
os.environ["AWS_ACCESS_KEY_ID"] = "somebody"
from algernon_storage import aws_client
print(aws_client("s3")._request_signer._credentials.access_key)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "somebody\n"


def test_reset_forgets_clients(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After a reset, clients are made of what the configuration files say by then."""
    file = tmp_path / "config"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    callers = []
    for name in ("ada", "bob"):
        file.write_text(f"[default]\naws_access_key_id = {name}\naws_secret_access_key = x\n")
        callers.append(caller())
        algernon_storage.reset()
        callers.append(caller())
    assert callers == ["ada", "ada", "ada", "bob"]


def test_moto_in_the_process_leaves_nothing_behind(aws: LocalAWS, bucket: str) -> None:
    """A test under moto's mock_aws and one with an endpoint may follow each other, both ways."""
    program = """
import os
from moto import mock_aws
from algernon_storage import StoredData, aws_client

os.environ["ALGERNON_BUCKET_NAME"] = "worker-bucket"
there = {name: os.environ.pop(name) for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID")}
for turn in range(2):
    with mock_aws():
        aws_client("s3").create_bucket(
            Bucket="worker-bucket",
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
        )
        StoredData("n", "mocked", timestamp=str(turn)).store()
    os.environ.update(there)
    StoredData("n", "real", timestamp=str(turn)).store()
    for name in there:
        del os.environ[name]
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert [b"real" in get(aws, bucket, f"cache/n!{turn}.json") for turn in (0, 1)] == [True] * 2
