"""Every key of ``[tool.algernon]``, from the file to the template and to a running system."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import boto3
import pytest
from algernon import send_task
from algernon.local import LocalSystem
from algernon.settings import Alarms, Settings, Vpc, WorkerSettings, read_settings
from algernon.template import logical_id, system_template
from algernon.worker import Worker

from .every_setting import BOUNDARY, EVERY_SETTING, KEY, LAYER, MACHINE, SECRET, TOPIC

SHOP = Worker("shop.handler", ("order",), {})
MAIL = Worker("shop_mail.handler", ("mail",), {})
OTHER = LAYER.replace("ffmpeg", "fonts")

Template = dict[str, Any]


def of_shop(template: Template) -> dict[str, Any]:
    """Return the properties of the first worker's function."""
    found: dict[str, Any] = template["Resources"]["Worker"]["Properties"]
    return found


def of_mail(template: Template) -> dict[str, Any]:
    """Return the properties of the second worker's function."""
    found: dict[str, Any] = template["Resources"][logical_id("Worker", MAIL.handler)]["Properties"]
    return found


def variable(name: str) -> Callable[[Template], Any]:
    """Return what finds a variable of both workers' environments."""

    def find(template: Template) -> Any:
        shop, mail = (of(template)["Environment"]["Variables"][name] for of in (of_shop, of_mail))
        assert shop == mail
        return shop

    return find


def instead_of(parameter: str, find: Callable[[Template], Any]) -> Callable[[Template], Any]:
    """Return what finds a value that stands in the template, which hasn't the parameter then."""

    def found(template: Template) -> Any:
        assert parameter not in template["Parameters"]
        assert json.dumps({"Ref": parameter}) not in json.dumps(template)
        return find(template)

    return found


def properties(kind: str) -> Callable[[Template], list[Any]]:
    """Return what finds the properties of all resources of a type."""
    return lambda template: [
        one["Properties"] for one in template["Resources"].values() if one["Type"] == kind
    ]


def thresholds(template: Template) -> dict[str, int]:
    """Return what the alarms watch, and what it may come to."""
    return {
        alarm["MetricName"]: alarm["Threshold"]
        for alarm in properties("AWS::CloudWatch::Alarm")(template)
    }


def told(template: Template) -> set[str]:
    """Return whom the alarms tell, in JSON."""
    alarms = properties("AWS::CloudWatch::Alarm")(template)
    assert alarms
    return {json.dumps(alarm["AlarmActions"]) for alarm in alarms}


def statements(template: Template) -> str:
    """Return what the workers' role may do by itself, in JSON."""
    return json.dumps(template["Resources"]["WorkerRole"]["Properties"]["Policies"])


def keys_used(template: Template) -> set[str]:
    """Return the types of what is encrypted with the key."""
    return {one["Type"] for one in template["Resources"].values() if KEY in json.dumps(one)}


def has(*texts: str) -> Callable[[Any], bool]:
    """Return what tells whether a text has all of some."""
    return lambda found: all(text in found for text in texts)


def tagged(template: Template) -> set[str]:
    """Return the types of what has the tag."""
    return {
        one["Type"]
        for one in template["Resources"].values()
        if {"Key": "team", "Value": "shop"} in one["Properties"].get("Tags", [])
    }


