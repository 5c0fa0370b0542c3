"""The template: what AWS's documents ask for, for any router."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest
from algernon.errors import TemplateError
from algernon.settings import Settings
from algernon.template import logical_id, system_template
from algernon.worker import Worker
from cfnlint.api import ManualArgs, Match, lint
from hypothesis import given
from hypothesis import strategies as st

ROUTERS = [
    pytest.param(["resize"], id="one"),
    pytest.param(["read_source", "parse", "report"], id="three"),
    pytest.param(["a-b", "a_b", "A_B", "aB", "-", "_", "9", "x" * 127], id="awkward"),
    pytest.param([f"task_{number}" for number in range(81)], id="the-most"),
]
HANDLER = "worker.handler"
OTHERS = (
    Worker("shop.mailer.handler", ("send-mail", "forget"), {"send-mail": 9}),
    Worker("archive.handler", ("keep",), {}),
)
MAILER = logical_id("Worker", "shop.mailer.handler")
ARCHIVE = logical_id("Worker", "archive.handler")
TASK_NAMES = st.text(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=127
)


def resources(template: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the resources of a type, by their logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def arn(resource: str) -> dict[str, list[str]]:
    """Return the expression for a resource's ARN."""
    return {"Fn::GetAtt": [resource, "Arn"]}


def statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a policy document's statements."""
    assert policy["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def template_of(
    tasks: Sequence[str],
    *,
    handler: str = HANDLER,
    retries: Mapping[str, int] = MappingProxyType({}),
    others: Sequence[Worker] = (),
    **limits: Any,
) -> dict[str, Any]:
    """Return the template of a worker with these Tasks, and of others."""
    return system_template([Worker(handler, tuple(tasks), retries), *others], **limits)


def hints(template: dict[str, Any]) -> list[Match]:
    """Return what cfn-lint finds, with its hints."""
    config = ManualArgs(include_checks=["I"])
    found: list[Match] = lint(json.dumps(template), config=config)
    return found


def three_workers() -> dict[str, Any]:
    """Return the template of a system of three workers."""
    return template_of(["read", "parse"], retries={"read": 7}, others=OTHERS)


@pytest.mark.parametrize("tasks", ROUTERS[:3])
def test_cfn_lint_finds_nothing(tasks: Sequence[str]) -> None:
    """cfn-lint has neither errors nor hints, whatever Tasks are called."""
    assert hints(template_of(tasks)) == []


def test_cfn_lint_finds_nothing_in_three_workers() -> None:
    """The same goes for a system of several functions."""
    assert hints(three_workers()) == []


def test_is_plain_cloudformation() -> None:
    """Nothing in it needs a macro, nor the capability to expand one."""
    template = three_workers()

    assert "Transform" not in template
    assert not [
        name
        for name, resource in template["Resources"].items()
        if resource["Type"].startswith("AWS::Serverless::")
    ]


@pytest.mark.parametrize("tasks", ROUTERS)
def test_each_task_has_a_topic_of_its_name(tasks: Sequence[str]) -> None:
    """A Task's topic is called by the stack's name, a hyphen, and the Task's."""
    template = template_of(tasks)

    assert resources(template, "AWS::SNS::Topic") == {
        logical_id("Topic", task): {"TopicName": {"Fn::Sub": f"${{AWS::StackName}}-{task}"}}
        for task in tasks
    }


@pytest.mark.parametrize("tasks", ROUTERS)
@pytest.mark.parametrize("timeout", [1, 30, 900])
def test_queues_wait_six_timeouts_and_give_a_message_out_twice_more_than_it_is_tried(
    tasks: Sequence[str], timeout: int
) -> None:
    """A queue's messages are hidden for six timeouts, and dead after five tries and two more."""
    template = template_of(tasks, timeout=timeout)
    queues = resources(template, "AWS::SQS::Queue")

    assert len(queues) == 2 * len(tasks)
    for task in tasks:
        queue = queues[logical_id("Queue", task)]
        assert queue["VisibilityTimeout"] == 6 * timeout
        assert queue["RedrivePolicy"] == {
            "deadLetterTargetArn": arn(logical_id("DeadLetterQueue", task)),
            "maxReceiveCount": 7,
        }


