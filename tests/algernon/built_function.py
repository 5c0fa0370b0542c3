"""What is built, run as Lambda runs it: by AWS's runtime client, with boto3 beside it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer

from ..logging.runtime_api import RuntimeApi
from ..waiting import PATIENCE

#: Two Tasks, of which the first needs a compiled distribution.
CHAIN = """
import json
import os

import boto3
from algernon import TaskRouter, lambda_logged
{imports}

router = TaskRouter()


@router.task
def double(number):
    return {{"number": {double}}}


@router.task
def note(number):
    files = [module.__file__ for module in (json, boto3, {module})]
    body = json.dumps({{"number": number, "files": files}}).encode()
    boto3.client("s3").put_object(Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key="noted", Body=body)


handler = lambda_logged(router.handler)
"""
_REGION = "eu-west-1"
_BUCKET = "results"
#: What Lambda's Python has: boto3, what that needs, and the runtime client.
_OF_LAMBDA = (
    *("boto3", "botocore", "jmespath", "s3transfer", "dateutil", "six.py", "urllib3"),
    *("awslambdaric", "runtime_client*.so", "simplejson", "snapshot_restore_py*"),
)
_PROGRAM = """
import sys
built, beside, handler = sys.argv[1:]
sys.path[:] = [built, *sys.path, beside]
from awslambdaric.__main__ import main
main(["awslambdaric", handler])
"""


def run_chain(archive: bytes, folder: Path, *, python: Path, packages: Path) -> dict[str, Any]:
    """Run the chain of `CHAIN` from its zip, and return what its last Task noted.

    Args:
        archive: The zip.
        folder: An empty folder.
        python: The Python that runs it, isolated.
        packages: Where what Lambda has is installed; nothing else there is imported.
    """
    built, beside = folder / "built", folder / "beside"
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        opened.extractall(built)
    beside.mkdir()
    for pattern in _OF_LAMBDA:
        for path in packages.glob(pattern):
            (beside / path.name).symlink_to(path)
    with _aws() as endpoint, _runtime_api() as api, (folder / "log.txt").open("w+b") as log:
        clients = {
            name: boto3.client(
                name,
                endpoint_url=endpoint,
                region_name=_REGION,
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )
            for name in ("s3", "sns", "sqs")
        }
        queue = _set_up(clients)
        process = subprocess.Popen(
            [python, "-I", "-S", "-c", _PROGRAM, built, beside, "worker.handler"],
            cwd=built,
            env={
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "AWS_LAMBDA_FUNCTION_NAME": "worker",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/worker",
                "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
                "AWS_EXECUTION_ENV": "AWS_Lambda_python",
                "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_REGION": _REGION,
                "AWS_DEFAULT_REGION": _REGION,
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "ALGERNON_BUCKET_NAME": _BUCKET,
                "ALGERNON_FAILURES": "report",
                "LAMBDA_TASK_ROOT": str(built),
                "PATH": os.environ["PATH"],
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            first = {"task_name": "double", "task_kwargs": {"number": 21}, "callback": "note"}
            _invoke(api, json.dumps(first), log)
            (message,) = clients["sqs"].receive_message(QueueUrl=queue, WaitTimeSeconds=10)[
                "Messages"
            ]
            _invoke(api, message["Body"], log)
        finally:
            process.terminate()
            process.wait(PATIENCE)
        noted: dict[str, Any] = json.load(
            clients["s3"].get_object(Bucket=_BUCKET, Key="noted")["Body"]
        )
    for client in clients.values():
        client.close()
    noted["files"] = [file.replace(str(folder.resolve()), "") for file in noted["files"]]
    return noted


@contextmanager
def _aws() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        # What another one in this process had is still there.
        with urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")):
            pass
        yield endpoint
    finally:
        server.stop()


@contextmanager
def _runtime_api() -> Iterator[RuntimeApi]:
    api = RuntimeApi()
    try:
        yield api
    finally:
        api.close()


def _set_up(clients: dict[str, Any]) -> str:
    """Make a bucket, and the topic of the second Task, and return the URL of its queue."""
    clients["s3"].create_bucket(
        Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": _REGION}
    )
    topic = clients["sns"].create_topic(Name="note")["TopicArn"]
    queue: str = clients["sqs"].create_queue(QueueName="note")["QueueUrl"]
    arn = clients["sqs"].get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    clients["sns"].subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
    return queue


def _invoke(api: RuntimeApi, body: str, log: io.BufferedRandom) -> None:
    record = {
        "messageId": "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{_REGION}:123456789012:double",
        "awsRegion": _REGION,
    }
    api.invoke(
        {"Records": [record]}, request_id="5b8d1f0e-4a1e-4f7a-9d5a-000000000001", trace_id=None
    )
    outcome = api.outcome()
    log.seek(0)
    assert outcome.result == {"batchItemFailures": []}, (outcome, log.read().decode())
