"""A local AWS for tests of single calls: moto's, over real HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import pytest

ACCOUNT = "123456789012"
REGION = "eu-west-1"


@dataclass(frozen=True)
class LocalAWS:
    """Where the local AWS listens."""

    url: str

    def client(self, service: str) -> Any:
        """Return a boto3 client of the test's own."""
        import boto3

        return boto3.client(service)

    def topic_arn(self, name: str) -> str:
        """Return the ARN that a topic of this name has here."""
        return f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"

    def reset(self) -> None:
        """Forget everything."""
        urlopen(Request(f"{self.url}/moto-api/reset", method="POST")).close()


@pytest.fixture(scope="session")
def _moto() -> Iterator[LocalAWS]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    local = LocalAWS(f"http://{host}:{port}")
    os.environ.update(
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",
        AWS_DEFAULT_REGION=REGION,
        AWS_REGION=REGION,
        AWS_ENDPOINT_URL=local.url,
    )
    yield local
    del os.environ["AWS_ENDPOINT_URL"]
    server.stop()


@pytest.fixture
def aws(_moto: LocalAWS) -> LocalAWS:
    """A local AWS that is empty."""
    _moto.reset()
    return _moto


@pytest.fixture
def bucket(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> str:
    """The worker's own bucket, there and empty."""
    name = "worker-bucket"
    aws.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", name)
    return name