@pytest.mark.parametrize(("retries", "receives"), [(0, 7), (4, 7), (5, 8), (997, 1000)])
def test_a_queue_gives_a_message_out_as_often_as_its_task_is_tried(
    retries: int, receives: int
) -> None:
    """A Task that is tried more than five times has a queue that lets it, and two receives more."""
    template = template_of(["a", "b"], retries={"a": retries})
    queues = resources(template, "AWS::SQS::Queue")

    assert queues[logical_id("Queue", "a")]["RedrivePolicy"]["maxReceiveCount"] == receives
    assert queues[logical_id("Queue", "b")]["RedrivePolicy"]["maxReceiveCount"] == 7


def test_workers_are_told_of_the_receives_beyond_the_tries() -> None:
    """Every function knows how many receives its queues give beyond what a Task is tried."""
    functions = resources(three_workers(), "AWS::Lambda::Function").values()

    assert [
        function["Environment"]["Variables"]["ALGERNON_EXTRA_RECEIVES"] for function in functions
    ] == ["2", "2", "2"]


@pytest.mark.parametrize("retries", [998, 999])
@pytest.mark.parametrize("is_first", [True, False])
def test_more_retries_than_receives_are_refused(retries: int, is_first: bool) -> None:
    """SQS gives a message out a thousand times at most, which the error says with the Task."""
    tasks = ["a", "busy"] if is_first else ["a"]
    others = [] if is_first else [Worker("other.handler", ("busy",), {"busy": retries})]

    with pytest.raises(
        TemplateError,
        match=(
            rf"the Task 'busy' has {retries} retries, but its queue has room for 997: SQS gives a"
            r" message out 1000 times"
        ),
    ):
        template_of(tasks, retries={"busy": retries}, others=others)


@pytest.mark.parametrize("tasks", ROUTERS)
def test_queues_are_encrypted_and_dead_letters_kept_for_14_days(tasks: Sequence[str]) -> None:
    """All queues have SQS's encryption; dead letters outlast every message of the queue."""
    queues = resources(template_of(tasks), "AWS::SQS::Queue")

    for task in tasks:
        queue = queues[logical_id("Queue", task)]
        dead_letters = queues[logical_id("DeadLetterQueue", task)]
        assert queue["SqsManagedSseEnabled"] is dead_letters["SqsManagedSseEnabled"] is True
        assert dead_letters["MessageRetentionPeriod"] == 14 * 24 * 60 * 60
        assert queue["MessageRetentionPeriod"] < dead_letters["MessageRetentionPeriod"]


@pytest.mark.parametrize("tasks", ROUTERS)
def test_only_its_own_topic_may_send_to_a_queue(tasks: Sequence[str]) -> None:
    """A queue's policy allows SendMessage to SNS, on behalf of the Task's topic alone."""
    template = template_of(tasks)
    policies = resources(template, "AWS::SQS::QueuePolicy")

    assert set(policies) == {logical_id("QueuePolicy", task) for task in tasks}
    for task in tasks:
        policy = policies[logical_id("QueuePolicy", task)]
        assert policy["Queues"] == [{"Ref": logical_id("Queue", task)}]
        assert statements(policy["PolicyDocument"]) == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn(logical_id("Queue", task)),
                "Condition": {"ArnEquals": {"aws:SourceArn": {"Ref": logical_id("Topic", task)}}},
            }
        ]


@pytest.mark.parametrize("tasks", ROUTERS)
def test_each_topic_feeds_its_queue(tasks: Sequence[str]) -> None:
    """A Task's queue is subscribed to its topic."""
    subscriptions = resources(template_of(tasks), "AWS::SNS::Subscription")

    assert subscriptions == {
        logical_id("Subscription", task): {
            "TopicArn": {"Ref": logical_id("Topic", task)},
            "Protocol": "sqs",
            "Endpoint": arn(logical_id("Queue", task)),
        }
        for task in tasks
    }


