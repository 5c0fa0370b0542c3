"""The template's functions: what Tasks and workers ask of those that run them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from algernon.errors import SettingsError, TemplateError
from algernon.settings import Parameter, Secret, Settings, WorkerSettings
from algernon.system.settings.variables import SET_BY_TEMPLATE
from algernon.template import logical_id, system_template
from algernon.worker import Worker
from algernon_queue import TaskNeeds

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"
LARGE = TaskNeeds(timeout=900, memory=2048)


def worker_of(needs: Mapping[str, TaskNeeds], handler: str = "shop.handler") -> Worker:
    """Return a worker with these Tasks and one more, which needs nothing of its own."""
    return Worker(handler, ("order", *needs), {}, needs)


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the properties of a resource."""
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def functions(template: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Return the timeout and memory of each function, by its logical id."""
    return {
        name: (resource["Properties"]["Timeout"], resource["Properties"]["MemorySize"])
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


def test_tasks_with_the_same_needs_share_a_function() -> None:
    """The others stay together in the worker's own, whatever one of them asks for besides."""
    needs = {"film": LARGE, "photo": LARGE, "song": TaskNeeds(memory=512, batch_size=1)}
    template = system_template([worker_of(needs)])

    large = logical_id("Worker", "shop.handler@900s2048MB")
    middle = logical_id("Worker", "shop.handler@512MB")
    assert functions(template) == {"Worker": (30, 256), large: (900, 2048), middle: (30, 512)}
    assert {
        task: properties(template, f"Worker{logical_id('Queue', task)}")["FunctionName"]["Ref"]
        for task in ("order", "film", "photo", "song")
    } == {"order": "Worker", "film": large, "photo": large, "song": middle}
    assert {properties(template, name)["Handler"] for name in (large, middle)} == {"shop.handler"}


def test_a_slow_task_sets_the_visibility_timeout_of_its_own_queue_alone() -> None:
    """A queue hides a message for six times the timeout of the function that takes it."""
    template = system_template([worker_of({"film": LARGE})], timeout=20)

    assert properties(template, logical_id("Queue", "film"))["VisibilityTimeout"] == 5400
    assert properties(template, logical_id("Queue", "order"))["VisibilityTimeout"] == 120


def test_a_task_that_needs_what_all_have_is_with_the_others() -> None:
    """No function is made for needs that the worker's own fulfils."""
    needs = {"film": TaskNeeds(timeout=30, memory=256), "photo": TaskNeeds(timeout=30)}

    assert functions(system_template([worker_of(needs)])) == {"Worker": (30, 256)}


def test_a_task_asks_its_worker_and_a_worker_asks_the_system() -> None:
    """What a Task doesn't say, its worker says; what that doesn't, the system."""
    settings = Settings(timeout=10, memory=128, workers={"mail": WorkerSettings(memory=512)})
    mail = worker_of({"letter": TaskNeeds(timeout=60)}, "mail.handler")
    template = system_template([Worker("shop.handler", ("pay",), {}), mail], settings=settings)

    assert functions(template) == {
        "Worker": (10, 128),
        logical_id("Worker", "mail.handler"): (10, 512),
        logical_id("Worker", "mail.handler@60s"): (60, 512),
    }


@pytest.mark.parametrize("needs", [TaskNeeds(timeout=900), TaskNeeds(memory=512), LARGE])
def test_a_change_for_all_leaves_functions_of_their_own_where_they_are(needs: TaskNeeds) -> None:
    """A function is called by what its Tasks need otherwise, not by what they share with all."""
    before, after = (
        system_template([worker_of({"film": needs})], settings=settings)
        for settings in (Settings(), Settings(timeout=40, memory=300))
    )

    assert set(functions(before)) == set(functions(after))
    assert len(functions(before)) == 2


def test_a_timeout_that_is_given_holds_in_place_of_the_settings() -> None:
    """It holds in place of a worker's own too, but not of what a Task itself needs."""
    own = WorkerSettings(timeout=90, memory=1024, environment={"SENDER": "me"})
    settings = Settings(timeout=10, workers={"mail": own})
    shop = Worker("shop.handler", ("pay",), {})
    mail = worker_of({"film": TaskNeeds(timeout=900)}, "mail.handler")

    def functions_with(**limits: Any) -> list[tuple[int, int]]:
        template = system_template([shop, mail], settings=settings, **limits)
        of_mail = properties(template, logical_id("Worker", "mail.handler"))
        assert of_mail["Environment"]["Variables"]["SENDER"] == "me"
        return [*functions(template).values()]

    assert functions_with() == [(10, 256), (90, 1024), (900, 1024)]
    assert functions_with(timeout=20) == [(20, 256), (20, 1024), (900, 1024)]
    assert functions_with(timeout=20, memory=300) == [(20, 300), (20, 300), (900, 300)]


def test_a_timeout_that_is_given_sets_the_visibility_timeout() -> None:
    """The queues go by the functions that they feed."""
    settings = Settings(workers={"shop": WorkerSettings(timeout=90)})
    template = system_template([worker_of({})], settings=settings, timeout=20)

    assert properties(template, logical_id("Queue", "order"))["VisibilityTimeout"] == 120


def test_outputs_tell_functions_of_one_worker_apart() -> None:
    """They name what each has, where a worker has several."""
    outputs = system_template([worker_of({"film": LARGE})])["Outputs"]

    assert outputs["Worker"]["Description"] == (
        "The Lambda function of shop.handler with 30 s and 256 MB"
    )
    large = logical_id("Worker", "shop.handler@900s2048MB")
    assert outputs[large]["Description"] == (
        "The Lambda function of shop.handler with 900 s and 2048 MB"
    )


def test_without_a_task_of_the_usual_size_there_is_no_usual_function() -> None:
    """The mappings stay what they are called, whatever functions they lead to."""
    worker = Worker("shop.handler", ("film",), {}, {"film": LARGE})
    template = system_template([worker])

    large = logical_id("Worker", "shop.handler@900s2048MB")
    assert set(functions(template)) == {large}
    assert "Worker" not in template["Outputs"]
    mapping = properties(template, f"Worker{logical_id('Queue', 'film')}")
    assert mapping["FunctionName"] == {"Ref": large}


def test_how_a_queue_is_worked_off_is_its_mappings() -> None:
    """Batches and how many run at a time are as the Task says, and ten without a word."""
    needs = {"film": TaskNeeds(max_concurrency=3, batch_size=100, batch_window=20)}
    template = system_template([worker_of(needs)])
    film, order = (
        properties(template, f"Worker{logical_id('Queue', task)}") for task in ("film", "order")
    )

    assert film["BatchSize"] == 100
    assert film["MaximumBatchingWindowInSeconds"] == 20
    assert film["ScalingConfig"] == {"MaximumConcurrency": 3}
    assert order["BatchSize"] == 10
    assert not {"MaximumBatchingWindowInSeconds", "ScalingConfig"} & set(order)


def test_reserved_concurrency_is_the_functions() -> None:
    """A worker of one function has all of it, and others have none."""
    settings = Settings(workers={"shop": WorkerSettings(reserved_concurrency=5)})
    others = Worker("mail.handler", ("letter",), {})
    template = system_template(
        [worker_of({"film": TaskNeeds(max_concurrency=5)}), others], settings=settings
    )

    assert properties(template, "Worker")["ReservedConcurrentExecutions"] == 5
    mail = properties(template, logical_id("Worker", "mail.handler"))
    assert "ReservedConcurrentExecutions" not in mail


def test_reserved_concurrency_is_shared_by_what_tasks_may_take() -> None:
    """Each function has what its Tasks may take, and the worker's usual one what is left."""
    settings = Settings(workers={"shop": WorkerSettings(reserved_concurrency=20)})
    needs = {
        "film": TaskNeeds(timeout=900, max_concurrency=3),
        "photo": TaskNeeds(timeout=900, max_concurrency=2),
        "order": TaskNeeds(max_concurrency=4),
    }
    worker = Worker("shop.handler", (*needs,), {}, needs)
    template = system_template([worker], settings=settings)

    slow = logical_id("Worker", "shop.handler@900s")
    assert properties(template, slow)["ReservedConcurrentExecutions"] == 5
    assert properties(template, "Worker")["ReservedConcurrentExecutions"] == 15


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        (
            {"film": TaskNeeds(max_concurrency=4), "song": TaskNeeds(max_concurrency=2)},
            r"worker shop has a reserved_concurrency of 5, .* is 6 together \(film: 4, song: 2\)",
        ),
        (
            {"film": TaskNeeds(timeout=900, max_concurrency=4)},
            r"5 for 2 functions, .* nothing says how much of it order may take: give each",
        ),
    ],
)
def test_reserved_concurrency_that_is_not_enough_is_refused(
    needs: Mapping[str, TaskNeeds], message: str
) -> None:
    """Lambda would throttle what is above, and each time would count as a try."""
    settings = Settings(workers={"shop": WorkerSettings(reserved_concurrency=5)})

    with pytest.raises(TemplateError, match=message):
        system_template([worker_of(needs)], settings=settings)


