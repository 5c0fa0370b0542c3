"""The settings of a system: what ``[tool.algernon]`` may say, and where what it may not stands."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from algernon.errors import SettingsError, TemplateError
from algernon.settings import (
    Alarms,
    Parameter,
    Secret,
    Settings,
    Vpc,
    WorkerSettings,
    read_settings,
)
from algernon.template import system_template
from algernon.worker import Worker
from hypothesis import example, given
from hypothesis import strategies as st

from .every_setting import BOUNDARY, EVERY_SETTING, KEY, LAYER, MACHINE, SECRET, TOPIC

Project = Callable[[str | bytes], Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Write a pyproject.toml, and return its folder."""

    def write(content: str | bytes) -> Path:
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "pyproject.toml").write_bytes(data)
        return tmp_path

    return write


def refusal(folder: Path) -> tuple[int, str]:
    """Return the line that an error names, and what it says of it."""
    with pytest.raises(SettingsError) as caught:
        read_settings(folder)
    found = re.fullmatch(
        rf"{re.escape(str(folder))}/pyproject\.toml, line (\d+): \[tool\.algernon\] (.*)",
        str(caught.value),
    )
    assert found, str(caught.value)
    return int(found[1]), found[2]


def test_every_setting_is_read(project: Project) -> None:
    """A file that says all that there is to say becomes the same as a program's settings."""
    assert read_settings(project(EVERY_SETTING)) == Settings(
        timeout=45,
        memory=512,
        architecture="arm64",
        bundle_boto3=True,
        environment={
            "BANK_URL": "https://bank.example",
            "DB_PASSWORD": Secret(SECRET, "password"),
            "DB": Secret(SECRET),
            "API_KEY": Parameter("/shop/api-key"),
        },
        workers={
            "shop.mail": WorkerSettings(
                timeout=60,
                memory=1024,
                reserved_concurrency=10,
                environment={"SMTP_HOST": "mail.example"},
                layers=[],
            )
        },
        layers=[LAYER],
        vpc=Vpc(subnets=["subnet-0a1b2c3d", "subnet-0a1b2c3e"], security_groups=["sg-0a1b2c3d"]),
        statements=[
            {
                "Action": ["dynamodb:GetItem"],
                "Resource": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}"
                ":table/orders",
            }
        ],
        permissions_boundary=BOUNDARY,
        tags={"team": "shop"},
        alarms=Alarms(
            email="ops@example.com", dead_letters=False, oldest_message=60, throttles=False
        ),
        bucket="shop-archive",
        kms_key=KEY,
        log_retention=90,
        cache_days=60,
        inline_bytes=1000,
        trusted_buckets=["other", "another/cache"],
        debug=True,
        log_format="Text",
        metrics_namespace="Shop",
        recursive_loop="Terminate",
        state_machines=[MACHINE],
        tracing="otel",
    )


def test_every_setting_has_another_value_than_its_default_there(project: Project) -> None:
    """The file above leaves nothing out."""
    settings, defaults = read_settings(project(EVERY_SETTING)), Settings()

    assert [
        name for name in Settings.__slots__ if getattr(settings, name) == getattr(defaults, name)
    ] == []


@pytest.mark.parametrize(
    "content",
    ["", "[project]\nname = 'shop'\n", "[tool.ruff]\nline-length = 100\n", "[tool.algernon]\n"],
)
def test_a_file_that_says_nothing_leaves_the_defaults(project: Project, content: str) -> None:
    """Where there is no table, or nothing in it, all is as it comes."""
    assert read_settings(project(content)) == Settings()


def test_the_nearest_file_upward_counts(tmp_path: Path) -> None:
    """Of a folder and those above, the first whose pyproject.toml has the table counts."""
    inner = tmp_path / "shop" / "tasks"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.algernon]\ntimeout = 50\n")
    assert read_settings(inner).timeout == 50

    (tmp_path / "shop" / "pyproject.toml").write_text("[tool.algernon]\ntimeout = 60\n")
    assert read_settings(inner).timeout == 60

    (inner / "pyproject.toml").write_text("[project]\nname = 'tasks'\n")
    assert read_settings(inner).timeout == 60


def test_a_link_to_nothing_is_not_passed_over(tmp_path: Path) -> None:
    """Somebody meant a file, and another one's settings would be taken for it."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "pyproject.toml").symlink_to("nowhere.toml")
    (tmp_path / "pyproject.toml").write_text("[tool.algernon]\ntimeout = 50\n")

    with pytest.raises(SettingsError, match=r"shop/pyproject\.toml leads to nothing"):
        read_settings(tmp_path / "shop")


@pytest.mark.parametrize("quotes", ['"""', "'''"])
def test_the_line_is_found_below_a_long_text(project: Project, quotes: str) -> None:
    """What a text of many lines holds are neither brackets nor keys."""
    text = 'a [ text { that has " much ] and [tool.algernon]\n' * 500
    content = f"[project]\nreadme = {quotes}\n{text}{quotes}\n[tool.algernon]\ntimeout = 0\n"

    assert refusal(project(content))[0] == 505