@pytest.mark.parametrize("tasks", ROUTERS)
def test_the_function_takes_batches_of_ten_and_reports_failures(tasks: Sequence[str]) -> None:
    """Each queue has a mapping that reads batchItemFailures, which the worker then reports."""
    template = template_of(tasks)
    (function,) = resources(template, "AWS::Lambda::Function").values()

    assert list(resources(template, "AWS::Lambda::EventSourceMapping").values()) == [
        {
            "EventSourceArn": arn(logical_id("Queue", task)),
            "FunctionName": {"Ref": "Worker"},
            "BatchSize": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }
        for task in tasks
    ]
    assert function["Environment"]["Variables"]["ALGERNON_FAILURES"] == "report"


def test_the_function_is_the_worker() -> None:
    """Handler, Python, limits and settings are those that were asked for."""
    template = template_of(["a"], handler="shop.worker.handler", timeout=45, memory=1024)
    (function,) = resources(template, "AWS::Lambda::Function").values()

    assert function["Handler"] == "shop.worker.handler"
    assert function["Runtime"] == f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert (function["Timeout"], function["MemorySize"]) == (45, 1024)
    assert function["Environment"]["Variables"] == {
        "ALGERNON_BUCKET_NAME": {"Ref": "Bucket"},
        "ALGERNON_CACHE_DAYS": {"Ref": "CacheDays"},
        "ALGERNON_EXTRA_RECEIVES": "2",
        "ALGERNON_FAILURES": "report",
        "ALGERNON_INLINE_BYTES": {"Ref": "InlineBytes"},
        "ALGERNON_METRICS_NAMESPACE": {"Ref": "MetricsNamespace"},
        "ALGERNON_TOPIC_PREFIX": {"Fn::Sub": "${AWS::StackName}-"},
        "ALGERNON_TRACING": {"Ref": "Tracing"},
        "ALGERNON_TRUSTED_BUCKETS": {"Ref": "TrustedBuckets"},
        "CACHE_FOLDER_NAME": "cache",
        "DEBUG": {"Ref": "Debug"},
    }


def test_each_worker_is_a_function_fed_by_its_own_tasks() -> None:
    """Each function has its handler and the queues of its Tasks, and shares all else."""
    functions = resources(three_workers(), "AWS::Lambda::Function")
    mappings = resources(three_workers(), "AWS::Lambda::EventSourceMapping").values()

    assert {
        name: (
            function["Handler"],
            [each["EventSourceArn"] for each in mappings if each["FunctionName"] == {"Ref": name}],
        )
        for name, function in functions.items()
    } == {
        "Worker": (HANDLER, [arn(logical_id("Queue", "read")), arn(logical_id("Queue", "parse"))]),
        MAILER: (
            "shop.mailer.handler",
            [arn(logical_id("Queue", "send-mail")), arn(logical_id("Queue", "forget"))],
        ),
        ARCHIVE: ("archive.handler", [arn(logical_id("Queue", "keep"))]),
    }
    first, *others = [
        {name: value for name, value in function.items() if name != "Handler"}
        for function in functions.values()
    ]
    assert others == [first, first]
    assert first["Role"] == arn("WorkerRole")
    assert first["LoggingConfig"]["LogGroup"] == {"Ref": "WorkerLogs"}


def test_what_the_workers_share_covers_the_tasks_of_all() -> None:
    """Several workers' topics, queues and policies are those of one with all the Tasks."""
    together = template_of(
        ["read", "parse", "send-mail", "forget", "keep"],
        retries={"read": 7, "send-mail": 9},
    )
    apart = three_workers()
    of_one_worker = {"AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"}

    assert apart["Metadata"] == together["Metadata"]
    of_apart, of_together = (
        {
            name: resource
            for name, resource in template["Resources"].items()
            if resource["Type"] not in of_one_worker
        }
        for template in (apart, together)
    )
    assert of_apart == of_together


