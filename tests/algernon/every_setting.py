"""A pyproject.toml in which `[tool.algernon]` says all that it can."""

from __future__ import annotations

import tomllib
from dataclasses import replace

from algernon.settings import Settings
from algernon.system.settings.table import settings_from

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf"
LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:ffmpeg:3"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d-0000-0000-0000-1a2b3c4d5e6f"
BOUNDARY = "arn:aws:iam::123456789012:policy/developers"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders"

#: None of it is as it comes.
EVERY_SETTING = f"""
[project]
name = "shop"

[tool.algernon]
timeout = 45
memory = 512
architecture = "arm64"
bundle_boto3 = true
log_retention = 90
cache_days = 60
inline_bytes = 1_000
trusted_buckets = ["other", "another/cache"]
debug = true
log_format = "Text"
metrics_namespace = "Shop"
recursive_loop = "Terminate"
state_machines = ["{MACHINE}"]
tracing = "otel"
bucket = "shop-archive"
kms_key = "{KEY}"
permissions_boundary = "{BOUNDARY}"
layers = ["{LAYER}"]

[tool.algernon.environment]
BANK_URL = "https://bank.example"
DB_PASSWORD = {{ secret = "{SECRET}", key = "password" }}
DB = {{ secret = "{SECRET}" }}
API_KEY = {{ parameter = "/shop/api-key" }}

[tool.algernon.workers."shop.mail"]
timeout = 60
memory = 1024
reserved_concurrency = 10
environment = {{ SMTP_HOST = "mail.example" }}
layers = []

[tool.algernon.vpc]
subnets = ["subnet-0a1b2c3d", "subnet-0a1b2c3e"]
security_groups = ["sg-0a1b2c3d"]

[tool.algernon.tags]
team = "shop"

[tool.algernon.alarms]
email = "ops@example.com"
dead_letters = false
oldest_message = 60
throttles = false

[[tool.algernon.statements]]
Action = ["dynamodb:GetItem"]
Resource = "arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/orders"
"""


def all_on() -> Settings:
    """Return settings in which all is said, and switched on.

    But for a bucket, so that the template has its own.
    """
    written = settings_from(tomllib.loads(EVERY_SETTING)["tool"]["algernon"])
    assert written.alarms
    alarms = replace(written.alarms, dead_letters=True, oldest_message=600, throttles=True)
    return replace(written, bucket=None, alarms=alarms)