def test_a_worker_has_the_environment_of_all_and_its_own() -> None:
    """Its own value of a variable stands in place of that of all."""
    settings = Settings(
        environment={"BANK_URL": "https://bank.example", "LIMIT": "5"},
        workers={"mail": WorkerSettings(environment={"LIMIT": "7", "SENDER": "me"})},
    )
    workers = [Worker("shop.handler", ("pay",), {}), Worker("mail.handler", ("letter",), {})]
    template = system_template(workers, settings=settings)

    of_shop, of_mail = (
        {
            name: value
            for name, value in properties(template, function)["Environment"]["Variables"].items()
            if name in ("BANK_URL", "LIMIT", "SENDER")
        }
        for function in ("Worker", logical_id("Worker", "mail.handler"))
    )
    assert of_shop == {"BANK_URL": "https://bank.example", "LIMIT": "5"}
    assert of_mail == {"BANK_URL": "https://bank.example", "LIMIT": "7", "SENDER": "me"}


def test_of_secrets_a_worker_has_names_and_the_right_to_read_them() -> None:
    """It starts by reading them, and becomes its own handler then; no value is anywhere."""
    settings = Settings(
        workers={
            "mail": WorkerSettings(
                environment={"DB": Secret(SECRET, "password"), "KEY": Parameter("/shop/key:3")}
            )
        }
    )
    workers = [Worker("shop.handler", ("pay",), {}), Worker("mail.handler", ("letter",), {})]
    template = system_template(workers, settings=settings)
    mail = properties(template, logical_id("Worker", "mail.handler"))
    (policy,) = properties(template, "WorkerRole")["Policies"]
    rights = {
        one["Action"]: one["Resource"]
        for one in policy["PolicyDocument"]["Statement"]
        if str(one.get("Action")).startswith(("secretsmanager:", "ssm:"))
    }

    assert mail["Handler"] == "algernon.secrets.handler"
    variables = mail["Environment"]["Variables"]
    assert variables["ALGERNON_HANDLER"] == "mail.handler"
    assert json.loads(variables["ALGERNON_SECRETS"]) == {
        "DB": {"secret": SECRET, "key": "password"},
        "KEY": {"parameter": "/shop/key:3"},
    }
    assert "DB" not in variables
    assert properties(template, "Worker")["Handler"] == "shop.handler"
    assert rights == {
        "secretsmanager:BatchGetSecretValue": "*",
        "secretsmanager:GetSecretValue": [SECRET],
        "ssm:GetParameters": [
            {
                "Fn::Sub": (
                    "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/shop/key"
                )
            }
        ],
    }