#: By its path: what the file says, where the template has it, and what stands there then.
FOLLOWED: dict[str, tuple[str, Callable[[Template], Any], Any]] = {
    "timeout": ("timeout = 45", lambda one: of_shop(one)["Timeout"], 45),
    "memory": ("memory = 512", lambda one: of_shop(one)["MemorySize"], 512),
    "architecture": (
        'architecture = "arm64"',
        lambda one: of_shop(one)["Architectures"],
        ["arm64"],
    ),
    "log_retention": (
        "log_retention = 90",
        lambda one: one["Resources"]["WorkerLogs"]["Properties"]["RetentionInDays"],
        90,
    ),
    "cache_days": (
        "cache_days = 60",
        instead_of("CacheDays", variable("ALGERNON_CACHE_DAYS")),
        "60",
    ),
    "inline_bytes": (
        "inline_bytes = 1000",
        instead_of("InlineBytes", variable("ALGERNON_INLINE_BYTES")),
        "1000",
    ),
    "trusted_buckets": (
        'trusted_buckets = ["other", "another/cache"]',
        instead_of("TrustedBuckets", variable("ALGERNON_TRUSTED_BUCKETS")),
        "other,another/cache",
    ),
    "debug": ("debug = true", instead_of("Debug", variable("DEBUG")), "true"),
    "log_format": (
        'log_format = "Text"',
        instead_of("LogFormat", lambda one: of_shop(one)["LoggingConfig"]["LogFormat"]),
        "Text",
    ),
    "metrics_namespace": (
        'metrics_namespace = "Shop"',
        instead_of("MetricsNamespace", variable("ALGERNON_METRICS_NAMESPACE")),
        "Shop",
    ),
    "recursive_loop": (
        'recursive_loop = "Terminate"',
        instead_of("RecursiveLoop", lambda one: of_shop(one)["RecursiveLoop"]),
        "Terminate",
    ),
    "state_machines": (
        f'state_machines = ["{MACHINE}"]',
        instead_of("StateMachines", statements),
        has(f'"Resource": ["{MACHINE}"]'),
    ),
    "tracing": ('tracing = "otel"', instead_of("Tracing", variable("ALGERNON_TRACING")), "otel"),
    "bucket": (
        'bucket = "shop-archive"',
        lambda one: (variable("ALGERNON_BUCKET_NAME")(one), properties("AWS::S3::Bucket")(one)),
        ("shop-archive", []),
    ),
    "kms_key": (
        f'kms_key = "{KEY}"\n[tool.algernon.alarms]\nemail = "ops@example.com"',
        keys_used,
        {
            "AWS::IAM::ManagedPolicy",
            "AWS::IAM::Role",
            "AWS::Lambda::Function",
            "AWS::Logs::LogGroup",
            "AWS::S3::Bucket",
            "AWS::SNS::Topic",
            "AWS::SQS::Queue",
        },
    ),
    "permissions_boundary": (
        f'permissions_boundary = "{BOUNDARY}"',
        lambda one: one["Resources"]["WorkerRole"]["Properties"]["PermissionsBoundary"],
        BOUNDARY,
    ),
    "layers": (f'layers = ["{LAYER}"]', lambda one: of_shop(one)["Layers"], [LAYER]),
    "environment": (
        'environment.BANK_URL = "https://bank.example"',
        variable("BANK_URL"),
        "https://bank.example",
    ),
    "environment.secret": (
        f'environment.DB = {{ secret = "{SECRET}" }}',
        variable("ALGERNON_SECRETS"),
        f'{{"DB":{{"secret":"{SECRET}"}}}}',
    ),
    "environment.secret.key": (
        f'environment.DB = {{ secret = "{SECRET}", key = "password" }}',
        variable("ALGERNON_SECRETS"),
        f'{{"DB":{{"secret":"{SECRET}","key":"password"}}}}',
    ),
    "environment.parameter": (
        'environment.API_KEY = { parameter = "/shop/api-key" }',
        lambda one: (variable("ALGERNON_SECRETS")(one), of_shop(one)["Handler"]),
        ('{"API_KEY":{"parameter":"/shop/api-key"}}', "algernon.secrets.handler"),
    ),
    "workers.timeout": (
        "workers.shop_mail.timeout = 60",
        lambda one: (of_shop(one)["Timeout"], of_mail(one)["Timeout"]),
        (30, 60),
    ),
    "workers.memory": (
        "workers.shop_mail.memory = 1024",
        lambda one: (of_shop(one)["MemorySize"], of_mail(one)["MemorySize"]),
        (256, 1024),
    ),
    "workers.reserved_concurrency": (
        "workers.shop_mail.reserved_concurrency = 10",
        lambda one: of_mail(one)["ReservedConcurrentExecutions"],
        10,
    ),
    "workers.environment": (
        'workers.shop_mail.environment.SMTP_HOST = "mail.example"',
        lambda one: [
            of(one)["Environment"]["Variables"].get("SMTP_HOST") for of in (of_shop, of_mail)
        ],
        [None, "mail.example"],
    ),
    "workers.layers": (
        f'layers = ["{LAYER}"]\nworkers.shop_mail.layers = ["{OTHER}"]',
        lambda one: (of_shop(one)["Layers"], of_mail(one)["Layers"]),
        ([LAYER], [OTHER]),
    ),
    "vpc.subnets": (
        'vpc = { subnets = ["subnet-1a2b3c4d"], security_groups = ["sg-1a2b3c4d"] }',
        lambda one: of_mail(one)["VpcConfig"]["SubnetIds"],
        ["subnet-1a2b3c4d"],
    ),
    "vpc.security_groups": (
        'vpc = { subnets = ["subnet-1a2b3c4d"], security_groups = ["sg-1a2b3c4d"] }',
        lambda one: of_mail(one)["VpcConfig"]["SecurityGroupIds"],
        ["sg-1a2b3c4d"],
    ),
    "tags": (
        'tags.team = "shop"',
        tagged,
        {
            "AWS::IAM::Role",
            "AWS::Lambda::EventSourceMapping",
            "AWS::Lambda::Function",
            "AWS::Logs::LogGroup",
            "AWS::S3::Bucket",
            "AWS::SNS::Topic",
            "AWS::SQS::Queue",
        },
    ),
    "alarms.topic": (f'alarms.topic = "{TOPIC}"', told, {f'["{TOPIC}"]'}),
    "alarms.email": (
        'alarms.email = "ops@example.com"',
        lambda one: [
            (each["Protocol"], each["Endpoint"])
            for each in properties("AWS::SNS::Subscription")(one)
            if each["Protocol"] != "sqs"
        ],
        [("email", "ops@example.com")],
    ),
    "alarms.dead_letters": (
        'alarms = { email = "a@b.cd", oldest_message = 0, throttles = false }',
        thresholds,
        {"ApproximateNumberOfMessagesVisible": 0},
    ),
    "alarms.oldest_message": (
        (
            '[tool.algernon.alarms]\nemail = "a@b.cd"\ndead_letters = false\n'
            "oldest_message = 600\nthrottles = false"
        ),
        thresholds,
        {"ApproximateAgeOfOldestMessage": 600},
    ),
    "alarms.throttles": (
        'alarms = { email = "a@b.cd", dead_letters = false, oldest_message = 0 }',
        thresholds,
        {"Throttles": 0},
    ),
    "statements": (
        (
            '[[tool.algernon.statements]]\nAction = "dynamodb:GetItem"\n'
            'Resource = "arn:${AWS::Partition}:dynamodb:*:*:table/orders"'
        ),
        statements,
        has(
            '{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource":'
            ' {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:*:*:table/orders"}}'
        ),
    ),
}


