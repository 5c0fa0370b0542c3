"""Where a system is, as a value: whose clients they are, and what a process is led to by it."""

from __future__ import annotations

import os
from pathlib import Path

import boto3
import pytest
from algernon.local.place import place_of_local_aws
from algernon.system.named_aws import aws_place
from algernon.system.place import Place, leading_to
from algernon_storage import aws_client

URL = "http://127.0.0.1:9"


@pytest.fixture
def local(tmp_path: Path) -> Place:
    """A local system's, by what `algernon run` writes down of it."""
    config = tmp_path / "config"
    config.write_text("[default]\n", encoding="utf-8")
    return place_of_local_aws(
        {
            "AWS_ENDPOINT_URL": URL,
            "AWS_REGION": "us-east-1",
            "AWS_PROFILE": "default",
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": str(config),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "hidden",
            "ALGERNON_TOPIC_PREFIX": "shop-",
        },
        log_groups=("lines",),
    )


@pytest.fixture(autouse=True)
def _shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "shell",
        "AWS_SECRET_ACCESS_KEY": "shell",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_SNS": "http://127.0.0.1:7",
        "ALGERNON_TOPIC_PREFIX": "other-",
        "ALGERNON_TOPIC_PARAMETER_PREFIX": "/other/",
        "ALGERNON_BUCKET_NAME": "mine",
    }.items():
        monkeypatch.setenv(name, value)


def test_a_local_places_clients_know_nothing_of_the_environment(local: Place) -> None:
    """Endpoint, region and credentials are those of the local AWS."""
    client = local.client("sns")

    assert (client.meta.endpoint_url, client.meta.region_name) == (URL, "us-east-1")
    assert local.session.get_credentials().access_key == "test"
    assert (local.topic_prefix, local.log_groups) == ("shop-", ("lines",))


def test_a_client_has_the_connections_that_its_users_need(local: Place) -> None:
    """All else of its configuration is the place's, such as that nothing goes by a proxy."""
    config = local.client("sqs", connections=18).meta.config

    assert (config.max_pool_connections, config.proxies) == (18, {})


def test_a_place_on_aws_is_what_was_named() -> None:
    """Region and topics are those that were named, credentials and bucket the shell's."""
    place = aws_place(None, "ap-south-1", stack="shop")

    assert place.client("sqs").meta.region_name == "ap-south-1"
    assert place.session.get_credentials().access_key == "shell"
    assert place.topic_prefix == "shop-"
    assert "ALGERNON_TOPIC_PARAMETER_PREFIX" not in place.environ
    assert place.environ["ALGERNON_BUCKET_NAME"] == "mine"


def test_making_a_place_changes_nothing_of_the_process(local: Place) -> None:
    """Neither the environment nor boto3's default session, which other code may rely on."""
    environ = {**os.environ}

    aws_place(None, "ap-south-1", stack="shop")

    assert {**os.environ} == environ
    assert boto3.DEFAULT_SESSION is None


def test_a_process_is_led_to_a_place_for_a_block(local: Place) -> None:
    """Code that reads the environment means that place, and afterwards what it meant before."""
    environ = {**os.environ}
    with leading_to(local):
        client = aws_client("sns")
        led = {**os.environ}
    after = aws_client("sns")

    assert (client.meta.endpoint_url, client.meta.region_name) == (URL, "us-east-1")
    assert led["ALGERNON_TOPIC_PREFIX"] == "shop-"
    assert not led.keys() & {"ALGERNON_BUCKET_NAME", "AWS_ENDPOINT_URL_SNS"}
    assert {**os.environ} == environ
    assert (after.meta.endpoint_url, after.meta.region_name) == (
        "http://127.0.0.1:7",
        "eu-west-1",
    )


def test_a_process_is_led_back_when_the_block_fails(local: Place) -> None:
    """An error of the block leaves the process as it was, too."""
    environ = {**os.environ}

    with pytest.raises(ValueError, match="the block"), leading_to(local):
        raise ValueError("the block")

    assert {**os.environ} == environ


def test_a_place_does_not_show_its_environment(local: Place) -> None:
    """Printed, such as in a traceback's locals, it gives no credentials away."""
    assert "hidden" not in repr(local)
