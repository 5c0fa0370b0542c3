"""`algernon policy --for deploy` prints what CloudFormation needs to make and remove systems."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from algernon import TaskNeeds
from algernon.commands.main import main
from algernon.errors import NotASystemError
from algernon.local.aws import LocalAWS
from algernon.local.place import place_of_local_aws
from algernon.settings import Settings
from algernon.system.deployment.deploy import Deployment
from algernon.system.deployment.removal import destroy, find_removal
from algernon.system.parts import parts_by_name
from algernon.system.policy import MOST_CHARACTERS, policy
from algernon.system.resource_rights import RESOURCE_RIGHTS
from algernon.system.rights import RIGHTS
from algernon.template import system_template
from algernon.worker import Worker
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from ..waiting import PATIENCE
from ..wire import Wire, proxy_to
from .asked import Asked, asked
from .every_setting import all_on
from .stacks import code_that_notes
from .statements import allows, is_like
from .test_deploy import Zip

WORKERS = [
    Worker("shop.mail.handler", ("mail",), {"mail": 9}, {"mail": TaskNeeds(timeout=90)}),
    Worker("shop.handler", ("price", "bill"), {}),
]
#: What CloudFormation does: AWS's schemas say which rights each takes. (It lists for others.)
HANDLERS = ("create", "read", "update", "delete")
#: What handlers need for properties that our templates don't have, and why.
UNUSED: Mapping[str, Sequence[str]] = {
    # A managed policy is attached by the role that has it.
    "AWS::IAM::ManagedPolicy": ("iam:Attach*", "iam:Detach*"),
    # What is filtered before it comes to a function, encrypted.
    "AWS::Lambda::EventSourceMapping": ("kms:*",),
    "AWS::Lambda::Function": (
        # Versions, and what signs, scales, and starts them.
        *("lambda:*CodeSigningConfig", "lambda:PublishVersion", "lambda:PutRuntime*"),
        *("lambda:AssociateRuntimeAlias", "lambda:PassCapacityProvider", "lambda:*Scaling*"),
        # File systems, and zips of which an older version is meant.
        *("elasticfilesystem:*", "s3files:*", "s3:GetObjectVersion"),
    ),
    # Indexes, data protection, tokens, protection from deletion, and what delivers lines elsewhere.
    "AWS::Logs::LogGroup": (
        *("logs:*IndexPolicy", "logs:*DataProtectionPolicy", "logs:*BearerToken*", "firehose:*"),
        *(
            "logs:*ResourcePolicy",
            "logs:CreateLogDelivery",
            "s3:REST.*",
            "logs:*DeletionProtection",
        ),
    ),
    # Tables of metadata, replication, and access control lists of objects.
    "AWS::S3::Bucket": (
        *("s3tables:*", "s3:*MetadataTable*", "s3:UpdateBucketMetadata*", "iam:PassRole"),
        *("s3:DeleteObject", "s3:PutObjectAcl", "s3:DeleteBucket?*"),
    ),
    # Roles by which topics log, and Firehose is delivered to.
    "AWS::SNS::Subscription": ("iam:GetRole", "iam:PassRole"),
    "AWS::SNS::Topic": ("iam:GetRole", "iam:PassRole"),
}


def types_of(template: Mapping[str, Any]) -> set[str]:
    """Return the types of a template's resources."""
    return {resource["Type"] for resource in template["Resources"].values()}


def handled(kind: str) -> dict[str, set[str]]:
    """Return the rights that CloudFormation's handlers of a type need, by what they do."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return {name: set(schema["handlers"].get(name, {}).get("permissions", ())) for name in HANDLERS}


def tagging(kind: str) -> set[str]:
    """Return the rights to a type's tags."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return set(schema.get("tagging", {}).get("permissions", ()))


def statements(stack: str = "shop") -> list[dict[str, Any]]:
    """Return the statements of the policy for a stack."""
    found: list[dict[str, Any]] = policy("deploy", parts_by_name(stack))["Statement"]
    return found