def test_a_folder_of_the_files_name_is_none(tmp_path: Path) -> None:
    """A folder that is called pyproject.toml doesn't hide the file above."""
    (tmp_path / "shop" / "pyproject.toml").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.algernon]\ntimeout = 50\n")

    assert read_settings(tmp_path / "shop").timeout == 50


def test_relative_folders_lead_upward_too(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folders above are those of the file system, not the parts of a path."""
    inner = project("[tool.algernon]\ntimeout = 50\n") / "shop"
    inner.mkdir()
    monkeypatch.chdir(inner)

    assert read_settings(Path()).timeout == 50


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[tool.algernon]\ntimeout = \n", "at line 2"),
        (b"[tool.algernon]\ntimeout = 1\ntimeout = 2\n", "at line 3"),
        (b"[tool.algernon]\nlayers = [\n", "at end of document"),
        (b"\xef\xbb\xbf[tool.algernon]\n", "at line 1"),
        (b"[tool.algernon]\n# \xe9t\xe9\n", "line 2 isn't UTF-8"),
        (b"[tool.algernon]\nname = '\\ud800'\nx = \"\\ud800\"\n", "at line 3"),
        (b"[tool.algernon]\ntimeout = 1\rmemory = 128\n", "at line 2"),
        (b"[tool.algernon]\ntimeout = " + b"1" * 5000, "4300 digits"),
        (b"x = " + b"[" * 100_000, "recursion"),
    ],
)
def test_what_is_no_toml_is_refused(project: Project, content: bytes, reason: str) -> None:
    """An error names the file, and why it can't be read, and keeps the parser's own."""
    folder = project(content)
    with pytest.raises(SettingsError) as caught:
        read_settings(folder)

    assert str(caught.value).startswith(f"{folder}/pyproject.toml")
    assert reason in str(caught.value)
    assert caught.value.__cause__ is not None


def test_errors_are_those_of_templates(project: Project) -> None:
    """Who catches what is wrong with a template catches this too, and gets what and where."""
    with pytest.raises(TemplateError) as caught:
        read_settings(project('[tool.algernon]\nlayers = ["x"]\n'))

    assert isinstance(caught.value, SettingsError)
    assert caught.value.key == ("layers", 0)
    assert caught.value.problem == (
        "is 'x', but has to be the ARN of a version of a layer,"
        " such as arn:aws:lambda:eu-west-1:123456789012:layer:ffmpeg:3"
    )


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("timeout = 0", "timeout is 0, but has to be a whole number of seconds from 1 to 900"),
        ("timeout = 901", "timeout is 901, "),
        ("timeout = 30.0", "timeout is 30.0, "),
        ("timeout = true", "timeout is True, "),
        ('timeout = "30"', "timeout is '30', "),
        ("timeout = nan", "timeout is nan, "),
        ("timeout = 0x" + "f" * 4000, "timeout is a huge int, "),
        ("timeout = 2026-11-26", "timeout is datetime.date(2026, 11, 26), "),
        ("timeout = {}", "timeout is {}, "),
        ("memory = 127", "memory is 127, but has to be a whole number of MB from 128 to 10,240"),
        ("memory = 10241", "memory is 10241, "),
        ('architecture = "x86"', 'architecture is \'x86\', but has to be one of "x86_64", "arm64"'),
        ("architecture = 64", "architecture is 64, "),
        ("log_retention = 31", "log_retention is 31, but has to be one of 1, 3, 5, 7, 14, 30, "),
        ("log_retention = true", "log_retention is True, "),
        ("log_retention = 1.0", "log_retention is 1.0, "),
        (
            "cache_days = 28",
            "cache_days is 28, but has to be a whole number of days from 29 to 3,650",
        ),
        (
            "inline_bytes = -1",
            "inline_bytes is -1, but has to be a whole number of bytes from 0 to ",
        ),
        ("inline_bytes = 262145", "inline_bytes is 262145, "),
        ('trusted_buckets = "other"', "trusted_buckets is 'other', but has to be a list, such as "),
        ('trusted_buckets = ["a,b"]', "trusted_buckets[0] is 'a,b', but has to be the name of a "),
        ('trusted_buckets = ["other", "Other"]', "trusted_buckets[1] is 'Other', "),
        ('trusted_buckets = ["other/*"]', "trusted_buckets[0] is 'other/*', "),
        ("debug = 1", "debug is 1, but has to be one of true, false"),
        ('debug = "true"', "debug is 'true', "),
        ('log_format = "json"', 'log_format is \'json\', but has to be one of "JSON", "Text"'),
        ('metrics_namespace = "AWS/Shop"', "metrics_namespace is 'AWS/Shop', "),
        ('metrics_namespace = "Été"', "metrics_namespace is 'Été', "),
        (f'metrics_namespace = "{"x" * 256}"', "metrics_namespace is 'xxxx"),
        ("recursive_loop = true", "recursive_loop is True, "),
        ('state_machines = ["orders"]', "state_machines[0] is 'orders', "),
        (
            f'state_machines = ["*", "{MACHINE}"]',
            'state_machines has "*", which is all, and others',
        ),
        ('tracing = "x-ray"', "tracing is 'x-ray', but has to be one of "),
        ('bucket = "Shop"', "bucket is 'Shop', but has to be the name of a bucket"),
        ('bucket = ""', "bucket is '', "),
        ('bucket = "a..b"', "bucket is 'a..b', "),
        ('bucket = "192.168.5.4"', "bucket is '192.168.5.4', "),
        ('bucket = "shop\\n"', "bucket is 'shop\\n', "),
        (f'bucket = "{"x" * 64}"', "bucket is 'xxxx"),
        (f'kms_key = "{KEY.replace("key/", "alias/")}"', "kms_key is 'arn:aws:kms:"),
        ('kms_key = "1a2b3c4d"', "kms_key is '1a2b3c4d', but has to be the ARN of a KMS key"),
        ('permissions_boundary = "developers"', "permissions_boundary is 'developers', "),
        ('layers = "x"', "layers is 'x', but has to be a list"),
        ("layers = {}", "layers is {}, but has to be a list"),
        (f'layers = ["{LAYER[:-2]}"]', "layers[0] is 'arn:aws:lambda:"),
        (f'layers = ["{LAYER.replace("1234", "١٢٣٤")}"]', "layers[0] is 'arn:aws:lambda:"),
        (f'layers = ["{LAYER}", "{LAYER}"]', "layers[1] is 'arn:aws:lambda:"),
        (
            f"layers = {[f'{LAYER}{number}' for number in range(6)]}",
            "layers has 6 entries, but AWS takes at most 5",
        ),
        (
            "environment = []",
            "environment is of the type list, but has to be a table of environment variables",
        ),
        (
            "environment.PORT = 80",
            "environment.PORT is of the type int, but has to be a text, such as ",
        ),
        ('environment.PORT = "\\u0000"', "environment.PORT has a null or half character, "),
        ('environment.A = ""', "environment.A can't be the name of an environment variable"),
        ('environment.1A = ""', "environment.1A can't be the name of an environment variable"),
        ('environment."A-B" = ""', "environment.A-B can't be the name of an environment variable"),
        ('environment."ÉTÉ" = ""', 'environment."\\u00c9T\\u00c9" can\'t be the name of an '),
        ('environment.AWS_REGION = ""', "environment.AWS_REGION is an environment variable that "),
        (
            'environment.DEBUG = "true"',
            (
                "environment.DEBUG is an environment variable that the template itself sets:"
                " write debug = … in [tool.algernon]"
            ),
        ),
        (
            'environment.AB = "x{{resolve:secretsmanager:db:SecretString:password}}"',
            "environment.AB has {{resolve:…, in whose place CloudFormation would put the value",
        ),
        ('workers.shop.environment.AB = "{{resolve:ssm:/a}}"', "workers.shop.environment.AB has "),
        ("environment.AB = {}", 'environment.AB needs secret = "arn:aws:…" or parameter = "/name"'),
        ('environment.AB = { secret = "db" }', "environment.AB.secret is 'db', but has to be the "),
        (f'environment.AB = {{ secret = "{SECRET[:-7]}" }}', "environment.AB.secret is 'arn:"),
        (f'environment.AB = {{ secret = "{SECRET}", key = "" }}', "environment.AB.key is '', "),
        (f'environment.AB = {{ secret = "{SECRET}", key = 1 }}', "environment.AB.key is 1, "),
        (
            f'environment.AB = {{ secret = "{SECRET}", parameter = "/x" }}',
            "environment.AB needs either secret or parameter, and has both",
        ),
        ('environment.AB = { parameter = "a b" }', "environment.AB.parameter is 'a b', "),
        ('environment.AB = { parameter = "shop/key" }', "environment.AB.parameter is 'shop/key', "),
        (
            'environment.AB = { parameter = "/x", key = "y" }',
            "environment.AB.key is no setting: ",
        ),
        (
            'environment.AB = { secrets = "x" }',
            "environment.AB.secrets is no setting: did you mean secret? there are ",
        ),
        ("workers = []", "workers is [], but has to be a table of workers, by their modules"),
        ("workers.shop = 3", "workers.shop is 3, but has to be a table of settings"),
        ("workers.shop.timeout = 901", "workers.shop.timeout is 901, "),
        ('workers."shop.mail".memory = 1', 'workers."shop.mail".memory is 1, '),
        ("workers.shop.mail.memory = 1", "workers.shop.mail is no setting: a module of a package "),
        (
            "workers.shop.enviroment = {}",
            "workers.shop.enviroment is no setting: did you mean environment? ",
        ),
        ("workers.shop.reserved_concurrency = 0", "workers.shop.reserved_concurrency is 0, "),
        ("workers.shop.environment = 3", "workers.shop.environment is of the type int, "),
        ("workers.shop.environment.AB = 3", "workers.shop.environment.AB is of the type int, "),
        ('workers.shop.layers = ["x"]', "workers.shop.layers[0] is 'x', "),
        (
            "workers.shop.debug = true",
            "workers.shop.debug is no setting of one worker, but of all: write it under [tool.alg",
        ),
        (
            "workers.shop.vpc.subnets = []",
            (
                "workers.shop.vpc is no setting of one worker, but of all: write it under"
                " [tool.algernon]; or, if it is a module, a module of a package stands in quotes, w"
            ),
        ),
        (
            'workers.shop.env = { AB = "x" }',
            "workers.shop.env is no setting: did you mean environment? ",
        ),
        (
            "reserved_concurrency = 3",
            (
                "reserved_concurrency is a setting of one worker, not of all: write it under"
                ' [tool.algernon.workers."module"]'
            ),
        ),
        (
            'environment.memory = "512"',
            (
                "environment.memory is a setting's name, not an environment variable's: write it"
                " under [tool.algernon], above the header of the environment, "
            ),
        ),
        ("environment.timeout = 60", "environment.timeout is a setting's name, "),
        ('environment.kms_key = "x"', "environment.kms_key is a setting's name, "),
        (
            "workers.shop.environment.memory = 60",
            (
                "workers.shop.environment.memory is a setting's name, not an environment"
                ' variable\'s: write it under [tool.algernon.workers."shop"], above the header of '
            ),
        ),
        (
            'workers.shop.environment.kms_key = "x"',
            (
                "workers.shop.environment.kms_key is a setting's name, not an environment"
                " variable's: write it under [tool.algernon], "
            ),
        ),
        (
            "environment.reserved_concurrency = 3",
            (
                "environment.reserved_concurrency is a setting's name, not an environment"
                ' variable\'s: write it under [tool.algernon.workers."module"], '
            ),
        ),
        (
            'environment.ALGERNON_MAX_HOP = "9"',
            (
                "environment.ALGERNON_MAX_HOP is an environment variable that Algernon doesn't"
                " read: did you mean ALGERNON_MAX_HOPS?"
            ),
        ),
        (
            'environment.AB = { parameter = "/aws/reference/secretsmanager/db" }',
            "environment.AB.parameter is /aws/reference/secretsmanager/db, one of AWS's own, ",
        ),
        (
            f'layers = ["{LAYER}", "{LAYER[:-1]}4"]',
            "layers[1] is version 4 of a layer that stands there with version 3, too, ",
        ),
        (
            f'workers.shop.layers = ["{LAYER}", "{LAYER[:-1]}4"]',
            "workers.shop.layers[1] is version 4 of a layer ",
        ),
        (
            'vpc = { subnets = ["subnet-1a2b3c4"], security_groups = ["sg-1a2b3c4d"] }',
            "vpc.subnets[0] is 'subnet-1a2b3c4', but has to be the id of a subnet, ",
        ),
        (
            'vpc = { subnets = ["subnet-1a2b3c4d"], security_groups = ["sg-1a2b3c4d5"] }',
            "vpc.security_groups[0] is 'sg-1a2b3c4d5', but has to be the id of a security group, ",
        ),
        ('tags.team = ""', "tags.team is '', but has to be a tag's value"),
        (
            (
                'alarms = { email = "a@b.cd", dead_letters = false, oldest_message = 0,'
                " throttles = false }"
            ),
            "alarms has no alarm left that is on: leave all of it out",
        ),
        ("vpc = true", "vpc is True, but has to be a table of settings"),
        ("vpc = {}", "vpc needs subnets and security_groups too"),
        ('vpc.subnets = ["subnet-1a2b3c4d"]', "vpc needs security_groups too"),
        (
            'vpc = { subnets = [], security_groups = ["sg-1a2b3c4d"] }',
            "vpc.subnets is empty, but Lambda needs one at least",
        ),
        (
            'vpc = { subnets = ["1a"], security_groups = ["sg-1a2b3c4d"] }',
            "vpc.subnets[0] is '1a', but has to be the id of a subnet, such as subnet-0a1b2c3d",
        ),
        ('vpc.subnet = ["subnet-1a2b3c4d"]', "vpc.subnet is no setting: did you mean subnets? "),
        ("[[tool.algernon.vpc]]", "vpc is [{}], but has to be a table of settings"),
        ("tags = []", "tags is [], but has to be a table of tags"),
        ("tags.team = 3", "tags.team is 3, but has to be a tag's value"),
        ('tags.team = "{{resolve:ssm:/team}}"', "tags.team is '{{resolve:ssm:/team}}', but has "),
        ('tags."aws:team" = "x"', "tags.\"aws:team\" is 'aws:team', but has to be the name of "),
        ('tags."AWS:team" = "x"', "tags.\"AWS:team\" is 'AWS:team', but has to be the name of "),
        ('tags."" = "x"', "tags.\"\" is '', but has to be the name of a tag"),
        ('tags = { team = "a", Team = "b" }', "tags.Team is the same tag as team to IAM, "),
        (
            "tags = { " + ", ".join(f"t{number} = 'x'" for number in range(51)) + " }",
            "tags has 51 entries, but AWS takes at most 50",
        ),
        ("alarms = {}", "alarms needs whom to tell: either topic = "),
        (f'alarms = {{ topic = "{TOPIC}", email = "a@b.cd" }}', "alarms needs either topic or e"),
        ('alarms.topic = "on-call"', "alarms.topic is 'on-call', but has to be the ARN of an SNS "),
        ('alarms.email = "ops"', "alarms.email is 'ops', but has to be an e-mail address"),
        ('alarms = { email = "a@b.cd", dead_letters = 1 }', "alarms.dead_letters is 1, "),
        ('alarms = { email = "a@b.cd", oldest_message = true }', "alarms.oldest_message is True, "),
        ('alarms = { email = "a@b.cd", oldest_message = 1209601 }', "alarms.oldest_message is "),
        ('alarms = { email = "a@b.cd", throttles = "no" }', "alarms.throttles is 'no', "),
        ('alarms.mail = "a@b.cd"', "alarms.mail is no setting: did you mean email? "),
        (
            "statements = {}",
            "statements is {}, but has to be a list of tables: write [[tool.algernon.statements]]",
        ),
        (
            "statements = [3]",
            "statements[0] is 3, but has to be a table of what a statement of IAM",
        ),
        ("statements = [{}]", "statements[0] needs either Action or NotAction, and has neither"),
        ('statements = [{ Action = "s3:*" }]', "statements[0] needs either Resource or NotRes"),
        (
            'statements = [{ Action = "s3:*", NotAction = "s3:*", Resource = "*" }]',
            "statements[0] needs either Action or NotAction, and has Action and NotAction",
        ),
        ('statements = [{ Action = [], Resource = "*" }]', "statements[0].Action is [], "),
        ('statements = [{ Action = [1], Resource = "*" }]', "statements[0].Action is [1], "),
        ('statements = [{ Action = "s3", Resource = "*" }]', "statements[0].Action is 's3', "),
        ('statements = [{ Action = "s3:*", Resource = "b" }]', "statements[0].Resource is 'b', "),
        (
            'statements = [{ action = "s3:*", Resource = "*" }]',
            "statements[0].action is no setting: did you mean Action? ",
        ),
        (
            'statements = [{ Action = "s3:*", Resource = "*", Effect = "Maybe" }]',
            "statements[0].Effect is 'Maybe', ",
        ),
        (
            'statements = [{ Action = "s3:*", Resource = "*", Sid = "a b" }]',
            "statements[0].Sid is 'a b', ",
        ),
        (
            (
                'statements = [{ Action = "s3:*", Resource = "*", Sid = "A" },'
                ' { Action = "s3:*", Resource = "arn:b", Sid = "A" }]'
            ),
            "statements[1].Sid is A, as that of the statement 0 is, ",
        ),
        (
            'statements = [{ Action = "s3:*", Resource = "arn:${AWS::Regoin}:x" }]',
            "statements[0].Resource is 'arn:${AWS::Regoin}:x', but has to be a text in which Cloud",
        ),
        (
            'statements = [{ Action = "s3:*", Resource = ["*", "arn:${AWS::Region:x"] }]',
            "statements[0].Resource is 'arn:${AWS::Region:x', but has to be a text in which Cloud",
        ),
        (
            (
                'statements = [{ Action = "s3:*", Resource = "*",'
                ' Condition.X.y = ["${AWS::Region}", "${AWS::NoValue}"] }]'
            ),
            "statements[0].Condition.X.y is '${AWS::NoValue}', but has to be a text in which Cloud",
        ),
        (
            'statements = [{ Action = "s:*", Resource = "*", Condition.X."${AWS::Region}" = "y" }]',
            'statements[0].Condition.X."${AWS::Region}" is no operator or key of IAM\'s conditions',
        ),
        (
            'statements = [{ Action = "s3:*", Resource = "*", Condition.X.Ref = "y" }]',
            "statements[0].Condition.X.Ref is no operator or key of IAM's conditions",
        ),
        (
            'statements = [{ Action = "s3:*", Resource = "*", Condition.Bool = 1 }]',
            "statements[0].Condition.Bool is 1, but has to be a table of condition keys",
        ),
        (
            'statements = [{ Action = "s3:*", Resource = "*", Condition.X.y = 2026-11-26 }]',
            "statements[0].Condition.X.y is datetime.date(2026, 11, 26), but has to be a text, ",
        ),
        (
            'statements = [{ Action = "s3:*", Resource = "*", Condition.X.y = [1, inf] }]',
            "statements[0].Condition.X.y is inf, ",
        ),
        ("time_out = 3", "time_out is no setting: did you mean timeout? there are alarms, "),
        ("xyz = 3", "xyz is no setting: there are alarms, architecture, "),
        ('"" = 3', '"" is no setting: there are '),
        ('"a\\nb" = 3', '"a\\nb" is no setting: there are '),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line(project: Project, line: str, what: str) -> None:
    """An error says what is wrong with which key, in one line, and names file and line of it."""
    number, said = refusal(project(f"[tool.algernon]\n\n{line}\n\n[tool.other]\n"))

    assert said.startswith(what)
    assert number == 3
    assert len(said) < 600


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('[tool.algernon]\nlayers = [\n  "x",\n]\n', 3),
        (f'[tool.algernon]\nlayers = [ # [\n  "{LAYER}", # "]"\n\n  "x",\n  "y"]\n', 5),
        (f'[tool.algernon]\nlayers = ["{LAYER}",\n  """x\ny\n""",\n]\n', 3),
        ('[tool.algernon]\nbucket = """\na\n"""\ntimeout = 3\n', 2),
        ("[tool.algernon]\nbucket = '''\na\n'''\n", 2),
        ('[tool.algernon]\nbucket = """a""""\n', 2),
        ('[tool.algernon]\ntimeout = 3\ntags.a = """\n[[[{{{""""\ntags.b = 4\n', 3),
        ('[tool.algernon]\ntags.a = """x"""\ntags.b = 4 # ]]\n', 3),
        ('tool.algernon.vpc.subnets = ["subnet-1a2b3c4d"]\n', 1),
        (
            (
                'tool.algernon.vpc.subnets = ["subnet-1a2b3c4d"]\n'
                'tool.algernon.vpc.security_groups = [\n"sg-1a2b3c4d",\n"x"]\n'
            ),
            4,
        ),
        ('[tool]\n\nalgernon.timeout = "x"\n', 3),
        ("\n[tool]\nalgernon = { timeout = 0 }\n", 3),
        ("[tool]\nalgernon = 3\n", 2),
        ("[[tool.algernon]]\n", 1),
        ("[project]\nname = 'x'\n[[tool]]\n", 3),
        ("tool = 3\n", 1),
        ("[project]\ntimeout = 3\n[tool.other]\ntimeout = 3\n[tool.algernon]\ntimeout = 0\n", 6),
        ("[tool.algernon]\nmemory = 128\n[tool.algernon.vpc]\n", 3),
        ("[tool.algernon.vpc]\n[tool.algernon]\ntimeout = 0\n", 1),
        ("[tool.algernon.workers.a]\ntimeout = 1\n[tool.algernon.workers.b]\ntimeout = 0\n", 4),
        ('[tool.algernon.workers]\na = { layers = [\n"x",\n] }\n', 3),
        (
            (
                '[[tool.algernon.statements]]\nAction = "s3:*"\nResource = "*"\n'
                '[[tool.algernon.statements]]\nAction = "s3:*"\n\n'
                '[[tool.algernon.statements]]\nAction = "s3:*"\n'
            ),
            4,
        ),
        (
            (
                '[[tool.algernon.statements]]\nAction = "s3:*"\nResource = "*"\n'
                '[[tool.algernon.statements]]\nAction = "s3"\nResource = "*"\n'
            ),
            5,
        ),
        (
            (
                "[tool.algernon]\nstatements = [\n"
                '  { Action = ["s3:*"], Resource = "*" },\n'
                '  { Action = [\n    "s3:*",\n  ], Resource = [\n    "b"\n  ] },\n]\n'
            ),
            6,
        ),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_line_is_that_of_the_key(
    project: Project, content: str, line: int, newline: str
) -> None:
    """However TOML is written, an error names the line that what is wrong begins in."""
    assert refusal(project(content.replace("\n", newline)))[0] == line


def test_the_line_is_found_in_a_long_file(project: Project) -> None:
    """A file of thousands of lines isn't read once for each of them."""
    before = "\n".join(f"[tool.other{number}]\nname = 'x'" for number in range(3000))
    layers = "\n".join(f'"subnet-{number:08x}",' for number in range(10))

    number, said = refusal(
        project(
            f"{before}\n[tool.algernon.vpc]\nsecurity_groups = ['sg-1a2b3c4d']\n"
            f"subnets = [\n{layers}\n'x'\n]\n{before.replace('other', 'more')}"
        )
    )

    assert said.startswith("vpc.subnets[10] is 'x', ")
    assert number == 6014


def test_a_setting_that_holds_for_all_holds_for_a_worker_that_says_nothing_else(
    project: Project,
) -> None:
    """A worker has what is its own, and else what all have."""
    settings = read_settings(project(EVERY_SETTING))

    assert settings.of_worker("shop.mail") == replace(
        settings,
        timeout=60,
        memory=1024,
        environment={**settings.environment, "SMTP_HOST": "mail.example"},
        layers=[],
        workers={},
    )
    assert settings.of_worker("shop") == replace(settings, workers={})
    assert settings.reserved_concurrency_of("shop.mail") == 10
    assert settings.reserved_concurrency_of("shop") is None
    assert settings == read_settings(project(EVERY_SETTING))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Settings(vpc={"subnets": ["subnet-1a2b3c4d"]}),  # type: ignore[arg-type]
        lambda: Settings(alarms="ops@example.com"),  # type: ignore[arg-type]
        lambda: Settings(workers={"shop": {"timeout": 3}}),  # type: ignore[dict-item]
        lambda: Settings(environment={"AB": "\ud800"}),
        lambda: Settings(environment={"AB": "{{resolve:ssm:/ab}}"}),
        lambda: Settings(environment={3: "x"}),  # type: ignore[dict-item]
        lambda: Settings(timeout=None),  # type: ignore[arg-type]
        lambda: WorkerSettings(timeout=0),
        lambda: Secret("db"),
        lambda: Parameter(""),
        lambda: Parameter("/aws/service/ami-amazon-linux-latest/x"),
        lambda: Vpc(subnets=[], security_groups=[]),
        Alarms,
    ],
)
def test_programs_are_told_too(make: Callable[[], object]) -> None:
    """What a program says in place of a file is checked when it says it."""
    with pytest.raises(SettingsError, match=r"is |can't be |needs |has "):
        make()


STATEMENT = {"Action": "s3:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"environment": {None: "x"}}, "environment has the key None, but keys are texts"),
        ({"environment": {b"AB": "x"}}, "environment has the key b'AB', but keys are texts"),
        ({"tags": {1.5: "x"}}, "tags has the key 1.5, but keys are texts"),
        ({"workers": {None: WorkerSettings()}}, "workers has the key None, but keys are texts"),
        ({"statements": [{1: "x"}]}, "statements[0] has the key 1, but keys are texts"),
        (
            {"statements": [{**STATEMENT, "Condition": {None: {}}}]},
            "statements[0].Condition has the key None, but keys are texts",
        ),
        (
            {"statements": [{**STATEMENT, "Condition": {"Bool": {2: "x"}}}]},
            "statements[0].Condition.Bool has the key 2, but keys are texts",
        ),
        (
            {"statements": [{**STATEMENT, "Condition": {"Bool": {"\ud800": "x"}}}]},
            "statements[0].Condition.Bool has the key '\\ud800', but keys are texts without half",
        ),
        (
            {"statements": [{**STATEMENT, "Condition": {"Bool": {"a": ["b", "\udc00"]}}}]},
            "statements[0].Condition.Bool.a is '\\udc00', but has to be a text without half",
        ),
        (
            {"statements": [{**STATEMENT, "Resource": ["arn:\ud800"]}]},
            "statements[0].Resource is 'arn:\\ud800', but has to be a text without half",
        ),
        ({"trusted_buckets": ["abc/\ud800"]}, "trusted_buckets[0] is 'abc/\\ud800', but has to be"),
        ({"state_machines": ["arn:aws:states:\ud800"]}, "state_machines[0] is 'arn:aws:states:"),
        ({"layers": b""}, "layers is b'', but has to be a list"),
        ({"layers": deque([LAYER, LAYER])}, "layers[1] is 'arn:aws:lambda:"),
    ],
)
def test_what_toml_has_no_words_for_is_refused_with_its_key(
    said: dict[str, Any], message: str
) -> None:
    """A program may say more than a file can, and is told what of it means nothing."""
    with pytest.raises(SettingsError) as caught:
        Settings(**said)

    assert str(caught.value).startswith(message)
    assert len(caught.value.key) >= 1


@pytest.mark.parametrize(
    "make",
    [lambda: Alarms(email="\ud800@example.com"), lambda: Secret(SECRET, "pass\ud800word")],
)
def test_half_characters_are_refused(make: Callable[[], object]) -> None:
    """What has no bytes reaches neither a file nor AWS."""
    with pytest.raises(SettingsError, match=r"is .* without half characters"):
        make()


def test_a_template_of_a_programs_own_kinds_is_json() -> None:
    """Lists and tables of other classes than TOML's become what JSON has."""
    table = MappingProxyType
    statement = table(
        {**STATEMENT, "Condition": table({"Bool": table({"aws:SecureTransport": True})})}
    )
    settings = Settings(
        environment=table({"BANK_URL": "here"}),
        layers=deque([LAYER]),
        workers=table({"shop": WorkerSettings(environment=table({"AB": "x"}), timeout=7)}),
        statements=deque([statement]),
        tags=table({"team": "shop"}),
        trusted_buckets=deque(["other"]),
        state_machines=deque([MACHINE]),
        vpc=Vpc(subnets=deque(["subnet-0a1b2c3d"]), security_groups=deque(["sg-0a1b2c3d"])),
    )

    template = system_template([Worker("shop.handler", ("pay",), {})], settings=settings)

    assert json.loads(json.dumps(template)) == template


@pytest.mark.parametrize(
    "environment",
    [
        {"DB_PASSWORD": "hunter2\udcff"},
        {"DB_PASSWORD": "hunter2\0"},
        {"DB_PASSWORD": "hunter2{{resolve:ssm:/x}}"},
        {"DB_PASSWORD": b"hunter2"},
        {"DB_PASSWORD": {"hunter2": "x"}},
        {"DB-PASSWORD": "hunter2"},
        ["DB_PASSWORD=hunter2"],
        "DB_PASSWORD=hunter2",
    ],
)
def test_no_error_shows_the_value_of_a_variable(environment: Any) -> None:
    """A password that can't be one is still nobody's to read."""
    for kind in (Settings, WorkerSettings):
        with pytest.raises(SettingsError) as caught:
            kind(environment=environment)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "ALGERNON_MAX_HOPS",
        "ALGERNON_MAX_READ_BYTES",
        "ALGERNON_MAX_READ_OBJECTS",
        "ALGERNON_TOPIC_PARAMETER_PREFIX",
        "ALGERNON_SHOP",
        "ALGERNON_DEBUG",
        "ALGERNON_",
    ],
)
def test_a_variable_that_algernon_reads_or_is_nothing_like_one_is_taken(name: str) -> None:
    """Only what is likely to be a slip of the pen is refused."""
    assert Settings(environment={name: "1"}).environment == {name: "1"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [("ALGERNON_TRUSTED_BUCKET", "TRUSTED_BUCKETS"), ("ALGERNON_MAX_READ_BYTE", "MAX_READ_BYTES")],
)
def test_a_variable_almost_of_algernons_is_refused(name: str, meant: str) -> None:
    """Nothing would read it, and nobody would be told."""
    with pytest.raises(SettingsError, match=rf"{name} .* did you mean ALGERNON_{meant}\?"):
        WorkerSettings(environment={name: "1"})


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.text(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.sampled_from(
        [SECRET, LAYER, KEY, BOUNDARY, TOPIC, "*", "s3:*", "shop", "arm64", "ops@a.bc"]
    ),
    st.sampled_from([1, 30, 128, 256]),
)
NAMES = st.one_of(
    st.sampled_from(
        [
            *Settings.__slots__,
            *("subnets", "security_groups", "topic", "email", "secret", "parameter", "key", "shop"),
            *("Action", "Resource", "Condition", "BANK_URL", "dead_letters", "oldest_message"),
        ]
    ),
    st.text(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def toml(value: Any) -> str:
    """Return a value in TOML, with lists over several lines."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float() | date() | datetime() | time():
            return str(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return "".join(["[\n", *(f"{toml(one)}, # ]\n" for one in value), "]"])
        case Mapping():
            return f"{{{', '.join(f'{toml(name)} = {toml(one)}' for name, one in value.items())}}}"
    raise TypeError(value)


def settings_or_line(folder: Path) -> None:
    """Read the settings, and expect of an error that it names a line which the file has."""
    lines = (folder / "pyproject.toml").read_bytes().count(b"\n") + 1
    try:
        settings = read_settings(folder)
    except SettingsError as error:
        message = str(error)
    else:
        assert isinstance(settings, Settings)
        return
    assert message.isprintable()
    found = re.search(r"\bline (\d+)", message)
    assert found or "at end of document" in message, message
    assert not found or 1 <= int(found[1]) <= lines


@given(st.dictionaries(NAMES, VALUES, max_size=4))
@example({"statements": [{"Action": "s3:*", "Resource": "*", "Condition": {"a": {"b": [[]]}}}]})
@example({"vpc": {"subnets": [["subnet-1a2b3c4d"]], "security_groups": [{}]}})
def test_any_toml_is_settings_or_an_error_that_names_a_line(
    tmp_path: Path, table: dict[str, Any]
) -> None:
    """Whatever stands in the table, it means something, or is refused with its line."""
    lines = [f"{toml(name)} = {toml(value)}" for name, value in table.items()]
    content = "\n".join(["[project]", "[tool.algernon]", *lines])
    (tmp_path / "pyproject.toml").write_text(content, encoding="utf-8")

    settings_or_line(tmp_path)


@given(st.data())
def test_any_damage_to_a_file_is_settings_or_an_error_that_names_a_line(
    tmp_path: Path, data: st.DataObject
) -> None:
    """A file from which something is missing, or in which something else stands, is read too."""
    content = EVERY_SETTING.encode()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 40, len(content))))
    put = data.draw(
        st.one_of(st.binary(max_size=4), st.sampled_from([b"[", b"{", b'"', b"\n", b"="]))
    )
    (tmp_path / "pyproject.toml").write_bytes(content[:start] + put + content[end:])

    settings_or_line(tmp_path)


def test_names_that_no_terminal_shows_are_told_as_one_may_write_them(project: Project) -> None:
    """What is meant is put into quotes, escaped where it has to be."""
    line, what = refusal(project('[tool.algernon.workers."sh\u2028p".mail]\ntimeout = 5\n'))

    assert line == 1
    assert what.isprintable()
    assert r'workers."sh\u2028p.mail"' in what