@pytest.mark.parametrize("key", FOLLOWED)
def test_a_key_reaches_the_template(tmp_path: Path, key: str) -> None:
    """What stands in the file stands in the template, and without it doesn't."""
    said, find, expected = FOLLOWED[key]
    (tmp_path / "pyproject.toml").write_text(f"[tool.algernon]\n{said}\n")

    found = find(system_template([SHOP, MAIL], settings=read_settings(tmp_path)))

    assert expected(found) if callable(expected) else found == expected
    try:
        otherwise = find(system_template([SHOP, MAIL]))
    except (KeyError, AssertionError):
        return
    assert otherwise != found


def test_every_key_is_followed() -> None:
    """No setting is left out above."""
    parts = {"workers": WorkerSettings, "vpc": Vpc, "alarms": Alarms}
    keys = {field.name for field in fields(Settings)} - {*parts}
    keys |= {f"{name}.{field.name}" for name, part in parts.items() for field in fields(part)}
    # It is for what builds the zip: tests/algernon/test_build.py.
    keys.remove("bundle_boto3")

    assert keys <= set(FOLLOWED)


WORKER = """
import json
import os

import boto3
from algernon import TaskRouter

router = TaskRouter()


@router.task(name="{task}")
def note():
    boto3.client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"],
        Key="notes/{task}",
        Body=json.dumps(dict(os.environ)).encode(),
    )


handler = router.handler
"""
HERE = {"DB_PASSWORD": "of my own", "DB": '{"password": "of my own"}', "API_KEY": "mine"}


@dataclass(frozen=True)
class Running:
    """A system that runs on the local AWS.

    Attributes:
        system: The system.
        shop: The configuration of the first worker's function, as Lambda has it.
        mail: The same of the second's.
        environ: By Task, the environment of the process that ran it.
    """

    system: LocalSystem
    shop: dict[str, Any]
    mail: dict[str, Any]
    environ: dict[str, dict[str, str]]

    def client(self, service: str) -> Any:
        """Return a client of the local AWS."""
        with self.system.as_default():
            return boto3.client(service)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A system of which all is said, after each of its Tasks has run once."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "pyproject.toml").write_text(EVERY_SETTING)
    (folder / "shop").mkdir()
    (folder / "shop/__init__.py").touch()
    (folder / "shop/orders.py").write_text(WORKER.format(task="order"))
    (folder / "shop/mail.py").write_text(WORKER.format(task="mail"))
    targets = ("shop.orders:router", "shop.mail:router")
    with LocalSystem(*targets, directory=folder, env=HERE) as system:
        with system.as_default():
            send_task("order", {})
            send_task("mail", {})
            functions, s3 = boto3.client("lambda"), boto3.client("s3")
        system.run(timeout=240)
        assert system.dead_letters == []
        shop, mail = (
            next(
                one
                for one in functions.list_functions()["Functions"]
                if one["Handler"] == f"{module}.handler"
            )
            for module in ("shop.orders", "shop.mail")
        )
        environ = {
            task: json.load(s3.get_object(Bucket=system.bucket_name, Key=f"notes/{task}")["Body"])
            for task in ("order", "mail")
        }
        yield Running(system, shop, mail, environ)


