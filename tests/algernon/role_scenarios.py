"""The flow of which the role has the rights, scenario by scenario, each with what it promises."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from algernon.settings import Parameter, Secret, Settings
from algernon_queue import Group, QueueError, SentTask
from algernon_serialize import ajson
from algernon_storage import StoredData

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
    return {each.action for each in gate.asked}


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
    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        # The last call of an upload in parts.
        if (call.service, call.operation) == ("s3", "POST") and "uploads" not in call.path:
            return refusal(call, "InvalidPart", "a part isn't there", 400)
        return forward()

    gate.then = treat
    worker.produce.then(worker.measure).send(size=_LARGE)
    system.work()
    uploads = system.client("s3").list_multipart_uploads(Bucket=system.bucket).get("Uploads", [])
    return {
        "an upload was begun": "s3:PutObject" in _actions(gate),
        "nothing stays of an upload that fails": not uploads,
    }


def _ledger(system: RoleSystem, _: Gate) -> Promises:
    message = {"task_name": "charge", "task_kwargs": {"order": 7}, "callback": None}
    for _each in range(2):
        system.publish("charge", {**message, "task_id": "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"})
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
    message = {"task_name": task, "task_kwargs": kwargs, "callback": None, "task_id": str(uuid4())}
    return {"Input": message, "TaskToken": MACHINE}


def _trusted_bucket(system: RoleSystem, _: Gate) -> Promises:
    s3: Any = system.client("s3")
    s3.create_bucket(Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": REGION})
    for _n in range(2):
        stored = StoredData(str(uuid4()), {"n": 1}, bucket="elsewhere")
        message = {"task_name": "finish", "callback": None, "task_id": str(uuid4())}
        pointer = json.loads(ajson.dumps(StoredData.at(stored.store())))
        system.publish("finish", {**message, "task_kwargs": pointer})
    system.try_once("finish")
    (key, _key) = (each["Key"] for each in s3.list_objects_v2(Bucket="elsewhere")["Contents"])
    s3.delete_object(Bucket="elsewhere", Key=key)
    system.work()
    return {
        "arguments are read of a trusted bucket": worker.ran == [("finish", 1)],
        "what isn't there is told from what isn't allowed": "MissingObjectError" in _errors(system),
    }


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
        ["finish"], _trusted_bucket, lambda _: Settings(trusted_buckets=["elsewhere"])
    ),
    "own key": Scenario(["read", "double", "finish"], _chain, lambda _: Settings(kms_key=KEY)),
    "secrets": Scenario(["reveal"], _secrets, _settings_with_secrets),
}
