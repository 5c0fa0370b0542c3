"""What Tasks ask of the functions that run them."""

from __future__ import annotations

from typing import Any

import pytest
from algernon_queue import SettingError, TaskNeeds, TaskRouter

from .events import ALL_DONE, LambdaContext, event, message, record


def work() -> None:
    """Do nothing."""


def test_a_router_tells_what_its_tasks_need() -> None:
    """What Tasks ask for is there by name, for those that ask for something."""
    router = TaskRouter()
    said: dict[str, dict[str, Any]] = {
        "plain": {},
        "tried": {"retries": 3},
        "unsaid": {"timeout": None, "memory": None},
        "slow": {"timeout": 900, "memory": 10_240},
        "small": {"timeout": 1, "memory": 128, "max_concurrency": 2, "batch_size": 1},
        "many": {"max_concurrency": 1000, "batch_size": 10_000, "batch_window": 300},
        "soon": {"batch_window": 0, "backoff": 2},
    }
    for name, options in said.items():
        router.task(name=name, **options)(work)
    assert dict(router.needs) == {
        "slow": TaskNeeds(timeout=900, memory=10_240),
        "small": TaskNeeds(timeout=1, memory=128, max_concurrency=2, batch_size=1),
        "many": TaskNeeds(max_concurrency=1000, batch_size=10_000, batch_window=300),
        "soon": TaskNeeds(batch_window=0),
    }
    assert dict(router.retries) == {"tried": 3}


def test_needs_cannot_be_changed_from_outside() -> None:
    """What a router told is nobody's way into it."""
    router = TaskRouter()
    router.task(timeout=60)(work)
    told: Any = router.needs
    told.clear()
    assert dict(router.needs) == {"work": TaskNeeds(timeout=60)}


def test_needs_change_nothing_in_the_function() -> None:
    """A batch of a Task with needs is worked off as any other."""
    router = TaskRouter(failures="report")
    router.task(timeout=1, memory=128, max_concurrency=2, batch_size=1)(work)
    records = [record(message("work")) for _ in range(3)]
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("timeout", [0, 901, -1, True, 30.0, "30", [30]], "an int of seconds from 1 to 900"),
        ("memory", [127, 10_241, 0, 256.0, "256"], "an int of MB from 128 to 10240"),
        ("max_concurrency", [0, -1, 1001, True, 1.0, "2"], "batches at a time from 2 to 1000"),
        ("batch_size", [0, 10_001, True, 10.0, "10"], "an int of messages from 1 to 10000"),
        ("batch_window", [-1, 301, False, 0.5, "1"], "an int of seconds from 0 to 300"),
    ],
)
def test_needs_that_lambda_cannot_meet_are_refused(
    name: str, wrong: list[Any], allowed: str
) -> None:
    """A number out of its range, or no number, raises where it stands, and says the range."""
    for value in wrong:
        with pytest.raises(SettingError, match=f"^{name} is .*{allowed}"):
            TaskRouter().task(**{name: value})


def test_a_concurrency_of_one_is_refused_with_what_to_do_instead() -> None:
    """Lambda takes no max_concurrency below 2, and there are other ways to one at a time."""
    with pytest.raises(SettingError, match="max_concurrency is 1, but Lambda") as caught:
        TaskRouter().task(max_concurrency=1)
    for way in ("FIFO queue", "one message group", "lock of its own", "throttled"):
        assert way in str(caught.value)


@pytest.mark.parametrize("window", [None, 0])
def test_a_large_batch_has_to_be_waited_for(window: int | None) -> None:
    """A batch_size above 10 is refused without a batch_window of a second, which Lambda wants."""
    with pytest.raises(SettingError, match=r"batch_size is 11 .* give a batch_window of 1 second"):
        TaskRouter().task(batch_size=11, batch_window=window)(work)
    TaskRouter().task(batch_size=11, batch_window=1)(work)


def test_a_batch_of_one_is_waited_for_in_vain() -> None:
    """A batch_window with a batch_size of 1 is refused, since it would never be waited."""
    with pytest.raises(SettingError, match="a batch of one is full with its first message"):
        TaskRouter().task(batch_size=1, batch_window=5)(work)
    TaskRouter().task(batch_size=1, batch_window=0)(work)


def test_a_wrong_option_registers_nothing() -> None:
    """A Task whose options are refused isn't a Task."""
    router = TaskRouter()
    with pytest.raises(SettingError):
        router.task(memory=1)(work)
    assert not router.tasks
    assert not router.needs


def test_options_are_given_one_after_the_other() -> None:
    """What is said later is added to what was said before, or takes its place."""
    router = TaskRouter(failures="report")
    router.task(timeout=60, retries=3)(name="slow", timeout=90)(work)
    assert dict(router.needs) == {"slow": TaskNeeds(timeout=90)}
    assert dict(router.retries) == {"slow": 3}


def test_needs_that_belong_together_may_be_given_one_after_the_other() -> None:
    """What contradicts itself only for as long as nothing more is said is refused at the end."""
    router = TaskRouter()
    large = router.task(batch_size=100)
    large(batch_window=5)(work)
    assert dict(router.needs) == {"work": TaskNeeds(batch_size=100, batch_window=5)}
    with pytest.raises(SettingError, match="batch_size is 100 and batch_window None"):
        large(name="other")(work)
    assert set(router.tasks) == {"work"}


def test_an_option_that_there_is_none_of_is_refused() -> None:
    """A misspelt option names what takes the others, and these."""
    with pytest.raises(TypeError, match=r"router\.task\(\) got .* 'retires': .* name, retries"):
        TaskRouter().task(retires=3)  # type: ignore[call-overload]


def test_needs_are_values() -> None:
    """Needs are equal by what they say, can be a key, and can't be changed."""
    needs = TaskNeeds(timeout=60)
    assert needs == TaskNeeds(timeout=60, memory=None)
    assert {needs: 1}[TaskNeeds(timeout=60)] == 1
    with pytest.raises(AttributeError):
        needs.timeout = 61  # type: ignore[misc]
