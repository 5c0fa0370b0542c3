"""The flow of which the role has the rights, scenario by scenario, each with what it promises."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from uuid import uuid4

from algernon.commands.main import main
from algernon.settings import Parameter, Secret, Settings
from algernon_queue import Group, QueueError, SentTask
from algernon_serialize import ajson
from algernon_storage import StorageError, StoredData
from botocore.exceptions import ClientError

from ..conftest import ACCOUNT, REGION, LocalAWS
from ..wire import Answer, Call
from . import role_worker as worker
from .asked import refusal
from .gate import Gate
from .role_system import RoleSystem

#: A state machine that waits for Tasks. A token of it is its ARN, by which the gate knows it.
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:orders"
#: The KMS key of a system that has its own.
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1a2b3c4d-1a2b-3c4d-5e6f-1a2b3c4d5e6f"

# More than is uploaded in one part.
_LARGE = 9 * 1024 * 1024
_ELSEWHERE = "elsewhere"

Promises = Mapping[str, bool]


class Scenario(NamedTuple):
    """A part of the flow.

    Attributes:
        tasks: The Tasks that it needs.
        play: Plays it, and returns of each thing that is promised whether it came so.
        settings: Prepares a local AWS for it, and returns the settings that it needs.
    """

    tasks: Sequence[str]
    play: Callable[[RoleSystem, Gate], Promises]
    settings: Callable[[LocalAWS], Settings] = lambda _: Settings()


def _chain(system: RoleSystem, gate: Gate) -> Promises:
    with _going_on():
        worker.read.then(worker.double, worker.finish).send(n=1)
    system.work()
    return {
        "the first Task runs": worker.ran[:1] == [("read", 1)],
        "a result goes to the next Task": worker.ran[1:] == [("double", 2), ("finish", 4)],
        "what is done leaves its queue": not system.left("read"),
        "its lines are in the log group": bool(_lines(system)),
        "X-Ray gets its segment": bool(_traces(system)),
        "X-Ray gets its telemetry": "xray:PutTelemetryRecords" in _actions(gate),
    }


def _actions(gate: Gate) -> set[str]:
    """Return what was allowed, and done."""
    return {each.action for each in gate.allowed}


def _lines(system: RoleSystem) -> Sequence[Any]:
    logs, group = system.client("logs"), system.stack.physical_ids["WorkerLogs"]
    found: Sequence[Any] = logs.filter_log_events(logGroupName=group)["events"]
    return found


def _traces(system: RoleSystem) -> Sequence[Any]:
    found: Sequence[Any] = system.client("xray").get_trace_summaries(StartTime=0, EndTime=2**33)[
        "TraceSummaries"
    ]
    return found


def _large_result(system: RoleSystem, _: Gate) -> Promises:
    worker.produce.then(worker.measure).send(size=_LARGE)
    system.work()
    return {"a large result goes to the next Task": worker.ran == [("measure", _LARGE)]}


def _failing_upload(system: RoleSystem, gate: Gate) -> Promises:
    gate.then = _failing_completion
    worker.produce.then(worker.measure).send(size=_LARGE)
    system.work()
    return _of_uploads(system, gate)


def _failing_completion(call: Call, forward: Callable[[], Answer]) -> Answer:
    # The last call of an upload in parts.
    if (call.service, call.operation) == ("s3", "POST") and "uploads" not in call.path:
        return refusal(call, "InvalidPart", "a part isn't there", 400)
    return forward()


def _of_uploads(system: RoleSystem, gate: Gate) -> Promises:
    uploads = system.client("s3").list_multipart_uploads(Bucket=system.bucket).get("Uploads", [])
    return {
        "an upload was begun": "s3:PutObject" in _actions(gate),
        "nothing stays of an upload that fails": not uploads,
    }


def _ledger(system: RoleSystem, _: Gate) -> Promises:
    message = _message("charge", {"order": 7})
    for _each in range(2):
        system.publish("charge", message)
        system.work()
    return {
        "a Task under the ledger runs once": worker.ran == [("charge", 7)],
        "a message that comes twice leaves its queue": not system.left("charge"),
    }


def _retry(system: RoleSystem, _: Gate) -> Promises:
    worker.waver.send()
    system.work()
    return {
        "a Task that failed comes again when it says": worker.ran == [("waver", 1), ("waver", 2)],
    }


def _dead_letter(system: RoleSystem, _: Gate) -> Promises:
    sent = worker.pay.using(keep_result=True).send(cents=1)
    system.work()
    attributes = [each.get("MessageAttributes", {}) for each in system.letters("pay")]
    return {
        "what fails for good is moved": not system.left("pay"),
        "a dead letter says why": [
            each.get("algernon.error", {}).get("StringValue") for each in attributes
        ]
        == ["PermanentError"],
        "whoever waits for its result is told": sent.state() == "failed",
    }


def _redrive(system: RoleSystem, _: Gate) -> Promises:
    worker.pay.using(keep_result=True).send(cents=1)
    system.work()
    (letter,) = system.letters("pay")
    worker.purse["cents"] = 1
    noted = [key for key in system.objects() if "!failed" in key]
    system.redrive("pay", letter)
    system.work()
    return {
        "why it failed was noted": len(noted) == 1,
        "what is redriven runs": not system.left("pay"),
        "the note of its failure goes": not [key for key in system.objects() if "!failed" in key],
    }


def _group(system: RoleSystem, _: Gate) -> Promises:
    Group([worker.read.request(n=n) for n in range(3)], then=worker.gather).send()
    system.work()
    return {
        "the members run": len(worker.ran) >= 3,
        "the results of a group are joined": worker.ran[3:] == [("gather", 6)],
    }


def _result(system: RoleSystem, _: Gate) -> Promises:
    sent = worker.read.using(keep_result=True).send(n=1)
    system.work()
    return {"a result is kept for whoever waits": _result_of(sent) == {"n": 2}}


def _result_of(sent: SentTask[Any]) -> Any:
    try:
        return sent.result(timeout=0)
    except QueueError as error:
        return error


def _cancel(system: RoleSystem, _: Gate) -> Promises:
    sent = worker.read.using(cancellable=True).send(n=1)
    is_cancelled = sent.cancel()
    system.work()
    return {
        "what hasn't begun can be cancelled": is_cancelled,
        "what is cancelled doesn't run": not worker.ran,
        "what is cancelled leaves its queue": not system.left("read"),
    }


def _state_machine(system: RoleSystem, gate: Gate) -> Promises:
    system.publish("read", _waited_for("read", {"n": 1}))
    system.publish("pay", _waited_for("pay", {"cents": 1}))
    system.work()
    return {
        "a state machine is told a result": "states:SendTaskSuccess" in _actions(gate),
        "a state machine is told a failure": "states:SendTaskFailure" in _actions(gate),
        "what a state machine knows the result of leaves its queue": not system.left("read"),
        "what a state machine knows the failure of leaves its queue": not system.left("pay"),
    }


def _waited_for(task: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {"Input": _message(task, kwargs), "TaskToken": MACHINE}


def _message(task: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {"task_name": task, "task_kwargs": kwargs, "callback": None, "task_id": str(uuid4())}


def _trusted_bucket(system: RoleSystem, gate: Gate) -> Promises:
    system.try_once("finish")
    _send_from_elsewhere(system, gate)
    system.work()
    is_read = worker.ran == [("finish", 1)]
    _send_from_elsewhere(system, gate)
    s3: Any = system.client("s3")
    for each in s3.list_objects_v2(Bucket=_ELSEWHERE)["Contents"]:
        s3.delete_object(Bucket=_ELSEWHERE, Key=each["Key"])
    system.work()
    return {
        "arguments are read of a trusted bucket": is_read,
        "what isn't there is told from what isn't allowed": "MissingObjectError" in _errors(system),
    }


def _trusted_folder(system: RoleSystem, gate: Gate) -> Promises:
    _send_from_elsewhere(system, gate)
    system.work()
    return {"arguments are read of a trusted folder": worker.ran == [("finish", 1)]}


def _send_from_elsewhere(system: RoleSystem, gate: Gate) -> None:
    """Send a Task with arguments that are stored in another bucket, with that one's rights."""
    s3 = system.client("s3")
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=_ELSEWHERE, **place)
    with gate.judging(None):
        pointer = StoredData(str(uuid4()), {"n": 1}, bucket=_ELSEWHERE).store()
    system.publish("finish", _message("finish", json.loads(ajson.dumps(StoredData.at(pointer)))))


