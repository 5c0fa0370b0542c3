"""The workers' role, and the policy for senders: enough for all they do, with no right too many.

A gate on the way to AWS judges each call of the workers, of Lambda for them, and of senders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from algernon.settings import Parameter, Secret, Settings, Vpc
from algernon.template import system_template

from ..conftest import ACCOUNT, REGION, LocalAWS
from ..wire import Wire
from .asked import Asked
from .gate import Gate
from .resolved import StackOfTemplate
from .role_scenarios import KEY, MACHINE, SCENARIOS, Promises
from .role_system import SENDERS_POLICY, WORKERS_ROLE, RoleSystem, workers_with
from .role_worker import WORKERS
from .statements import Statement, is_like, listed, without

pytestmark = pytest.mark.starts


class Purpose(NamedTuple):
    """What a right of the role is there for.

    Attributes:
        action: The action.
        resources: A pattern of all that it is allowed on by one statement.
        scenario: What can't go as it should without it.
        promise: What isn't so then.
        whose: The role or policy that has it.
    """

    action: str
    resources: str
    scenario: str
    promise: str
    whose: str = WORKERS_ROLE


def of_sender(action: str, resources: str, scenario: str, promise: str) -> Purpose:
    """Return what a right of the policy for senders is there for."""
    return Purpose(action, resources, scenario, promise, SENDERS_POLICY)


@pytest.fixture
def gate(wire: Wire) -> Iterator[Gate]:
    """What judges all calls of the code under test."""
    gate = Gate()
    wire.treatment = gate.treat
    yield gate
    wire.treatment = None


def play(name: str, aws: LocalAWS, gate: Gate, missing: Purpose | None = None) -> Promises:
    """Play a scenario, with all rights but one that is missing, and return what came of it."""
    scenario = SCENARIOS[name]
    settings = scenario.settings(aws)
    gate.key = settings.kms_key
    system = RoleSystem(aws, gate, scenario.tasks, settings)
    if missing:
        statements = system.statements[missing.whose]
        system.statements[missing.whose] = without(statements, missing.action, missing.resources)
    senders = gate.judging(system.statements[SENDERS_POLICY])
    with pytest.MonkeyPatch.context() as patch, senders:
        patch.setenv("ALGERNON_BUCKET_NAME", system.bucket)
        patch.setenv("ALGERNON_TOPIC_PREFIX", "shop-")
        return scenario.play(system, gate)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_rights_are_enough(aws: LocalAWS, gate: Gate, name: str) -> None:
    """Nothing is denied, and all comes as it is promised."""
    promises = play(name, aws, gate)

    assert gate.denied == []
    assert [promise for promise, is_kept in promises.items() if not is_kept] == []


QUEUES = "arn:aws:sqs:*:shop-Queue*"
DEAD_LETTER_QUEUES = "arn:aws:sqs:*:shop-DeadLetterQueue*"
TOPICS = "arn:aws:sns:*:shop-*"
OBJECTS = "arn:aws:s3:::shop-bucket-*/*"
CACHE = "arn:aws:s3:::shop-bucket-*/cache/*"
STACK = "arn:aws:cloudformation:*:stack/shop/*"
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
    of_sender("sns:Publish", TOPICS, "send", "a Task can be sent"),
    of_sender("sns:Publish", TOPICS, "send a group", "the result of a group can be had"),
    of_sender("s3:PutObject", CACHE, "send large arguments", "large arguments can be sent"),
    of_sender("s3:PutObject", CACHE, "send, and cancel", "what was sent can be cancelled"),
    of_sender(
        "s3:AbortMultipartUpload", CACHE, "send, and fail", "nothing stays of an upload that fails"
    ),
    of_sender("s3:GetObject", CACHE, "send, and wait", "a result can be had"),
    of_sender("s3:GetObject", CACHE, "send a group", "the result of a group can be had"),
    of_sender(
        "s3:ListBucket", BUCKET, "send, and wait", "it can be told that nothing came of it yet"
    ),
    of_sender(
        "cloudformation:DescribeStackResource",
        STACK,
        "the command",
        "the command finds the results of a stack",
    ),
    of_sender(
        "cloudformation:DescribeStacks",
        STACK,
        "the command, with an existing bucket",
        "the command finds the results of a stack",
    ),
    of_sender(
        "sns:ListTagsForResource", TOPICS, "the command", "the command tells a stack from another"
    ),
    of_sender("kms:Decrypt", KEY, "own key", "the first Task runs"),
    of_sender("kms:GenerateDataKey", KEY, "own key", "the first Task runs"),
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
    "purpose",
    PURPOSES,
    ids=lambda each: f"{each.whose}: {each.action} of {each.resources} in {each.scenario}",
)
def test_a_right_that_is_missing_is_missed(aws: LocalAWS, gate: Gate, purpose: Purpose) -> None:
    """Nothing else is denied then, and what the right is there for doesn't come."""
    promises = play(purpose.scenario, aws, gate, missing=purpose)

    assert not promises[purpose.promise]
    assert {each.action for each in gate.denied} == {purpose.action}


def test_each_right_has_a_purpose(aws: LocalAWS, gate: Gate) -> None:
    """Nobody has a right of which one couldn't say what breaks without it."""
    tasks = [task for worker in WORKERS for task in worker.tasks]
    settings = Settings(
        environment={"DB_PASSWORD": Secret(f"{SECRETS[:-1]}db-AbCdEf"), "KEY": Parameter("/shop")},
        kms_key=KEY,
        state_machines=[MACHINE],
        trusted_buckets=["elsewhere"],
        vpc=Vpc(subnets=["subnet-0a1b2c3d"], security_groups=["sg-0a1b2c3d"]),
    )
    for whose, statements in RoleSystem(aws, gate, tasks, settings).statements.items():
        for statement in statements:
            for action in set(listed(statement["Action"])) - UNSEEN:
                resources = listed(statement["Resource"])
                assert [
                    each
                    for each in PURPOSES
                    if (each.whose, each.action) == (whose, action)
                    and all(is_like(arn, each.resources) for arn in resources)
                ], f"{action} on {resources}"


def test_functions_of_ones_own_have_the_rights_of_ours(aws: LocalAWS, gate: Gate) -> None:
    """The policies of a template of the Tasks alone allow what the role does, for these Tasks."""
    settings = Settings(kms_key=KEY, state_machines=[MACHINE], trusted_buckets=["elsewhere"])
    ours = RoleSystem(aws, gate, ["read", "charge"], settings)
    template = system_template(workers_with(["read", "charge"]), settings=settings, part="tasks")
    stack = StackOfTemplate(template, ours.stack.physical_ids)
    policies = set(stack.of_type("AWS::IAM::ManagedPolicy")) - {SENDERS_POLICY}
    theirs = [each for policy in policies for each in stack.statements_of_policy(policy)]

    # Whoever makes a function has it log and trace.
    of_tasks = {
        each
        for each in rights_of(ours.statements[WORKERS_ROLE])
        if each.action.partition(":")[0] not in ("logs", "xray")
    }
    assert rights_of(theirs) == of_tasks


def rights_of(statements: Sequence[Statement]) -> set[Asked]:
    """Return each action with each of the resources that it is allowed on."""
    return {
        Asked(action, resource)
        for statement in statements
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