def actions(granted: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Give the actions that statements allow."""
    for statement in granted:
        yield from statement["Action"]


def test_each_type_of_resource_has_its_rights() -> None:
    """Those of templates with all settings, of such without, and of those alone."""
    with_bucket = Settings(bucket="own")
    made = (
        system_template(WORKERS, settings=all_on()),
        system_template(WORKERS),
        system_template(WORKERS, settings=with_bucket),
        system_template(WORKERS, part="tasks"),
    )

    assert set().union(*map(types_of, made)) == set(RESOURCE_RIGHTS)


@pytest.mark.parametrize("kind", sorted(RESOURCE_RIGHTS))
def test_all_that_a_handler_needs_is_there(kind: str) -> None:
    """By AWS's own schemas; what is left out is for properties that no template has."""
    granted = [right.action for right in RESOURCE_RIGHTS[kind]]
    unused = UNUSED.get(kind, ())
    missing = {
        (name, needed)
        for name, of_handler in handled(kind).items()
        for needed in of_handler
        if not any(is_like(needed, action) for action in (*granted, *unused))
    }

    assert missing == set()


@pytest.mark.parametrize("kind", sorted(RESOURCE_RIGHTS))
def test_no_more_is_there_than_a_handler_needs(kind: str) -> None:
    """Nor than its tags do."""
    needed = set().union(*handled(kind).values()) | tagging(kind)
    granted = {right.action for right in RESOURCE_RIGHTS[kind]}

    assert [one for one in granted if not any(is_like(each, one) for each in needed)] == []


def test_an_unneeded_exception_is_gone() -> None:
    """Each exception stands for something that a handler names."""
    for kind, patterns in UNUSED.items():
        needed = set().union(*handled(kind).values())
        assert [each for each in patterns if not any(is_like(one, each) for one in needed)] == []


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("cloudformation:DeleteStack", "arn:aws:cloudformation:eu-west-1:1:stack/{}/2f"),
        ("iam:PutRolePolicy", "arn:aws:iam::1:role/{}-WorkerRole-1X2Y"),
        ("iam:CreatePolicyVersion", "arn:aws:iam::1:policy/{}-WorkerTasks1-1X2Y"),
        ("lambda:UpdateFunctionCode", "arn:aws:lambda:eu-west-1:1:function:{}-Worker-1X2Y"),
        ("logs:DeleteLogGroup", "arn:aws:logs:eu-west-1:1:log-group:{}-WorkerLogs-1X2Y"),
        ("logs:TagResource", "arn:aws:logs:eu-west-1:1:log-group:{}-WorkerLogs-1X2Y"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::{}-bucket-1x2y"),
        ("s3:PutLifecycleConfiguration", "arn:aws:s3:::{}-bucket-1x2y"),
        ("sns:DeleteTopic", "arn:aws:sns:eu-west-1:1:{}-price"),
        ("sqs:DeleteQueue", "arn:aws:sqs:eu-west-1:1:{}-QueuePrice-1X2Y"),
        ("sqs:SetQueueAttributes", "arn:aws:sqs:eu-west-1:1:{}-DeadLetterQueuePrice-1X2Y"),
        ("cloudwatch:DeleteAlarms", "arn:aws:cloudwatch:eu-west-1:1:alarm:{}-DeadLetterAlarm-1X2Y"),
    ],
)
def test_it_is_for_one_stack_alone(action: str, resource: str) -> None:
    """Nothing of another stack is changed with it."""
    assert allows(statements(), Asked(action, resource.format("shop")))
    assert not allows(statements(), Asked(action, resource.format("market")))


def test_the_code_has_a_stack_and_a_bucket_of_its_own() -> None:
    """Those that all systems of an account and region share."""
    for action, resource in (
        ("cloudformation:CreateStack", "arn:aws:cloudformation:eu-west-1:1:stack/algernon-code/1"),
        ("s3:CreateBucket", "arn:aws:s3:::algernon-code-bucket-1x2y"),
        ("s3:PutObject", "arn:aws:s3:::algernon-code-bucket-1x2y/1.zip"),
        ("s3:GetObject", "arn:aws:s3:::algernon-code-bucket-1x2y/1.zip"),
    ):
        assert allows(statements(), Asked(action, resource))
    # What Tasks have stored isn't the deployer's.
    assert not allows(statements(), Asked("s3:GetObject", "arn:aws:s3:::shop-bucket-1x2y/cache/1"))