def test_each_function_is_an_output() -> None:
    """The outputs lead to every function, and say which is which."""
    outputs = three_workers()["Outputs"]

    assert {"Worker", MAILER, ARCHIVE, "WorkerRole", "WorkerLogs"} <= set(outputs)
    assert outputs[MAILER] == {
        "Value": {"Ref": MAILER},
        "Description": "The Lambda function of shop.mailer.handler",
    }


def test_another_worker_changes_no_resource_but_the_role() -> None:
    """A worker that is added, in any place after the first, leaves the others' functions alone."""
    mailer, archive = OTHERS
    before = template_of(["read"], others=[archive])["Resources"]
    after = template_of(["read"], others=[mailer, archive])["Resources"]

    changed = {name for name, resource in before.items() if after[name] != resource}
    assert changed == {"WorkerTasks1"}


def test_a_task_of_two_workers_is_refused() -> None:
    """The error names the Task and both workers."""
    other = Worker("shop.mailer.handler", ("send", "read"), {})

    with pytest.raises(
        TemplateError,
        match=(
            r"the Task 'read' is in the workers of worker\.handler and shop\.mailer\.handler,"
            r" .* take it out of one of them"
        ),
    ):
        template_of(["read"], others=[other])


def test_the_same_worker_twice_is_refused() -> None:
    """The error names the handler, of which there can be one function."""
    with pytest.raises(
        TemplateError, match=r"two workers have the handler worker\.handler, .* each module once"
    ):
        template_of(["read"], others=[Worker(HANDLER, ("parse",), {})])


def test_the_code_comes_from_parameters() -> None:
    """The zip's bucket and key are parameters, so that one template deploys anywhere."""
    template = template_of(["a"])
    (function,) = resources(template, "AWS::Lambda::Function").values()

    assert function["Code"] == {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}
    assert {"CodeBucket", "CodeKey"} <= set(template["Parameters"])
    assert "Default" not in template["Parameters"]["CodeBucket"]