def test_what_the_template_sets_is_what_settings_cannot() -> None:
    """A variable that it has by itself is refused as one's own, and no other is."""
    settings = Settings(environment={"DB": Secret(SECRET), "BANK_URL": "here"})
    variables = properties(system_template([worker_of({})], settings=settings), "Worker")[
        "Environment"
    ]["Variables"]

    assert variables.keys() - {"BANK_URL"} == SET_BY_TEMPLATE.keys()
    for name in SET_BY_TEMPLATE:
        with pytest.raises(SettingsError, match=f"{name} is .* that the template itself sets"):
            Settings(environment={name: "x"})
    said = {setting for setting in SET_BY_TEMPLATE.values() if setting is not None}
    assert said <= {field.name for field in fields(Settings)}


def test_an_environment_that_is_larger_than_lambdas_is_refused() -> None:
    """The error names the worker and its largest variables, and where they go instead."""
    settings = Settings(environment={"LONG": "x" * 2000, "LONGER": "é" * 1000, "SHORT": "x"})

    with pytest.raises(
        TemplateError,
        match=r"worker shop takes up to 4,\d{3} bytes, .* 4,096 in all \(the largest are"
        r" LONGER: 2,013, LONG: 2,011, .* parameter = ",
    ):
        system_template([worker_of({})], settings=settings)


