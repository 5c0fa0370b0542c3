"""What a call asks of AWS, as IAM sees it, and how AWS refuses it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from ..conftest import ACCOUNT, REGION
from ..wire import Answer, Call

# IAM's names of services that sign under others.
_SERVICES = {"monitoring": "cloudwatch"}
_OBJECTS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_MAPPINGS = {"GET": "GetEventSourceMapping", "PUT": "UpdateEventSourceMapping"}
_DOCUMENTS = {"TraceSegments": "PutTraceSegments", "TelemetryRecords": "PutTelemetryRecords"}
# Those whose errors are JSON though no header names the operation.
_REST_JSON = {"lambda", "xray"}


class Asked(NamedTuple):
    """An action, and the ARN of what it is for, or ``*``."""

    action: str
    resource: str


def asked(call: Call) -> tuple[Asked, ...]:
    """Return what a call asks for: most calls for one thing."""
    service = _SERVICES.get(call.service, call.service)
    # Service Authorization Reference, "Amazon SNS" and "Amazon SQS": batches have no action.
    return tuple(
        Asked(f"{service}:{_ACTIONS.get(operation, operation)}", resource)
        for operation, resource in _READERS[service](call)
    )


_ACTIONS = {
    f"{operation}Batch": operation
    for operation in ("ChangeMessageVisibility", "DeleteMessage", "Publish", "SendMessage")
}

_Pairs = Iterable[tuple[str, str]]


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def _of_query(call: Call) -> _Pairs:
    fields = call.form
    if call.service == "cloudformation":
        stack = fields.get("StackName")
        arn = "*" if stack is None else _arn("cloudformation", f"stack/{stack}/1")
        yield fields["Action"], stack if stack and stack.startswith("arn:") else arn
    else:
        yield fields["Action"], fields.get("TopicArn", fields.get("ResourceArn", "*"))


def _of_sqs(call: Call) -> _Pairs:
    fields = json.loads(call.body)
    name = fields.get("QueueName") or fields["QueueUrl"].rsplit("/", 1)[1]
    yield call.operation, _arn("sqs", name)


def _of_logs(call: Call) -> _Pairs:
    fields = json.loads(call.body)
    name, stream = fields.get("logGroupName"), fields.get("logStreamName", "")
    # As denials of FilterLogEvents name it, whether it is asked for a stream or not.
    yield call.operation, _arn("logs", f"log-group:{name}:log-stream:{stream}") if name else "*"


def _of_s3(call: Call) -> _Pairs:
    address = urlsplit(call.path)
    bucket, _, key = unquote(address.path).lstrip("/").partition("/")
    if not key:
        yield "ListBucket", f"arn:aws:s3:::{bucket}"
        return
    is_upload = {"uploadId", "uploads"} & set(parse_qs(address.query, keep_blank_values=True))
    arn = f"arn:aws:s3:::{bucket}/{key}"
    if is_upload and call.operation == "DELETE":
        yield "AbortMultipartUpload", arn
        return
    yield _OBJECTS["PUT" if is_upload else call.operation], arn
    # Amazon S3 User Guide, "Add preconditions to S3 operations with conditional requests".
    if "if-match" in call.headers and call.operation in ("PUT", "POST"):
        yield "GetObject", arn


def _of_lambda(call: Call) -> _Pairs:
    _, _version, kind, name, *more = [*urlsplit(call.path).path.split("/"), ""]
    if kind == "functions":
        assert (call.operation, more[0]) == ("GET", "configuration")
        function = unquote(name)
        arn = function if function.startswith("arn:") else _arn("lambda", f"function:{function}")
        yield "GetFunctionConfiguration", arn
    else:
        assert kind == "event-source-mappings"
        yield (_MAPPINGS[call.operation] if name else "ListEventSourceMappings"), "*"


def _of_cloudwatch(call: Call) -> _Pairs:
    # One of its protocols names the operation in the path, another in a header, or in the body.
    named = re.search(r"/operation/(\w+)$", call.path)
    if named is not None:
        yield named[1], "*"
    else:
        yield (call.form["Action"] if call.operation == "POST" else call.operation), "*"


def _of_xray(call: Call) -> _Pairs:
    yield _DOCUMENTS[urlsplit(call.path).path.strip("/")], "*"


def _of_states(call: Call) -> _Pairs:
    # Step Functions knows which state machine a token is of: a test's token is its ARN.
    yield call.operation, json.loads(call.body)["taskToken"]


def _of_secrets(call: Call) -> Iterator[tuple[str, str]]:
    fields = json.loads(call.body)
    # AWS Secrets Manager API Reference, BatchGetSecretValue: it needs both.
    if call.operation == "BatchGetSecretValue":
        yield call.operation, "*"
    for secret in fields.get("SecretIdList") or [fields["SecretId"]]:
        yield "GetSecretValue", secret


def _of_ssm(call: Call) -> _Pairs:
    for name in json.loads(call.body)["Names"]:
        yield call.operation, _arn("ssm", f"parameter/{name.lstrip('/')}")


_READERS = {
    "cloudformation": _of_query,
    "cloudwatch": _of_cloudwatch,
    "lambda": _of_lambda,
    "logs": _of_logs,
    "s3": _of_s3,
    "secretsmanager": _of_secrets,
    "sns": _of_query,
    "sqs": _of_sqs,
    "ssm": _of_ssm,
    "states": _of_states,
    "sts": _of_query,
    "xray": _of_xray,
}


def refusal(call: Call, code: str, message: str, status: int = 403) -> Answer:
    """Return an error as the called service writes it."""
    if call.operation == "HEAD":
        return Answer(status, [], b"")
    if call.service in _REST_JSON or "x-amz-target" in call.headers:
        told = json.dumps({"__type": code, "message": message})
        kind = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-ErrorType", code)]
        return Answer(status, kind, told.encode())
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    if call.service != "s3":
        error = f"<ErrorResponse>{error}</ErrorResponse>"
    return Answer(status, [("Content-Type", "text/xml")], error.encode())
