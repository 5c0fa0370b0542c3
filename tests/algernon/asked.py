"""What a call asks of AWS, as IAM sees it, and how AWS refuses it."""

from __future__ import annotations

import json
import re
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from ..conftest import ACCOUNT, REGION
from ..wire import Answer, Call

# IAM's names of services that sign under others.
_SERVICES = {"monitoring": "cloudwatch"}
_OBJECTS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_MAPPINGS = {"GET": "GetEventSourceMapping", "PUT": "UpdateEventSourceMapping"}


class Asked(NamedTuple):
    """An action, and the ARN of what it is for, or ``*``."""

    action: str
    resource: str


def asked(call: Call) -> Asked:
    """Return what a call asks for."""
    service = _SERVICES.get(call.service, call.service)
    operation, resource = _READERS[service](call)
    # Service Authorization Reference, "Amazon SNS" and "Amazon SQS": batches have no action.
    return Asked(f"{service}:{operation.removesuffix('Batch')}", resource)


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def _of_query(call: Call) -> tuple[str, str]:
    fields = call.form
    if call.service == "cloudformation":
        return fields["Action"], _arn("cloudformation", f"stack/{fields['StackName']}/1")
    return fields["Action"], fields.get("TopicArn", fields.get("ResourceArn", "*"))


def _of_sqs(call: Call) -> tuple[str, str]:
    fields = json.loads(call.body)
    name = fields.get("QueueName") or fields["QueueUrl"].rsplit("/", 1)[1]
    return call.operation, _arn("sqs", name)


def _of_logs(call: Call) -> tuple[str, str]:
    fields = json.loads(call.body)
    name = fields.get("logGroupName")
    # As denials of FilterLogEvents name it, whether it is asked for a stream or not.
    return call.operation, _arn("logs", f"log-group:{name}:log-stream:") if name else "*"


def _of_s3(call: Call) -> tuple[str, str]:
    address = urlsplit(call.path)
    bucket, _, key = unquote(address.path).lstrip("/").partition("/")
    if not key:
        return "ListBucket", f"arn:aws:s3:::{bucket}"
    is_upload = {"uploadId", "uploads"} & set(parse_qs(address.query, keep_blank_values=True))
    if is_upload and call.operation == "DELETE":
        return "AbortMultipartUpload", f"arn:aws:s3:::{bucket}/{key}"
    return _OBJECTS["PUT" if is_upload else call.operation], f"arn:aws:s3:::{bucket}/{key}"


def _of_lambda(call: Call) -> tuple[str, str]:
    _, _version, kind, name, *more = [*urlsplit(call.path).path.split("/"), ""]
    if kind == "functions":
        assert (call.operation, more[0]) == ("GET", "configuration")
        function = unquote(name)
        arn = function if function.startswith("arn:") else _arn("lambda", f"function:{function}")
        return "GetFunctionConfiguration", arn
    assert kind == "event-source-mappings"
    return (_MAPPINGS[call.operation] if name else "ListEventSourceMappings"), "*"


def _of_cloudwatch(call: Call) -> tuple[str, str]:
    # One of its protocols names the operation in the path, another in a header, or in the body.
    named = re.search(r"/operation/(\w+)$", call.path)
    if named is not None:
        return named[1], "*"
    return (call.form["Action"] if call.operation == "POST" else call.operation), "*"


_READERS = {
    "cloudformation": _of_query,
    "cloudwatch": _of_cloudwatch,
    "lambda": _of_lambda,
    "logs": _of_logs,
    "s3": _of_s3,
    "sns": _of_query,
    "sqs": _of_sqs,
    "sts": _of_query,
}


def refusal(call: Call, code: str, message: str, status: int = 403) -> Answer:
    """Return an error as the called service writes it."""
    if call.operation == "HEAD":
        return Answer(status, [], b"")
    if call.service == "lambda" or "x-amz-target" in call.headers:
        told = json.dumps({"__type": code, "message": message})
        kind = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-ErrorType", code)]
        return Answer(status, kind, told.encode())
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    if call.service != "s3":
        error = f"<ErrorResponse>{error}</ErrorResponse>"
    return Answer(status, [("Content-Type", "text/xml")], error.encode())