def test_the_bucket_is_private_and_encrypted() -> None:
    """Nothing public can reach the bucket, at rest it is encrypted, in transit it must be."""
    template = template_of(["a"])
    bucket = resources(template, "AWS::S3::Bucket")["Bucket"]
    policy = resources(template, "AWS::S3::BucketPolicy")["BucketPolicy"]

    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert bucket["BucketEncryption"] == {
        "ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        ]
    }
    assert policy["Bucket"] == {"Ref": "Bucket"}
    assert statements(policy["PolicyDocument"]) == [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn("Bucket"), {"Fn::Sub": "${Bucket.Arn}/*"}],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def test_the_bucket_forgets_the_cache_after_every_message_is_gone() -> None:
    """The cache expires, later than a message that was moved back from a dead-letter queue."""
    template = template_of(["a"])
    bucket = resources(template, "AWS::S3::Bucket")["Bucket"]
    days = template["Parameters"]["CacheDays"]

    assert bucket["LifecycleConfiguration"]["Rules"] == [
        {
            "Id": "ExpireCache",
            "Status": "Enabled",
            "Prefix": "cache/",
            "ExpirationInDays": {"Ref": "CacheDays"},
        },
        {
            "Id": "AbortUploads",
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
    ]
    assert 2 * 14 < days["MinValue"] <= days["Default"]


def test_the_bucket_outlives_the_stack() -> None:
    """Deleting the stack leaves the bucket, which may hold somebody's results.

    That of a stack that couldn't be created holds none, and goes with it.
    """
    bucket = template_of(["a"])["Resources"]["Bucket"]

    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert bucket["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("tasks", ROUTERS)
def test_the_role_allows_what_the_worker_does_and_no_more(tasks: Sequence[str]) -> None:
    """The role covers the system's own queues, topics, bucket and log group, and X-Ray."""
    template = template_of(tasks)
    (function,) = resources(template, "AWS::Lambda::Function").values()
    role = resources(template, "AWS::IAM::Role")["WorkerRole"]
    policies = resources(template, "AWS::IAM::ManagedPolicy")
    del policies["SenderPolicy"]

    assert function["Role"] == arn("WorkerRole")
    assert role["ManagedPolicyArns"] == [{"Ref": name} for name in policies]
    assert "Policies" not in function
    allowed = [
        statement
        for document in [
            *(policy["PolicyDocument"] for policy in policies.values()),
            *(policy["PolicyDocument"] for policy in role["Policies"]),
        ]
        for statement in statements(document)
        if "Fn::If" not in statement
    ]
    of_dead_letters = [each for each in allowed if "sqs:SendMessage" in each["Action"]]
    of_queues = [
        each
        for each in allowed
        if each["Action"][0].startswith("sqs:") and each not in of_dead_letters
    ]
    of_topics = [each for each in allowed if each["Action"] == "sns:Publish"]
    of_tasks = [*of_queues, *of_dead_letters, *of_topics]
    others = [each for each in allowed if each not in of_tasks]
    assert {tuple(each["Action"]) for each in of_queues} == {
        (
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
        )
    }
    assert {tuple(each["Action"]) for each in of_dead_letters} == {
        ("sqs:GetQueueUrl", "sqs:SendMessage")
    }
    assert [queue for each in of_dead_letters for queue in each["Resource"]] == [
        arn(logical_id("DeadLetterQueue", task)) for task in tasks
    ]
    assert [queue for each in of_queues for queue in each["Resource"]] == [
        arn(logical_id("Queue", task)) for task in tasks
    ]
    assert [topic for each in of_topics for topic in each["Resource"]] == [
        {"Ref": logical_id("Topic", task)} for task in tasks
    ]
    assert [(each["Action"], each["Resource"]) for each in others] == [
        (
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            {"Fn::Sub": "${Bucket.Arn}/*"},
        ),
        ("s3:DeleteObject", {"Fn::Sub": "${Bucket.Arn}/cache/*"}),
        ("s3:ListBucket", arn("Bucket")),
        (["logs:CreateLogStream", "logs:PutLogEvents"], arn("WorkerLogs")),
        (["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"),
    ]
    assert {each["Effect"] for each in allowed} == {"Allow"}


def test_the_role_may_tell_state_machines_only_where_some_wait() -> None:
    """Without the parameter StateMachines it has no right for Step Functions."""
    template = three_workers()
    (policy,) = resources(template, "AWS::IAM::Role")["WorkerRole"]["Policies"]
    parameter = template["Parameters"]["StateMachines"]

    assert [
        each
        for each in statements(policy["PolicyDocument"])
        if "StateMachinesWait" in each.get("Fn::If", ())
    ] == [
        {
            "Fn::If": [
                "StateMachinesWait",
                {
                    "Effect": "Allow",
                    "Action": ["states:SendTaskFailure", "states:SendTaskSuccess"],
                    "Resource": {"Fn::Split": [",", {"Ref": "StateMachines"}]},
                },
                {"Ref": "AWS::NoValue"},
            ]
        }
    ]
    assert template["Conditions"]["StateMachinesWait"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "StateMachines"}, ""]}]
    }
    assert parameter["Default"] == ""


@pytest.mark.parametrize(
    ("value", "is_taken"),
    [
        ("", True),
        ("*", True),
        ("arn:aws:states:eu-west-1:123456789012:stateMachine:orders", True),
        ("arn:aws-cn:states:cn-north-1:123456789012:stateMachine:a,arn:aws:states:::b", True),
        ("true", False),
        ("orders", False),
        ("*,*", False),
        ("arn:aws:states:::a, arn:aws:states:::b", False),
        ("arn:aws:states:::a,", False),
    ],
)
def test_state_machines_are_arns_or_all(value: str, is_taken: bool) -> None:
    """CloudFormation refuses what would be no resource of a policy before it changes anything."""
    parameter = three_workers()["Parameters"]["StateMachines"]

    assert bool(re.fullmatch(parameter["AllowedPattern"], value)) == is_taken
    assert parameter["ConstraintDescription"]


