"""`algernon tasks`: which Tasks a system has, and how they are set up."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from algernon.commands.main import main

from ..conftest import LocalAWS
from ..wire import Answer, Call, Wire
from .handmade import EXTRA_RECEIVES, PLACE, Handmade

pytestmark = pytest.mark.starts


@pytest.fixture
def shop(aws: LocalAWS) -> Handmade:
    """A system made by hand, with the Tasks `bill` and `price`."""
    shop = Handmade(aws)
    shop.add_task("price")
    shop.add_task("bill", has_worker=False, MessageRetentionPeriod="3600")
    return shop


def tasks(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return what the command tells a program."""
    assert main(["tasks", "--json", *PLACE]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_each_task_is_listed_with_what_takes_its_messages(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its function and handler, how often it is tried, and how many messages a batch has."""
    assert main(["tasks", *PLACE]) == 0
    headings, bill, price = [
        re.split(r"  +", line.strip()) for line in capsys.readouterr().out.splitlines()
    ]

    assert headings == ["TASK", "FUNCTION", "HANDLER", "MOST TRIES", "BATCH", "FIFO", "WORKER"]
    assert price == ["price", "shop-worker", "shop.handler", "5", "10", "no", "active"]
    assert bill == ["bill", *["\N{EN DASH}"] * 4, "no", "no worker"]


def test_programs_get_all_of_it(shop: Handmade, capsys: pytest.CaptureFixture[str]) -> None:
    """The queues, what they keep, the mappings and the functions."""
    bill, price = tasks(capsys)["tasks"]

    assert (price["task"], price["tries"], price["max_receive_count"]) == ("price", 5, 7)
    assert price["queue_url"].endswith("/price")
    assert price["dead_letter_queue_url"].endswith("/price-dead")
    assert (price["retention_seconds"], bill["retention_seconds"]) == (345_600, 3600)
    (function,), (mapping,) = price["functions"], price["mappings"]
    assert function == {
        "name": "shop-worker",
        "handler": "shop.handler",
        "extra_receives": EXTRA_RECEIVES,
        "log_group": "/aws/lambda/shop-worker",
        "metrics_namespace": None,
    }
    assert (mapping["state"], mapping["batch_size"]) == ("Enabled", 10)
    assert (bill["functions"], bill["mappings"], bill["tries"]) == ([], [], None)


def test_a_function_that_may_not_be_looked_at_leaves_out_what_it_would_tell(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its name is known by the mapping; handler and tries aren't, and the right is named."""

    def deny(call: Call, forward: Any) -> Answer:
        if "/configuration" in call.path:
            return Answer(403, [("x-amzn-errortype", "AccessDeniedException")], b"{}")
        answer: Answer = forward()
        return answer

    wire.treatment = deny
    found = tasks(capsys)
    assert main(["tasks", *PLACE]) == 0
    shown = capsys.readouterr().out

    price = found["tasks"][1]
    assert found["missing_rights"] == ["lambda:GetFunctionConfiguration"]
    assert (price["functions"][0]["name"], price["functions"][0]["handler"]) == (
        "shop-worker",
        None,
    )
    assert price["tries"] is None
    assert "You lack the right lambda:GetFunctionConfiguration" in shown


def test_a_function_that_is_gone_leaves_its_mapping_behind(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Task is listed all the same, without what Lambda would tell of the function."""
    shop.aws.client("lambda").delete_function(FunctionName=shop.function)

    price = tasks(capsys)["tasks"][1]

    assert (price["functions"][0]["name"], price["functions"][0]["handler"]) == (
        "shop-worker",
        None,
    )


def test_a_function_is_asked_once_however_many_tasks_it_has(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that a system of one worker takes one call for all of them."""
    for number in range(5):
        shop.add_task(f"more{number}")
    wire.clear()

    assert len(tasks(capsys)["tasks"]) == 7
    of_lambda = [call.path for call in wire.calls if call.service == "lambda"]
    assert [path.endswith("/configuration") for path in of_lambda].count(True) == 1
