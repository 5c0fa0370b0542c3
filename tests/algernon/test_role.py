"""The role allows what workers, and Lambda for them, ask of AWS: all of it, and nothing besides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from algernon.settings import Parameter, Secret, Settings, Vpc

from ..conftest import ACCOUNT, REGION, LocalAWS
from ..wire import Wire
from .gate import Gate
from .role_scenarios import KEY, MACHINE, SCENARIOS, Promises
from .role_system import RoleSystem
from .role_worker import WORKERS
from .statements import is_like, listed, without

pytestmark = pytest.mark.starts


@pytest.fixture
def gate(wire: Wire) -> Iterator[Gate]:
    """What judges all calls of the code under test."""
    gate = Gate()
    wire.treatment = gate.treat
    yield gate
    wire.treatment = None


def play(name: str, aws: LocalAWS, gate: Gate, **missing: str) -> Promises:
    """Play a scenario, with all rights of the role but one, and return what came of it."""
    scenario = SCENARIOS[name]
    settings = scenario.settings(aws)
    gate.key = settings.kms_key
    system = RoleSystem(aws, gate, scenario.tasks, settings)
    if missing:
        system.statements = without(system.statements, **missing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALGERNON_BUCKET_NAME", system.bucket)
        patch.setenv("ALGERNON_TOPIC_PREFIX", "shop-")
        return scenario.play(system, gate)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_role_is_enough(aws: LocalAWS, gate: Gate, name: str) -> None:
    """Nothing is denied, and all comes as it is promised."""
    promises = play(name, aws, gate)

    assert gate.denied == []
    assert [promise for promise, is_kept in promises.items() if not is_kept] == []


class Purpose(NamedTuple):
    """What a right of the role is there for.

    Attributes:
        action: The action.
        resources: A pattern of all that it is allowed on by one statement.
        scenario: What can't go as it should without it.
        promise: What isn't so then.
    """

    action: str
    resources: str
    scenario: str
    promise: str


QUEUES = "arn:aws:sqs:*:shop-Queue*"
DEAD_LETTER_QUEUES = "arn:aws:sqs:*:shop-DeadLetterQueue*"
TOPICS = "arn:aws:sns:*:shop-*"
OBJECTS = "arn:aws:s3:::shop-bucket-*/*"
BUCKET = "arn:aws:s3:::shop-bucket-*"
LOG_GROUP = "arn:aws:logs:*:log-group:shop-WorkerLogs*"
ELSEWHERE = "arn:aws:s3:::elsewhere*"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:*"
PARAMETERS = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/*"
EVERYTHING = "*"

PURPOSES = [
    Purpose("sqs:GetQueueAttributes", QUEUES, "chain", "the first Task runs"),
    Purpose("sqs:ReceiveMessage", QUEUES, "chain", "the first Task runs"),
    Purpose("sqs:DeleteMessage", QUEUES, "chain", "what is done leaves its queue"),
    Purpose("sqs:GetQueueUrl", QUEUES, "retry", "a Task that failed comes again when it says"),
    Purpose(
        "sqs:ChangeMessageVisibility",
        QUEUES,
        "retry",
        "a Task that failed comes again when it says",
    ),
    Purpose("sqs:GetQueueUrl", DEAD_LETTER_QUEUES, "dead letter", "a dead letter says why"),
    Purpose("sqs:SendMessage", DEAD_LETTER_QUEUES, "dead letter", "a dead letter says why"),
    Purpose("sns:Publish", TOPICS, "chain", "a result goes to the next Task"),
    Purpose("sns:Publish", TOPICS, "group", "the results of a group are joined"),
    Purpose("s3:GetObject", OBJECTS, "chain", "a result goes to the next Task"),
    Purpose("s3:GetObject", OBJECTS, "cancel", "what is cancelled leaves its queue"),
    Purpose("s3:PutObject", OBJECTS, "chain", "a result goes to the next Task"),
    Purpose("s3:PutObject", OBJECTS, "ledger", "a Task under the ledger runs once"),
    Purpose("s3:PutObject", OBJECTS, "result", "a result is kept for whoever waits"),
    Purpose("s3:PutObject", OBJECTS, "dead letter", "whoever waits for its result is told"),
    Purpose(
        "s3:AbortMultipartUpload",
        OBJECTS,
        "failing upload",
        "nothing stays of an upload that fails",
    ),
    Purpose("s3:DeleteObject", OBJECTS, "redrive", "the note of its failure goes"),
    Purpose("s3:ListBucket", BUCKET, "group", "the results of a group are joined"),
    Purpose("logs:CreateLogStream", LOG_GROUP, "chain", "its lines are in the log group"),
    Purpose("logs:PutLogEvents", LOG_GROUP, "chain", "its lines are in the log group"),
    Purpose("xray:PutTraceSegments", EVERYTHING, "chain", "X-Ray gets its segment"),
    Purpose("xray:PutTelemetryRecords", EVERYTHING, "chain", "X-Ray gets its telemetry"),
    Purpose(
        "states:SendTaskSuccess",
        MACHINE,
        "state machine",
        "what a state machine knows the result of leaves its queue",
    ),
    Purpose(
        "states:SendTaskFailure",
        MACHINE,
        "state machine",
        "what a state machine knows the failure of leaves its queue",
    ),
    Purpose("s3:GetObject", ELSEWHERE, "trusted bucket", "arguments are read of a trusted bucket"),
    Purpose(
        "s3:ListBucket",
        ELSEWHERE,
        "trusted bucket",
        "what isn't there is told from what isn't allowed",
    ),
    Purpose("kms:Decrypt", KEY, "own key", "the first Task runs"),
    Purpose("kms:GenerateDataKey", KEY, "own key", "a result goes to the next Task"),
    Purpose(
        "secretsmanager:BatchGetSecretValue",
        EVERYTHING,
        "secrets",
        "a worker starts with its secrets",
    ),
    Purpose(
        "secretsmanager:GetSecretValue", SECRETS, "secrets", "a worker starts with its secrets"
    ),
    Purpose("ssm:GetParameters", PARAMETERS, "secrets", "a worker starts with its secrets"),
]

#: What only AWS itself does with the role, by AWS Lambda Developer Guide, "Giving Lambda functions
#: access to resources in an Amazon VPC".
UNSEEN = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}


@pytest.mark.parametrize(
    "purpose", PURPOSES, ids=lambda each: f"{each.action} of {each.resources} in {each.scenario}"
)
def test_a_right_that_is_missing_is_missed(aws: LocalAWS, gate: Gate, purpose: Purpose) -> None:
    """Nothing else is denied then, and what the right is there for doesn't come."""
    promises = play(purpose.scenario, aws, gate, action=purpose.action, resources=purpose.resources)

    assert not promises[purpose.promise]
    assert {each.action for each in gate.denied} == {purpose.action}


def test_each_right_has_a_purpose(aws: LocalAWS, gate: Gate) -> None:
    """The role has no right of which nobody could say what breaks without it."""
    tasks = [task for worker in WORKERS for task in worker.tasks]
    settings = Settings(
        environment={"DB_PASSWORD": Secret(f"{SECRETS[:-1]}db-AbCdEf"), "KEY": Parameter("/shop")},
        kms_key=KEY,
        state_machines=[MACHINE],
        trusted_buckets=["elsewhere"],
        vpc=Vpc(subnets=["subnet-0a1b2c3d"], security_groups=["sg-0a1b2c3d"]),
    )
    for statement in RoleSystem(aws, gate, tasks, settings).statements:
        for action in listed(statement["Action"]):
            resources = listed(statement["Resource"])
            assert action in UNSEEN or [
                each
                for each in PURPOSES
                if each.action == action and all(is_like(arn, each.resources) for arn in resources)
            ], f"{action} on {resources}"