def test_a_long_chain_is_no_loop_to_lambda() -> None:
    """Lambda lets chains come to a function often, unless the parameter RecursiveLoop says not."""
    template = three_workers()
    parameter = template["Parameters"]["RecursiveLoop"]

    assert (parameter["Default"], parameter["AllowedValues"]) == ("Allow", ["Allow", "Terminate"])
    assert {
        name: function["RecursiveLoop"]
        for name, function in resources(template, "AWS::Lambda::Function").items()
    } == {name: {"Ref": "RecursiveLoop"} for name in ("Worker", MAILER, ARCHIVE)}


def test_only_lambda_may_take_the_role() -> None:
    """The role trusts the Lambda service and nobody else."""
    role = resources(template_of(["a"]), "AWS::IAM::Role")["WorkerRole"]

    assert statements(role["AssumeRolePolicyDocument"]) == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]


def test_policies_fit_into_iam_for_the_longest_names() -> None:
    """No policy passes 6,144 characters with the longest ARNs, and the role has at most ten."""
    tasks = [f"{number:0127}" for number in range(80)]
    template = template_of(tasks)
    policies = resources(template, "AWS::IAM::ManagedPolicy")
    del policies["SenderPolicy"]
    longest_arns = {
        **{logical_id("Topic", task): "t" * (47 + 256) for task in tasks},
        **{
            logical_id(kind, task): "q" * (47 + 80)
            for kind in ("Queue", "DeadLetterQueue")
            for task in tasks
        },
    }

    assert len(policies) <= 10
    for policy in policies.values():
        for statement in statements(policy["PolicyDocument"]):
            statement["Resource"] = [
                longest_arns[each["Ref"] if "Ref" in each else each["Fn::GetAtt"][0]]
                for each in statement["Resource"]
            ]
        assert len(json.dumps(policy["PolicyDocument"], separators=(",", ":"))) <= 6_144


def test_logs_are_kept_for_a_while() -> None:
    """The function logs to a group of the stack, whose lines are deleted after 30 days."""
    template = template_of(["a"])
    (function,) = resources(template, "AWS::Lambda::Function").values()

    assert function["LoggingConfig"]["LogGroup"] == {"Ref": "WorkerLogs"}
    assert resources(template, "AWS::Logs::LogGroup") == {"WorkerLogs": {"RetentionInDays": 30}}


@given(st.sets(TASK_NAMES, min_size=2, max_size=20))
def test_logical_ids_are_valid_and_tell_all_names_apart(names: set[str]) -> None:
    """Whatever the Tasks are called, their resources have distinct, valid logical ids."""
    kinds = ("Topic", "Queue", "DeadLetterQueue", "QueuePolicy", "Subscription")
    ids = [logical_id(kind, name) for kind in kinds for name in names]

    assert len(set(ids)) == len(ids)
    assert all(each.isascii() and each.isalnum() and len(each) <= 255 for each in ids)


def test_another_task_changes_no_resource_of_the_first() -> None:
    """Adding a Task leaves the queues of the others as they are, with their messages."""
    before = template_of(["a_b"])["Resources"]
    after = template_of(["a-b", "a_b"])["Resources"]

    for name, resource in before.items():
        if resource["Type"].startswith(("AWS::SQS::", "AWS::SNS::")):
            assert after[name] == resource


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "a timeout of 0 seconds is outside Lambda's limits: it takes 1 to 900"),
        ({"timeout": 901}, "a timeout of 901 seconds"),
        ({"memory": 127}, "a memory of 127 MB is outside Lambda's limits: it takes 128 to 10240"),
        ({"memory": 10_241}, "a memory of 10241 MB"),
    ],
)
def test_numbers_outside_of_lambdas_limits_are_refused(
    options: dict[str, Any], message: str
) -> None:
    """A timeout or memory that no function can have is named, with what it can be."""
    with pytest.raises(TemplateError, match=message):
        template_of(["a"], **options)