def _errors(system: RoleSystem) -> list[str]:
    return [
        letter["MessageAttributes"]["algernon.error"]["StringValue"]
        for letter in system.letters("finish")
    ]


def _settings_with_secrets(aws: LocalAWS) -> Settings:
    kept = aws.client("secretsmanager").create_secret(Name="shop/db", SecretString="xyzzy")
    aws.client("ssm").put_parameter(Name="/shop/key", Value="plugh", Type="SecureString")
    return Settings(
        environment={"DB_PASSWORD": Secret(kept["ARN"]), "API_KEY": Parameter("/shop/key")}
    )


def _secrets(system: RoleSystem, _: Gate) -> Promises:
    worker.reveal.send()
    system.work()
    return {"a worker starts with its secrets": worker.ran == [("reveal", ("xyzzy", "plugh"))]}


@contextmanager
def _going_on() -> Iterator[None]:
    """Go on where whoever sends is denied something."""
    with suppress(ClientError, QueueError, StorageError):
        yield


def _send(system: RoleSystem, _: Gate) -> Promises:
    with _going_on():
        worker.finish.send(n=1)
    system.work()
    return {"a Task can be sent": worker.ran == [("finish", 1)]}


def _send_large(system: RoleSystem, _: Gate) -> Promises:
    with _going_on():
        worker.measure.send(text="x" * _LARGE)
    system.work()
    return {"large arguments can be sent": worker.ran == [("measure", _LARGE)]}


