"""The AWS clients of the process are made once, on first use."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from algernon_storage import aws_client
from botocore.exceptions import NoRegionError

if TYPE_CHECKING:
    from ..conftest import LocalAWS


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
