"""The template's policy for whoever sends: what `algernon policy --for send` prints."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
from algernon.local.aws import LocalAWS
from algernon.settings import Settings
from algernon.system.policy import policy
from algernon.system.rights import RIGHTS, Part
from algernon.template import system_template
from algernon.worker import Worker

from .stacks import LocalStack

WORKERS = [Worker("worker.handler", ("read", "parse-it"), {})]
KEY = "arn:aws:kms:us-east-1:123456789012:key/1a2b3c4d"


def template_with(**settings: Any) -> dict[str, Any]:
    """Return the template of a system with these settings."""
    return system_template(WORKERS, settings=Settings(**settings))


def statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of the policy."""
    policy = template["Resources"]["SenderPolicy"]
    assert policy["Type"] == "AWS::IAM::ManagedPolicy"
    found: list[dict[str, Any]] = policy["Properties"]["PolicyDocument"]["Statement"]
    return found


def test_it_has_the_rights_that_the_command_prints() -> None:
    """Statement by statement, the actions are those of `algernon policy --for send`."""
    parts: list[Part] = ["topics", "objects", "bucket", "stack"]
    printed = policy("send", {part: ["arn"] for part in parts})["Statement"]

    assert [(each["Sid"], each["Action"]) for each in statements(template_with())] == [
        (each["Sid"], each["Action"]) for each in printed
    ]


def test_who_sends_may_use_the_key() -> None:
    """Where all that is stored is encrypted with a key, the right to it comes along."""
    *others, of_key = statements(template_with(kms_key=KEY))

    assert others == statements(template_with())
    assert of_key == {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": KEY,
    }


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    """A local AWS."""
    with LocalAWS() as started:
        yield started


def test_of_a_bucket_that_is_there_it_is_that_one() -> None:
    """The objects are those of its cache, too."""
    objects = [each for each in statements(template_with(bucket="b1c")) if "Objects" in each["Sid"]]

    assert [each["Resource"] for each in objects] == [
        [{"Fn::Sub": "arn:${AWS::Partition}:s3:::b1c/cache/*"}]
    ] * 2


@pytest.mark.starts
def test_a_deployed_one_is_for_its_own_stack(aws: LocalAWS) -> None:
    """It allows what send, result and cancel need there, and nothing of another stack's."""
    outputs = LocalStack(aws, "shop").deploy(template_with()).outputs
    iam = aws.client("iam")
    version = iam.get_policy(PolicyArn=outputs["SenderPolicy"])["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=outputs["SenderPolicy"], VersionId=version)[
        "PolicyVersion"
    ]["Document"]
    stack = aws.client("cloudformation").describe_stacks(StackName="shop")["Stacks"][0]["StackId"]

    def allows(action: str, resource: str) -> bool:
        return any(
            action in statement["Action"]
            and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
            for statement in document["Statement"]
        )

    bucket = f"arn:aws:s3:::{outputs['Bucket']}"
    own: dict[Part, str] = {
        "topics": "arn:aws:sns:us-east-1:000000000000:shop-parse-it",
        "objects": f"{bucket}/cache/1a/2b.json",
        "bucket": bucket,
        "stack": stack,
    }
    others: dict[Part, str] = {
        "topics": "arn:aws:sns:us-east-1:000000000000:market-parse-it",
        "objects": f"{bucket}/private/1a.json",
        "bucket": f"{bucket}-2",
        "stack": stack.replace("shop", "market"),
    }
    for verb in ("send", "result", "cancel"):
        for action, part in RIGHTS[verb]:
            assert allows(action, own[part]), (action, part)
            assert not allows(action, others[part]), (action, part)