def test_a_role_is_handed_to_functions_alone_and_keys_are_used_by_them() -> None:
    """And a mapping is made for no other system's function."""
    role = Asked("iam:PassRole", "arn:aws:iam::1:role/shop-WorkerRole-1X2Y")
    key = Asked("kms:CreateGrant", "arn:aws:kms:eu-west-1:1:key/1a2b")
    mapping = Asked("lambda:CreateEventSourceMapping", "*")
    function = "arn:aws:lambda:eu-west-1:1:function:{}-Worker-1X2Y"

    for what, context, others in (
        (role, {"iam:PassedToService": "lambda.amazonaws.com"}, "ec2.amazonaws.com"),
        (key, {"kms:ViaService": "lambda.eu-west-1.amazonaws.com"}, "s3.eu-west-1.amazonaws.com"),
        (mapping, {"lambda:FunctionArn": function.format("shop")}, function.format("market")),
    ):
        assert allows(statements(), what, context)
        assert not allows(statements(), what, dict.fromkeys(context, others))


def test_what_cannot_be_limited_changes_nothing_but_subscriptions() -> None:
    """Service Authorization Reference: of what is for everything, SNS limits none of these."""
    (unlimited,) = (each for each in statements() if each["Resource"] == ["*"])

    changing = {
        action
        for action in unlimited["Action"]
        if not action.partition(":")[2].startswith(("Describe", "Get", "List"))
    }
    assert changing == {"sns:SetSubscriptionAttributes", "sns:Unsubscribe"}


@pytest.mark.parametrize("stack", ["shop", "s" * 64])
def test_it_fits_into_a_managed_policy(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    """So that it can be attached as it is printed, and standard error has nothing to say."""
    assert main(["policy", "--for", "deploy", "--stack", stack]) == 0

    output = capsys.readouterr()
    assert output.err == ""
    assert len(json.dumps(json.loads(output.out), separators=(",", ":"))) <= MOST_CHARACTERS


@pytest.mark.parametrize("where", [("--region", "eu-west-1"), ("--prefix", "shop-")])
def test_it_asks_aws_for_nothing(where: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What a deployment makes isn't there yet, so that a place is wrong usage."""
    with pytest.raises(SystemExit, match="2"):
        main(["policy", "--for", "deploy", "--stack", "shop", *where])

    assert "--for deploy takes --stack alone" in capsys.readouterr().err


def test_who_operates_may_not_deploy() -> None:
    """The rights to make and remove systems are nobody else's."""
    for_operating = {right.action for rights in RIGHTS.values() for right in rights}
    deploying = {*actions(statements())}

    assert "cloudformation:ExecuteChangeSet" in deploying - for_operating
    assert "sns:Publish" in for_operating - deploying
    assert "sqs:DeleteMessage" in for_operating - deploying


@pytest.mark.starts
def test_it_is_enough_for_all_that_a_deployment_and_a_removal_call() -> None:
    """Of a new system, one whose Task goes with its messages, and one that goes."""
    wire = Wire()
    with LocalAWS() as aws, proxy_to(aws.environ["AWS_ENDPOINT_URL"], wire) as proxy:
        thread = Thread(target=proxy.serve_forever)
        thread.start()
        here = f"http://127.0.0.1:{proxy.server_port}"
        place = replace(place_of_local_aws(aws.environ), stack_name="shop", endpoint_url=here)
        for tasks in (("price", "bill"), ("price",)):
            worker = Worker("shop.handler", tasks, {})
            template = system_template([worker], settings=Settings(log_format="Text"))
            drop = [] if "bill" in tasks else ["bill"]
            deployment = Deployment(place, template, drop=drop)
            code = Zip(code_that_notes({"shop": tasks}))
            deployment.carry_out(deployment.plan(code), code)
        removal = find_removal(place, tell=print, timeout=PATIENCE)
        destroy(place, removal, tell=print, progress=lambda _: None)
        with pytest.raises(NotASystemError):
            find_removal(place, tell=print, timeout=PATIENCE)
        proxy.shutdown()
        thread.join()

    function = {"lambda:FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:shop-Worker"}
    made = {what for call in wire.calls for what in asked(call)}
    assert {"cloudformation:ExecuteChangeSet", "sqs:DeleteQueue", "sqs:ReceiveMessage"} <= {
        what.action for what in made
    }
    assert sorted(what for what in made if not allows(statements(), what, function)) == []
