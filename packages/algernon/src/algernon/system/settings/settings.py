"""The settings of a system: what is the same for all workers, and what is one worker's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ...errors import SettingsError
from .limits import MEMORIES, TIMEOUTS
from .statements import check_statements
from .values import (
    Key,
    Pattern,
    check_bool,
    check_characters,
    check_each,
    check_kind,
    check_number,
    check_one_of,
    check_table,
    refuse,
    refuse_unseen,
)
from .variables import check_name, check_variables

# AWS Lambda Developer Guide, "Lambda quotas".
_MOST_LAYERS = 5
# More than any account has, which AWS itself knows.
_RESERVATIONS = range(1, 1_000_000 + 1)
# AWS Lambda API Reference, VpcConfig.
_MOST_SUBNETS = 16
_MOST_SECURITY_GROUPS = 5
# Amazon CloudWatch Logs API Reference, PutRetentionPolicy.
_RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096),
    *(1827, 2192, 2557, 2922, 3288, 3653),
)
# What a message points to has to outlive it: 14 days as a dead letter and, moved
# back to its queue, 14 days more.
CACHE_PERIODS = range(29, 3650 + 1)
# A message and its envelope have room for no more: Amazon SNS API Reference, Publish.
_INLINE_SIZES = range(256 * 1024 + 1)
# The template's queues keep a message for four days, so that none is ever older.
_AGES = range(4 * 24 * 3600)
_MOST_NAMED = 100
# AWS Tag Editor User Guide, "Tag naming limits and requirements".
_MOST_TAGS = 50

_PARTITION = "arn:aws[a-z-]*"
_SECRET = Pattern(
    rf"{_PARTITION}:secretsmanager:[a-z0-9-]+:\d{{12}}:secret:[\w/+=.@!-]+-[A-Za-z0-9]{{6}}",
    "the whole ARN of a secret of AWS Secrets Manager, with the six characters at its end",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf",
)
_PARAMETER = Pattern(
    r"([\w.-]+|(/[\w.-]+)+)(:[\w.-]+)?",
    "the name of a parameter of AWS Systems Manager's Parameter Store",
    "/shop/api-key",
)
_LAYER = Pattern(
    rf"{_PARTITION}:lambda:[a-z0-9-]+:\d{{12}}:layer:[\w-]+:\d+",
    "the ARN of a version of a layer",
    "arn:aws:lambda:eu-west-1:123456789012:layer:ffmpeg:3",
)
_SUBNET = Pattern(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})", "the id of a subnet", "subnet-0a1b2c3d")
_SECURITY_GROUP = Pattern(
    r"sg-([0-9a-f]{8}|[0-9a-f]{17})", "the id of a security group", "sg-0a1b2c3d"
)
_KMS_KEY = Pattern(
    rf"{_PARTITION}:kms:[a-z0-9-]+:\d{{12}}:key/[\w-]+",
    "the ARN of a KMS key, not of an alias",
    "arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d-…",
)
_BOUNDARY = Pattern(
    rf"{_PARTITION}:iam::(\d{{12}}|aws):policy/[\w+=,.@/-]+",
    "the ARN of a managed policy",
    "arn:aws:iam::123456789012:policy/developers",
)
_TOPIC = Pattern(
    rf"{_PARTITION}:sns:[a-z0-9-]+:\d{{12}}:[\w-]{{1,256}}",
    "the ARN of an SNS topic",
    "arn:aws:sns:eu-west-1:123456789012:on-call",
)
_STATE_MACHINE = Pattern(
    rf"\*|{_PARTITION}:states:[^,\s]+",
    'the ARN of a state machine, or "*"',
    "arn:aws:states:eu-west-1:123456789012:stateMachine:orders",
)
_EMAIL = Pattern(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address", "ops@example.com")
# Amazon S3 User Guide, "General purpose bucket naming rules". It looks no further than to the next
# slash or comma, so that it is one in a parameter's list, too.
_BUCKET_FORM = r"(?!\d+(\.\d+){3}(?![^/,]))(?![^/,]*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
TRUSTED_BUCKET_FORM = rf"{_BUCKET_FORM}(/[^,\s*?$]+)?"
_BUCKET = Pattern(_BUCKET_FORM, "the name of a bucket", "shop-archive")
_TRUSTED = Pattern(
    TRUSTED_BUCKET_FORM,
    "the name of a bucket, or of a folder in one",
    "their-bucket/cache",
)
# Amazon CloudWatch API Reference, MetricDatum: a namespace.
_NAMESPACE = Pattern(r"(?!AWS/)[\w.\-/#:]{0,255}", "CloudWatch's name of a namespace", "Shop")
_TAG_NAME = Pattern(r"(?i:(?!aws:))[\w .:/=+@-]{1,128}", "the name of a tag", "team", unicode=True)
# CloudWatch's alarms take no empty one.
_TAG_VALUE = Pattern(r"[\w .:/=+@-]{1,256}", "a tag's value", "shop", unicode=True)
# AWS CloudFormation User Guide, "Get values stored in other services using dynamic references".
_DYNAMIC_REFERENCE = "{{resolve:"
# What no environment can hold.
_NO_VALUE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Secret:
    """An environment variable whose value AWS Secrets Manager keeps.

    The worker reads it when it starts; a template holds its ARN alone.

    Attributes:
        arn: The secret's whole ARN.
        key: Which field of it, where the secret is a JSON object; None is all of it.

    Raises:
        SettingsError: It can't be one.

    Example:
        >>> Secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", "password").key
        'password'
    """

    arn: str
    key: str | None = None

    def __post_init__(self) -> None:
        _SECRET.check(self.arn, "secret")
        if self.key is not None and not (isinstance(self.key, str) and self.key):
            refuse(self.key, "the name of a field of the secret, such as password", "key")
        if self.key is not None:
            check_characters(self.key, "key")


@dataclass(frozen=True, slots=True)
class Parameter:
    """An environment variable whose value AWS Systems Manager's Parameter Store keeps.

    The worker reads it when it starts; a template holds its name alone.

    Attributes:
        name: The parameter's name.

    Raises:
        SettingsError: It can't be one, or is one of AWS's own (``/aws/…``).

    Example:
        >>> Parameter("/shop/api-key").name
        '/shop/api-key'
    """

    name: str

    def __post_init__(self) -> None:
        _PARAMETER.check(self.name, "parameter")
        # AWS Systems Manager User Guide, "Working with public parameters" and "Referencing AWS
        # Secrets Manager secrets from Parameter Store parameters".
        if self.name.lower().startswith("/aws/"):
            raise SettingsError(
                f"is {self.name}, one of AWS's own, which the rights that a template gives don't"
                " hold for: name a parameter of your own and, of a secret, write { secret ="
                ' "arn:aws:secretsmanager:…" }',
                key=("parameter",),
            )


Environment: TypeAlias = Mapping[str, str | Secret | Parameter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpc:
    """Where in a network of one's own the functions run.

    Attributes:
        subnets: The ids of the subnets, of two zones or more where one may fail.
        security_groups: The ids of the security groups.

    Raises:
        SettingsError: An id can't be one, or there is none.

    Example:
        >>> Vpc(subnets=["subnet-0a1b2c3d"], security_groups=["sg-0a1b2c3d"]).subnets
        ['subnet-0a1b2c3d']
    """

    subnets: Sequence[str]
    security_groups: Sequence[str]

    def __post_init__(self) -> None:
        check_each(self.subnets, _SUBNET.check, "subnets", most=_MOST_SUBNETS)
        check_each(
            self.security_groups,
            _SECURITY_GROUP.check,
            "security_groups",
            most=_MOST_SECURITY_GROUPS,
        )
        for name in ("subnets", "security_groups"):
            if not getattr(self, name):
                raise SettingsError("is empty, but Lambda needs one at least", key=(name,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """What CloudWatch tells somebody about, and whom.

    Attributes:
        topic: The ARN of an SNS topic that is told.
        email: In its place, an address that is told; it has to be confirmed once.
        dead_letters: Whether a Task with dead letters is an alarm.
        oldest_message: How old the oldest message of a Task may be, in seconds; 0 for no alarm.
        throttles: Whether a function that Lambda throttles is an alarm.

    Raises:
        SettingsError: A value means nothing, it isn't exactly one that is told, or no alarm is on.

    Example:
        >>> Alarms(email="ops@example.com").oldest_message
        3600
    """

    topic: str | None = None
    email: str | None = None
    dead_letters: bool = True
    oldest_message: int = 3600
    throttles: bool = True

    def __post_init__(self) -> None:
        if self.topic is not None and self.email is not None:
            raise SettingsError("needs either topic or email, and has both")
        if self.topic is None and self.email is None:
            raise SettingsError(
                'needs whom to tell: either topic = "arn:aws:sns:…" or email = "ops@example.com"'
            )
        if self.topic is not None:
            _TOPIC.check(self.topic, "topic")
        if self.email is not None:
            _EMAIL.check(self.email, "email")
        check_bool(self.dead_letters, "dead_letters")
        check_number(self.oldest_message, _AGES, "seconds", "oldest_message")
        check_bool(self.throttles, "throttles")
        if not (self.dead_letters or self.oldest_message or self.throttles):
            raise SettingsError("has no alarm left that is on: leave all of it out")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What is one worker's own, in place of what holds for all; None says nothing of it.

    Attributes:
        timeout: How long one batch may take, in seconds (1 to 900).
        memory: Its functions' memory, in MB (128 to 10,240).
        reserved_concurrency: How many of its functions' processes run at a time at most, for
            which Lambda keeps room.
        environment: Environment variables, besides or in place of those of all.
        layers: The ARNs of layers, in place of those of all.

    Raises:
        SettingsError: A value means nothing.

    Example:
        >>> WorkerSettings(timeout=60).timeout
        60
    """

    timeout: int | None = None
    memory: int | None = None
    reserved_concurrency: int | None = None
    environment: Environment = field(default_factory=dict)
    layers: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None:
            check_number(self.timeout, TIMEOUTS, "seconds", "timeout")
        if self.memory is not None:
            check_number(self.memory, MEMORIES, "MB", "memory")
        if self.reserved_concurrency is not None:
            check_number(
                self.reserved_concurrency, _RESERVATIONS, "processes", "reserved_concurrency"
            )
        _check_environment(self.environment)
        if self.layers is not None:
            _check_layers(self.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a system is made of besides its workers and Tasks: ``[tool.algernon]``.

    Attributes:
        timeout: How long one batch may take, in seconds (1 to 900), for all functions but those
            of workers and Tasks that say something else.
        memory: The functions' memory, in MB (128 to 10,240), likewise.
        architecture: ``x86_64`` or ``arm64``, for which the zip has to be built.
        bundle_boto3: Whether the zip of a deployment has boto3, in place of Lambda's own.
        environment: Environment variables of all workers.
        workers: What is one worker's own, by its module.
        layers: The ARNs of layers of all functions.
        vpc: Where in a network of one's own the functions run.
        statements: What the workers may do besides, in IAM's own grammar.
        permissions_boundary: The ARN of the managed policy that bounds the workers' role.
        tags: The tags of all that can have some.
        alarms: What somebody is told about.
        bucket: The name of a bucket that is there, in place of one of the system's own.
        kms_key: The ARN of the key with which all that is stored is encrypted.
        log_retention: For how many days lines are kept.
        cache_days: After how many days stored results and arguments are deleted. As of all that
            follow, it is a parameter of the template, for whoever deploys, where it is None.
        inline_bytes: How long a result may be, in bytes, to travel in the message.
        trusted_buckets: The buckets, and folders in them, that workers read besides their own.
        debug: Whether workers log at level DEBUG.
        log_format: ``JSON`` or ``Text``.
        metrics_namespace: CloudWatch's namespace of the Tasks' metrics, or nothing for none.
        recursive_loop: ``Allow`` or ``Terminate``: what Lambda does with long chains.
        state_machines: The ARNs of the state machines that wait for Tasks, or ``*``.
        tracing: ``xray``, ``otel`` or ``off``.

    Raises:
        SettingsError: A value means nothing.

    Example:
        >>> Settings(environment={"BANK_URL": "https://bank.example"}).of_worker("shop").environment
        {'BANK_URL': 'https://bank.example'}
    """

    timeout: int = 30
    memory: int = 256
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    bundle_boto3: bool = False
    environment: Environment = field(default_factory=dict)
    workers: Mapping[str, WorkerSettings] = field(default_factory=dict)
    layers: Sequence[str] = ()
    vpc: Vpc | None = None
    statements: Sequence[Mapping[str, Any]] = ()
    permissions_boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    alarms: Alarms | None = None
    bucket: str | None = None
    kms_key: str | None = None
    log_retention: int = 30
    cache_days: int | None = None
    inline_bytes: int | None = None
    trusted_buckets: Sequence[str] | None = None
    debug: bool | None = None
    log_format: Literal["JSON", "Text"] | None = None
    metrics_namespace: str | None = None
    recursive_loop: Literal["Allow", "Terminate"] | None = None
    state_machines: Sequence[str] | None = None
    tracing: Literal["xray", "otel", "off"] | None = None

    def __post_init__(self) -> None:
        check_number(self.timeout, TIMEOUTS, "seconds", "timeout")
        check_number(self.memory, MEMORIES, "MB", "memory")
        check_one_of(self.architecture, ("x86_64", "arm64"), "architecture")
        check_bool(self.bundle_boto3, "bundle_boto3")
        _check_environment(self.environment)
        for module, own in check_table(
            self.workers, "workers, by their modules", "workers"
        ).items():
            check_kind(own, WorkerSettings, "workers", module)
        for kind, value in ((Vpc, self.vpc), (Alarms, self.alarms)):
            if value is not None:
                check_kind(value, kind, kind.__name__.lower())
        _check_layers(self.layers)
        check_statements(self.statements, "statements", most=_MOST_NAMED)
        for name, pattern in (
            ("permissions_boundary", _BOUNDARY),
            ("bucket", _BUCKET),
            ("kms_key", _KMS_KEY),
        ):
            if (value := getattr(self, name)) is not None:
                pattern.check(value, name)
        _check_tags(self.tags)
        check_one_of(self.log_retention, _RETENTIONS, "log_retention")
        self._check_parameters()

    def _check_parameters(self) -> None:
        """Refuse what the template's parameters can't be, where it is given."""
        for name, check in _CHECKS_OF_PARAMETERS.items():
            if (value := getattr(self, name)) is not None:
                check(value, name)

    @property
    def parameters(self) -> dict[str, str]:
        """The values of those of the template's parameters that these settings give.

        Example:
            >>> Settings(cache_days=90, trusted_buckets=["one", "two"]).parameters
            {'CacheDays': '90', 'TrustedBuckets': 'one,two'}
        """
        given = {name: getattr(self, name) for name in _CHECKS_OF_PARAMETERS}
        return {
            name.title().replace("_", ""): _as_parameter(value)
            for name, value in given.items()
            if value is not None
        }

    def of_worker(self, module: str) -> Settings:
        """Return what holds for one worker: its own, and what holds for all where that is silent.

        Args:
            module: The worker's module, by its full name.
        """
        own = self.workers.get(module, WorkerSettings())
        values = {
            "timeout": self.timeout if own.timeout is None else own.timeout,
            "memory": self.memory if own.memory is None else own.memory,
            "environment": {**self.environment, **own.environment},
            "layers": self.layers if own.layers is None else own.layers,
            "workers": {},
        }
        # All of it is checked already, and whoever makes a template asks for it once a Task.
        merged = copy(self)
        for name, value in values.items():
            object.__setattr__(merged, name, value)
        return merged

    def reserved_concurrency_of(self, module: str) -> int | None:
        """Return for how many of a worker's processes Lambda keeps room, or None for none.

        Args:
            module: The worker's module, by its full name.
        """
        return self.workers.get(module, WorkerSettings()).reserved_concurrency


def _check_state_machines(arns: Any, *key: Key) -> None:
    check_each(arns, _STATE_MACHINE.check, *key, most=_MOST_NAMED)
    if "*" in arns and len(arns) > 1:
        raise SettingsError('has "*", which is all, and others', key=key)


# Of those settings that are parameters of the template where the settings say nothing of them.
_CHECKS_OF_PARAMETERS: Mapping[str, Callable[..., None]] = {
    "cache_days": lambda value, *key: check_number(value, CACHE_PERIODS, "days", *key),
    "inline_bytes": lambda value, *key: check_number(value, _INLINE_SIZES, "bytes", *key),
    "trusted_buckets": lambda value, *key: check_each(
        value, _TRUSTED.check, *key, most=_MOST_NAMED
    ),
    "debug": check_bool,
    "log_format": lambda value, *key: check_one_of(value, ("JSON", "Text"), *key),
    "metrics_namespace": _NAMESPACE.check,
    "recursive_loop": lambda value, *key: check_one_of(value, ("Allow", "Terminate"), *key),
    "state_machines": _check_state_machines,
    "tracing": lambda value, *key: check_one_of(value, ("xray", "otel", "off"), *key),
}


def _as_parameter(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)
    return ",".join(value)


def _check_environment(environment: object) -> None:
    for name, value in check_variables(environment, "environment").items():
        check_name(name, "environment", name)
        if not isinstance(value, str | Secret | Parameter):
            refuse_unseen(
                value,
                'a text, such as "8080", or what leads to one: { secret = "arn:aws:…" } or'
                ' { parameter = "/name" }',
                "environment",
                name,
            )
        if isinstance(value, str) and _NO_VALUE.search(value):
            raise SettingsError(
                "has a null or half character, which no environment can hold",
                key=("environment", name),
            )
        if isinstance(value, str) and _DYNAMIC_REFERENCE in value:
            raise SettingsError(
                f"has {_DYNAMIC_REFERENCE}…, in whose place CloudFormation would put the value"
                " itself, for all to read in Lambda's console: write { secret ="
                ' "arn:aws:secretsmanager:…" } or { parameter = "/name" }, which the worker reads'
                " when it starts",
                key=("environment", name),
            )


def _check_layers(layers: Sequence[str]) -> None:
    check_each(layers, _LAYER.check, "layers", most=_MOST_LAYERS)
    versions: dict[str, str] = {}
    for number, layer in enumerate(layers):
        name, _, version = layer.rpartition(":")
        # AWS Lambda API Reference, UpdateFunctionConfiguration: one version of each.
        if (other := versions.setdefault(name, version)) != version:
            raise SettingsError(
                f"is version {version} of a layer that stands there with version {other}, too, but"
                " a function has one version of each",
                key=("layers", number),
            )


def _check_tags(tags: object) -> None:
    values = check_table(tags, "tags", "tags")
    seen: dict[str, str] = {}
    for name, value in values.items():
        _TAG_NAME.check(name, "tags", name)
        _TAG_VALUE.check(value, "tags", name)
        # AWS IAM User Guide, "Tags for AWS Identity and Access Management resources".
        if (other := seen.setdefault(name.lower(), name)) != name:
            raise SettingsError(
                f"is the same tag as {other} to IAM, which takes capitals for small letters",
                key=("tags", name),
            )
    if len(values) > _MOST_TAGS:
        raise SettingsError(
            f"has {len(values)} entries, but AWS takes at most {_MOST_TAGS}", key=("tags",)
        )