def test_the_largest_template_fits_into_cloudformation() -> None:
    """The most Tasks with the longest names stay below the 1 MB of a template in S3."""
    tasks = [f"{number:0127}" for number in range(80)]

    assert len(json.dumps(template_of(tasks), indent=2)) < 1_000_000


def test_a_name_too_long_for_a_topic_is_refused() -> None:
    """A Task whose topic's name may pass 256 characters is refused before AWS refuses it."""
    with pytest.raises(TemplateError, match=r"the Task x{40}… has a name of 128 characters"):
        template_of(["x" * 128])


def test_a_python_that_lambda_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a Python that Lambda has no runtime for, the error names those it has."""
    monkeypatch.setattr(sys, "version_info", (3, 99))

    with pytest.raises(TemplateError, match=r"no runtime for Python 3\.99, .* one of 3\.11, "):
        template_of(["a"])


def test_a_system_without_workers_is_refused() -> None:
    """There is nothing to describe then, which the error says."""
    with pytest.raises(TemplateError, match="at least one worker, but there is none: name one"):
        system_template([])


def test_what_is_no_worker_is_refused() -> None:
    """Tasks' names alone, whose handler was forgotten, are named with what there should be."""
    with pytest.raises(TypeError, match=r"'resize' isn't a worker: .*Worker\(handler, tasks, ret"):
        system_template(["resize"])  # type: ignore[list-item]


def test_tasks_and_a_handler_are_taken_with_a_warning() -> None:
    """What 1.4 took gives the template of the same workers, and a hint at what to write."""
    workers = [Worker(HANDLER, ("read", "parse"), {"read": 7}), *OTHERS]

    with pytest.warns(
        DeprecationWarning, match=r"write system_template\(\[Worker\(handler"
    ) as caught:
        former = system_template(
            ["read", "parse"],
            handler=HANDLER,
            timeout=60,
            memory=512,
            retries={"read": 7},
            others=OTHERS,
        )

    assert former == system_template(workers, timeout=60, memory=512)
    assert [warning.filename for warning in caught] == [__file__]


def test_settings_that_are_none_are_refused() -> None:
    """A table in their place is named, with what there should be."""
    with pytest.raises(TypeError, match=r"settings is of the class dict, .* Settings\(memory=512"):
        template_of(["read"], settings={"memory": 512})


def test_needs_that_are_none_are_refused() -> None:
    """A table in their place is named, with its Task and worker."""
    needs: Any = {"read": {"timeout": 900}}

    with pytest.raises(
        TypeError,
        match=r"Task 'read' of worker\.handler needs is of the class dict, .* TaskNeeds\(",
    ):
        system_template([Worker(HANDLER, ("read",), {}, needs)])


@pytest.mark.parametrize(
    ("value", "is_taken"),
    [
        ("", True),
        ("theirs", True),
        ("theirs/cache,their.others", True),
        ("1.2.3.4a,1.2.3", True),
        ("t", False),
        ("Theirs", False),
        ("theirs,", False),
        ("theirs, others", False),
        ("theirs/*", False),
        ("192.168.0.1", False),
        ("theirs,192.168.0.1/cache,others", False),
        ("theirs,o..thers", False),
        ("theirs-", False),
    ],
)
def test_trusted_buckets_are_what_the_settings_take(value: str, is_taken: bool) -> None:
    """A parameter's list has what `trusted_buckets` may have, and nothing else."""
    parameter = three_workers()["Parameters"]["TrustedBuckets"]

    assert bool(re.fullmatch(parameter["AllowedPattern"], value)) == is_taken
    if value:
        try:
            Settings(trusted_buckets=value.split(","))
        except TemplateError:
            assert not is_taken
        else:
            assert is_taken
