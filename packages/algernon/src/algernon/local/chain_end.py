"""Whether a chain on a local AWS has come to its end, and what is known of how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from algernon_queue.dead_letter import DeadLetter

from ..story.chain import read_chain
from ..system.letters.letter import record_of
from ..system.log_events import find_events

_EVER = datetime.fromtimestamp(0, UTC)


def messages_of_chain(
    chain_id: str, messages: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the messages that belong to a chain, as ministack shows them.

    One that can't be read, but names the chain, is taken for the chain's.

    Args:
        chain_id: The chain's id, in lower case.
        messages: All messages.
    """
    return [each for each in messages if _belongs(each, chain_id)]


def dead_letter_of(message: Mapping[str, Any], task: str) -> DeadLetter:
    """Return the dead letter that a message of a Task is, as ministack shows it."""
    received = {"ApproximateReceiveCount": str(message["ReceiveCount"])}
    attributes = {**message["Attributes"], **received}
    return DeadLetter.of(record_of({**message, "Attributes": attributes}), task)


def say_why(letter: DeadLetter) -> str:
    """Say in a sentence why a Task was given up."""
    times = "1 receive" if letter.receive_count == 1 else f"{letter.receive_count} receives"
    error = letter.error or "no worker lived to say why"
    reason = f": {letter.reason}" if letter.reason else ""
    return f"{letter.task} is a dead letter after {times} ({error}{reason})."


def say_what_failed(logs: Any, log_group: str, chain_id: str) -> list[str]:
    """Say of each Task of a chain that isn't done how it failed last, as far as that is logged.

    Args:
        logs: A boto3 client for CloudWatch Logs.
        log_group: The log group of the workers.
        chain_id: The chain's id, in lower case.
    """
    events = find_events(logs, log_group, _EVER, phrase=chain_id)
    chain = read_chain(chain_id, (event.text for event in events))
    last = {run.task: run for run in chain.runs}
    return [
        f"{run.task_name} failed last with {run.error}."
        for run in last.values()
        if run.outcome == "failed"
    ]


def _belongs(message: Mapping[str, Any], chain_id: str) -> bool:
    # Whose text doesn't have it needn't be read.
    where = message["Body"], message["MessageId"], str(message["MessageAttributes"])
    if not any(chain_id in text.lower() for text in where):
        return False
    return dead_letter_of(message, "").chain_id in (chain_id, None)
