"""Whatever befalls the Tasks of a system in memory, each is done or a dead letter in the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pytest
from algernon_queue import PermanentError, Task, TaskRouter, send_task, send_tasks
from algernon_queue.testing import InMemorySystem
from hypothesis import given, settings
from hypothesis import strategies as st

#: What befalls a Task each time that it is run; in the end it is done.
Fate = Literal["fails", "is refused", "ends its worker", "sends another"]
RETRIES = 2

fates = st.lists(
    st.sampled_from(["fails", "fails", "fails", "is refused", "ends its worker", "sends another"]),
    max_size=4,
)
messages = st.lists(st.tuples(st.sampled_from("abc"), fates), max_size=15)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def play(sent: Sequence[tuple[str, Sequence[Fate]]], *, fifo: bool, once: bool) -> tuple[Any, ...]:
    """Have Tasks run as their fates want, and return which were done, and what is given up."""
    done: list[tuple[str, int]] = []
    mailed: list[int] = []
    others: list[int] = []
    left = {number: list(befalls) for number, (_, befalls) in enumerate(sent)}
    router = TaskRouter(once=once)

    @router.task(retries=RETRIES, backoff=100)
    def work(group: str, number: int) -> dict[str, int]:
        match left[number].pop(0) if left[number] else None:
            case "fails":
                raise ConnectionError
            case "is refused":
                raise PermanentError
            case "ends its worker":
                raise KeyboardInterrupt
            case "sends another":
                send_task("other", {"number": number})
                raise ConnectionError
        done.append((group, number))
        return {"number": number}

    @router.task
    def mail(number: int) -> None:
        mailed.append(number)

    @router.task
    def other(number: int) -> None:
        others.append(number)

    with InMemorySystem(router, fifo=("work",) if fifo else ()) as system:
        send_tasks(
            Task("work", {"group": group, "number": number}, "mail", message_group=group)
            if fifo
            else Task("work", {"group": group, "number": number}, "mail")
            for number, (group, _) in enumerate(sent)
        )
        while True:
            try:
                system.run()
            except KeyboardInterrupt:
                continue
            break
        letters = [letter.error for letter in system.dead_letters]
        return done, mailed, others, letters


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("fifo", [False, True])
@settings(max_examples=20)
@given(sent=messages)
def test_nothing_is_lost(sent: list[tuple[str, list[Fate]]], fifo: bool, once: bool) -> None:
    """The result of each Task is sent on, or it is a dead letter with a reason."""
    done, mailed, others, letters = play(sent, fifo=fifo, once=once)
    assert len({*mailed}) + len(letters) >= len(sent)
    # On a FIFO queue, a worker may end over a message before one whose last receive it is, which
    # SQS moves then, and knows no reason.
    if not fifo or not any("ends its worker" in befalls for _, befalls in sent):
        assert None not in letters
    assert {*others} <= {*range(len(sent))}
    # A worker that ends may have given a message up already that stays in the queue with it.
    if not any("ends its worker" in befalls for _, befalls in sent):
        assert len(mailed) + len(letters) == len(sent)
        assert sorted(mailed) == sorted(number for _, number in done)


@settings(max_examples=20)
@given(sent=messages)
def test_the_order_of_a_group_is_kept(sent: list[tuple[str, list[Fate]]]) -> None:
    """What is done of a message group is so in the order in which it was sent."""
    # A worker that ends may have given up a message whose followers it has run then, and that
    # comes again before them.
    living = [(group, [each for each in fate if each != "ends its worker"]) for group, fate in sent]
    done, *_ = play(living, fifo=True, once=True)
    for group in "abc":
        numbers = [number for each, number in done if each == group]
        assert numbers == sorted(numbers)


@settings(max_examples=20)
@given(sent=messages)
def test_fates_repeat(sent: list[tuple[str, list[Fate]]]) -> None:
    """What befalls Tasks twice in the same way ends twice in the same way, in the same order."""
    assert play(sent, fifo=False, once=True) == play(sent, fifo=False, once=True)