def _failing_send(system: RoleSystem, gate: Gate) -> Promises:
    gate.then = _failing_completion
    with _going_on():
        worker.measure.send(text="x" * _LARGE)
    return _of_uploads(system, gate)


def _send_group(system: RoleSystem, _: Gate) -> Promises:
    total = None
    with _going_on():
        group = Group([worker.read.request(n=n) for n in range(3)], then=worker.gather).send()
        system.work()
        total = group.result(timeout=0)
    return {"the result of a group can be had": total == 6}


def _wait(system: RoleSystem, _: Gate) -> Promises:
    states, result = [], None
    sent = worker.read.using(keep_result=True).send(n=1)
    with _going_on():
        states.append(sent.state())
    system.work()
    with _going_on():
        result = sent.result(timeout=0)
    return {
        "it can be told that nothing came of it yet": states == ["unknown"],
        "a result can be had": result == {"n": 2},
    }


def _send_and_cancel(system: RoleSystem, _: Gate) -> Promises:
    with _going_on():
        worker.finish.using(cancellable=True).send(n=1).cancel()
    system.work()
    return {"what was sent can be cancelled": not worker.ran}


def _settings_with_bucket(aws: LocalAWS) -> Settings:
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    aws.client("s3").create_bucket(Bucket="data-of-shops", **place)
    return Settings(bucket="data-of-shops")


def _command(system: RoleSystem, _: Gate) -> Promises:
    sent = worker.read.using(keep_result=True).send(n=1)
    system.work()
    stack = ("--stack", system.stack.name, "--region", REGION)
    # What the Task `n` of the stack `shop-eu` has the name of.
    tag = {"Key": "aws:cloudformation:stack-name", "Value": f"{system.stack.name}-eu"}
    system.client("sns").create_topic(Name=f"{system.stack.name}-eu-n", Tags=[tag])
    return {
        "the command finds the results of a stack": main(["result", sent.task_id, *stack]) == 0,
        "the command tells a stack from another": main(["send", "eu-n", *stack]) == 1,
    }


SCENARIOS: Mapping[str, Scenario] = {
    "chain": Scenario(["read", "double", "finish"], _chain),
    "large result": Scenario(["produce", "measure"], _large_result),
    "failing upload": Scenario(["produce", "measure"], _failing_upload),
    "ledger": Scenario(["charge"], _ledger),
    "retry": Scenario(["waver"], _retry),
    "dead letter": Scenario(["pay"], _dead_letter),
    "redrive": Scenario(["pay"], _redrive),
    "group": Scenario(["read", "gather"], _group),
    "result": Scenario(["read"], _result),
    "cancel": Scenario(["read"], _cancel),
    "state machine": Scenario(
        ["read", "pay"], _state_machine, lambda _: Settings(state_machines=[MACHINE])
    ),
    "trusted bucket": Scenario(
        ["finish"], _trusted_bucket, lambda _: Settings(trusted_buckets=[_ELSEWHERE])
    ),
    "trusted folder": Scenario(
        ["finish"], _trusted_folder, lambda _: Settings(trusted_buckets=[f"{_ELSEWHERE}/cache"])
    ),
    "own key": Scenario(["read", "double", "finish"], _chain, lambda _: Settings(kms_key=KEY)),
    "secrets": Scenario(["reveal"], _secrets, _settings_with_secrets),
    "send": Scenario(["finish"], _send),
    "send large arguments": Scenario(["measure"], _send_large),
    "send, and fail": Scenario(["measure"], _failing_send),
    "send a group": Scenario(["read", "gather"], _send_group),
    "send, and wait": Scenario(["read"], _wait),
    "send, and cancel": Scenario(["finish"], _send_and_cancel),
    "the command": Scenario(["read"], _command),
    "the command, with an existing bucket": Scenario(["read"], _command, _settings_with_bucket),
}
