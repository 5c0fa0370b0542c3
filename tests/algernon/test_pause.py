"""`algernon pause` and `algernon resume`: whether a Task's messages are taken to its worker."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from algernon import send_task
from algernon.commands.main import main
from algernon.local import LocalSystem
from algernon.local.place import place_of_local_aws
from algernon.system.asking import Asking
from algernon.system.pausing import read_mapped_tasks, switch_tasks
from algernon.system.task_queues import find_task_queues

from ..conftest import LocalAWS
from ..waiting import wait_for
from ..wire import Answer, Call, Wire
from .handmade import PLACE, Handmade

pytestmark = pytest.mark.starts

WORKER = """
from algernon import TaskRouter

router = TaskRouter()
handler = router.handler


@router.task
def price(item):
    return len(item)


@router.task
def bill(item):
    return len(item)
"""


@pytest.fixture
def shop(aws: LocalAWS) -> Handmade:
    """A system made by hand, with the Tasks `bill` and `price`."""
    shop = Handmade(aws)
    shop.add_task("bill")
    shop.add_task("price", MessageRetentionPeriod="3600")
    return shop


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Return what the command tells a program."""
    assert main([*arguments, "--json", *PLACE]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def states(shop: Handmade) -> tuple[str, str]:
    """Return how the mappings of `bill` and `price` are."""
    return shop.mapping("bill")["State"], shop.mapping("price")["State"]


def test_a_task_is_paused_alone_and_resumed(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its mapping is disabled until it is resumed, and the other Task's is left alone."""
    (paused,) = run(capsys, "pause", "price")["tasks"]
    assert (paused["task"], paused["before"], paused["worker"]) == ("price", "active", "paused")
    assert states(shop) == ("Enabled", "Disabled")

    (resumed,) = run(capsys, "resume", "price")["tasks"]
    assert (resumed["before"], resumed["worker"]) == ("paused", "active")
    assert states(shop) == ("Enabled", "Enabled")


def test_without_rich_nothing_is_changed(
    shop: Handmade, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says which extra brings it before a Task is paused."""
    monkeypatch.setitem(sys.modules, "rich.console", None)

    assert main(["pause", "price", *PLACE]) == 1

    assert "install the extra algernon[command]" in capsys.readouterr().err
    assert states(shop) == ("Enabled", "Enabled")


def test_all_tasks_are_paused_that_have_a_worker(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that has none is left out."""
    shop.add_task("orphan", has_worker=False)

    found = run(capsys, "pause", "--all")

    assert [task["task"] for task in found["tasks"]] == ["bill", "price"]
    assert states(shop) == ("Disabled", "Disabled")


def test_what_is_so_already_is_left_alone(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second pause changes nothing, and says that it was paused before."""
    run(capsys, "pause", "price")
    wire.clear()

    (again,) = run(capsys, "pause", "price")["tasks"]

    assert (again["before"], again["worker"]) == ("paused", "paused")
    assert "lambda PUT" not in wire.counted()


def test_a_pause_tells_from_when_on_messages_are_lost(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its queue keeps a message for a time, which began when the message was sent."""
    (empty,) = run(capsys, "pause", "price")["tasks"]
    lost = datetime.fromisoformat(empty["lost_from"])
    assert timedelta(minutes=59) < lost - datetime.now(UTC) <= timedelta(hours=1)

    shop.send("price", times=2)
    (unknown,) = run(capsys, "pause", "price")["tasks"]
    assert (unknown["waiting"], unknown["lost_from"]) == (2, None)

    at = (datetime.now(UTC) - timedelta(minutes=2)).replace(second=0, microsecond=0)
    shop.aws.client("cloudwatch").put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": "price"}],
                "Timestamp": at,
                "Value": 600,
            }
        ],
    )
    (known,) = run(capsys, "pause", "price")["tasks"]
    assert datetime.fromisoformat(known["lost_from"]) == at + timedelta(minutes=50)
    main(["pause", "price", *PLACE])
    shown = capsys.readouterr().out
    assert (
        f"algernon resume before {(at + timedelta(minutes=50)).astimezone():%d %b %H:%M}" in shown
    )
    assert "A deployment of the stack may end the pause" in shown


def changing(*states: str) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Have mappings be in these states, one a look, before they are what they are."""
    left = [*states]

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if "event-source-mappings" not in call.path or not left:
            return answer
        found = json.loads(answer.body)
        for mapping in found.get("EventSourceMappings", [found]):
            mapping["State"] = left[0]
        del left[0]
        return Answer(answer.status, answer.headers, json.dumps(found).encode())

    return treat


def test_it_waits_until_it_holds(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """AWS answers at once, and does it a while later."""
    wire.treatment = changing("Enabled", "Disabling", "Disabling", "Disabling")

    (paused,) = run(capsys, "pause", "price")["tasks"]

    assert (paused["before"], paused["worker"]) == ("active", "paused")
    assert wire.counted()["lambda PUT"] == 1


def test_what_is_on_its_way_elsewhere_is_changed_afterwards(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mapping that is being enabled can't be disabled before it is."""
    wire.treatment = changing("Enabling", "Enabling", "Enabled")

    (paused,) = run(capsys, "pause", "price")["tasks"]

    assert (paused["before"], paused["worker"]) == ("resuming", "paused")
    assert states(shop)[1] == "Disabled"


def test_a_mapping_that_somebody_else_changes_is_asked_again(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda refuses what comes in the middle of something else."""
    refusals = ["ResourceInUseException", "ResourceConflictException"]

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation == "PUT" and refusals:
            return Answer(400, [("x-amzn-errortype", refusals.pop())], b'{"message": "busy"}')
        return forward()

    wire.treatment = refuse

    (paused,) = run(capsys, "pause", "price")["tasks"]

    assert paused["worker"] == "paused"
    assert refusals == []


def test_what_is_changed_back_meanwhile_is_changed_again(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """A deployment makes mappings active that it has to do with."""
    wire.treatment = changing("Enabled", "Disabling", "Enabling", "Enabled")

    (paused,) = run(capsys, "pause", "price")["tasks"]

    assert paused["worker"] == "paused"
    assert wire.counted()["lambda PUT"] == 2


def test_it_does_not_wait_for_ever(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the time that was given it says how the mapping is."""
    wire.treatment = changing("Enabled", *["Disabling"] * 1000)

    assert main(["pause", "price", "--timeout", "0.5", *PLACE]) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert "after 0.5 s not all event source mappings are Disabled: price is Disabling" in said.err


def test_a_mapping_that_goes_meanwhile_is_told(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as by a deployment."""
    looks: list[str] = []

    def delete(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if "event-source-mappings" in call.path and call.operation == "GET":
            looks.append(call.path)
            if len(looks) > 1:
                return Answer(200, answer.headers, b'{"EventSourceMappings": []}')
        if call.operation == "PUT":
            return Answer(200, answer.headers, answer.body.replace(b"Disabled", b"Disabling"))
        return answer

    wire.treatment = delete

    assert main(["pause", "price", *PLACE]) == 1
    assert "is gone" in capsys.readouterr().err


def test_what_cannot_be_paused_is_refused_before_anything_is(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Task that there isn't, and one without a worker."""
    shop.add_task("orphan", has_worker=False)

    assert main(["pause", "price", "prize", *PLACE]) == 1
    assert "no Task 'prize'; did you mean price?" in capsys.readouterr().err
    assert main(["pause", "price", "orphan", *PLACE]) == 1
    assert "the Task 'orphan' has no worker" in capsys.readouterr().err
    assert states(shop) == ("Enabled", "Enabled")


@pytest.mark.parametrize("named", [(), ("price", "--all")])
def test_either_tasks_or_all_are_named(
    named: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Anything else is wrong usage."""
    with pytest.raises(SystemExit) as ended:
        main(["pause", *named, *PLACE])

    assert ended.value.code == 2
    assert "name the TASKs, or --all of them" in capsys.readouterr().err


def test_a_local_task_that_is_paused_is_not_run_until_it_is_resumed(
    tmp_path: Any,
) -> None:
    """Its messages wait, while those of another are taken."""
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    with LocalSystem("worker:router", directory=tmp_path) as system, system.as_default():
        place = place_of_local_aws(system.environ)
        tasks = {each.task: each for each in find_task_queues(place)}

        def switch(*, is_enabled: bool) -> list[str]:
            mapped = read_mapped_tasks(place, [tasks["price"]])
            asking = Asking()
            done = switch_tasks(place, mapped, is_enabled=is_enabled, timeout=60, asking=asking)
            return [task.feeding for task in done]

        def left(task: str) -> int:
            (found,) = read_mapped_tasks(place, [tasks[task]])
            return found.queue.messages

        assert switch(is_enabled=False) == ["paused"]
        send_task("price", {"item": "tea"})
        send_task("bill", {"item": "tea"})
        wait_for(lambda: not left("bill"))
        assert left("price") == 1

        assert switch(is_enabled=True) == ["active"]
        wait_for(lambda: not left("price"))