def test_secrets_that_take_too_much_room_are_told_what_helps() -> None:
    """Parameter Store is where they are already, so the error has other advice."""
    kept = {f"KEY_{number}": Parameter(f"/shop/{'x' * 100}/{number}") for number in range(30)}

    with pytest.raises(
        TemplateError, match=r"largest are ALGERNON_SECRETS: .* one secret that is a JSON object"
    ):
        system_template([worker_of({})], settings=Settings(environment=kept))


def test_statements_are_the_roles_own() -> None:
    """CloudFormation puts in what it knows, and IAM's variables stay for IAM."""
    settings = Settings(
        statements=[
            {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop/*"},
            {
                "Effect": "Deny",
                "Action": ["dynamodb:*"],
                "Resource": ["arn:${AWS::Partition}:dynamodb:${AWS::Region}:1:table/${aws:userid}"],
                "Condition": {
                    "StringEquals": {
                        "aws:RequestedRegion": "${AWS::Region}",
                        "aws:PrincipalTag/shop": ["${AWS::StackName}-${aws:userid}", "market"],
                    },
                    "Bool": {"aws:SecureTransport": True},
                },
            },
        ]
    )
    template = system_template([worker_of({})], settings=settings)
    _, policy = properties(template, "WorkerRole")["Policies"]

    table = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:1:table/${!aws:userid}"
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop/*"},
        {
            "Effect": "Deny",
            "Action": ["dynamodb:*"],
            "Resource": [{"Fn::Sub": table}],
            "Condition": {
                "StringEquals": {
                    "aws:RequestedRegion": {"Fn::Sub": "${AWS::Region}"},
                    "aws:PrincipalTag/shop": [
                        {"Fn::Sub": "${AWS::StackName}-${!aws:userid}"},
                        "market",
                    ],
                },
                "Bool": {"aws:SecureTransport": True},
            },
        },
    ]


def test_an_existing_bucket_takes_the_place_of_the_systems_own() -> None:
    """None is made, and workers, their role and the outputs name that one."""
    template = system_template([worker_of({})], settings=Settings(bucket="shop-data"))

    assert not {"Bucket", "BucketPolicy"} & set(template["Resources"])
    variables = properties(template, "Worker")["Environment"]["Variables"]
    assert variables["ALGERNON_BUCKET_NAME"] == "shop-data"
    assert template["Outputs"]["Bucket"]["Value"] == "shop-data"
    assert "${Bucket" not in json.dumps(template)
    assert '"Ref": "Bucket"' not in json.dumps(template)
    (policy,) = properties(template, "WorkerRole")["Policies"]
    objects = [
        one["Resource"]
        for one in policy["PolicyDocument"]["Statement"]
        if "s3:GetObject" in one.get("Action", ()) or one.get("Action") == "s3:DeleteObject"
    ]
    assert objects == [{"Fn::Sub": "arn:${AWS::Partition}:s3:::shop-data/cache/*"}] * 2