def in_both(name: str) -> Callable[[Running], Any]:
    """Return what finds an environment variable of both workers' processes."""

    def find(running: Running) -> Any:
        order, mail = (running.environ[task].get(name) for task in ("order", "mail"))
        assert order == mail
        return order

    return find


def tags_of_queue(running: Running) -> Any:
    """Return the tags of a Task's queue."""
    queue = running.system.queue_url("order")
    return running.client("sqs").list_queue_tags(QueueUrl=queue).get("Tags")


def retention(running: Running) -> Any:
    """Return for how many days the log group keeps lines."""
    groups = running.client("logs").describe_log_groups(logGroupNamePrefix=running.system.log_group)
    return groups["logGroups"][0].get("retentionInDays")


def hidden(running: Running) -> int:
    """Return for how many seconds a queue hides a message."""
    got = running.client("sqs").get_queue_attributes(
        QueueUrl=running.system.queue_url("mail"), AttributeNames=["VisibilityTimeout"]
    )
    return int(got["Attributes"]["VisibilityTimeout"])


def policies_of_role(running: Running) -> str:
    """Return what stands in the policies of the workers' role itself."""
    iam, role = running.client("iam"), running.shop["Role"].rpartition("/")[2]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return json.dumps(
        [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    )


#: By its path: where the running system shows it, and what it shows then. Its CloudFormation leaves
#: out reserved concurrency and the stopping of loops, and its Lambda has log lines of text alone.
VISIBLE: dict[str, tuple[Callable[[Running], Any], Any]] = {
    "timeout": (lambda one: one.shop["Timeout"], 45),
    "memory": (lambda one: one.shop["MemorySize"], 512),
    "architecture": (lambda one: one.shop["Architectures"], ["arm64"]),
    "log_retention": (retention, 90),
    "cache_days": (in_both("ALGERNON_CACHE_DAYS"), "60"),
    "inline_bytes": (in_both("ALGERNON_INLINE_BYTES"), "1000"),
    "trusted_buckets": (in_both("ALGERNON_TRUSTED_BUCKETS"), "other,another/cache"),
    "debug": (in_both("DEBUG"), "true"),
    "metrics_namespace": (in_both("ALGERNON_METRICS_NAMESPACE"), "Shop"),
    "state_machines": (policies_of_role, has(MACHINE)),
    "tracing": (in_both("ALGERNON_TRACING"), "otel"),
    "environment": (in_both("BANK_URL"), "https://bank.example"),
    "environment.secret": (in_both("DB"), HERE["DB"]),
    "environment.secret.key": (in_both("DB_PASSWORD"), HERE["DB_PASSWORD"]),
    "environment.parameter": (in_both("API_KEY"), HERE["API_KEY"]),
    "workers.timeout": (lambda one: (one.mail["Timeout"], hidden(one)), (60, 360)),
    "workers.memory": (lambda one: one.mail["MemorySize"], 1024),
    "workers.environment": (
        lambda one: [one.environ[task].get("SMTP_HOST") for task in ("order", "mail")],
        [None, "mail.example"],
    ),
    "tags": (tags_of_queue, lambda found: found["team"] == "shop"),
    "statements": (policies_of_role, has("dynamodb:GetItem", ":table/orders")),
}


@pytest.mark.starts
@pytest.mark.parametrize("key", VISIBLE)
def test_a_key_reaches_the_running_system(running: Running, key: str) -> None:
    """What stands in the file holds for the functions and processes of the local AWS."""
    find, expected = VISIBLE[key]

    found = find(running)

    assert expected(found) if callable(expected) else found == expected


#: What the file names that is there on AWS alone.
ON_AWS_ALONE = (
    BOUNDARY,
    KEY,
    LAYER,
    "ops@example.com",
    "sg-0a1b2c3d",
    "shop-archive",
    "subnet-0a1b2c3d",
)


@pytest.mark.starts
def test_what_is_on_aws_alone_is_left_out_here(running: Running, tmp_path: Path) -> None:
    """No network, key, layer, boundary, bucket or address of AWS is asked for."""
    (tmp_path / "pyproject.toml").write_text(EVERY_SETTING)
    on_aws = json.dumps(system_template([SHOP, MAIL], settings=read_settings(tmp_path)))
    here = json.dumps(
        running.client("cloudformation").get_template(StackName=running.system.stack_name)[
            "TemplateBody"
        ]
    )

    assert [name for name in ON_AWS_ALONE if name not in on_aws] == []
    assert [name for name in ON_AWS_ALONE if name in here] == []
    subscriptions = running.client("sns").list_subscriptions()["Subscriptions"]
    assert {each["Protocol"] for each in subscriptions} == {"sqs"}
