"""A ledger knows what is known of a Task: that it runs, became a group, or what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from algernon_storage import (
    Claim,
    Expansion,
    FailureNote,
    Kind,
    LedgerError,
    MissingBucketError,
    Outcome,
    Outcomes,
    S3Ledger,
    SettlingLedger,
)

from ..s3_clock import S3Clock
from .objects import keys, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Answer, Call, Wire

TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
GROUP_ID = "aa3a8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
CLAIM_KEY = f"cache/{TASK_ID}!claim.json"
EXPANDS_KEY = f"cache/{TASK_ID}!expands.json"
SECONDS = 30


def claimed() -> Claim:
    """Return a claim for the Task, which has to be free."""
    claim = S3Ledger().claim(TASK_ID, SECONDS)
    assert isinstance(claim, Claim)
    return claim


def expanded() -> Claim:
    """Have the Task return a group, and return the claim under which it ran."""
    claim = claimed()
    S3Ledger().expand(claim, GROUP_ID)
    return claim


def test_what_became_a_group_is_not_run_again(bucket: str, wire: Wire) -> None:
    """While the claim holds, after it was given back, and after it lapsed."""
    clock = S3Clock(wire)
    claim = expanded()
    assert S3Ledger().claim(TASK_ID, SECONDS) == Expansion(GROUP_ID)
    S3Ledger().release(replace(claim, may_have_run=True))
    for _ in range(2):
        assert S3Ledger().claim(TASK_ID, SECONDS) == Expansion(GROUP_ID)
        clock.goes_on(SECONDS + 2)


def test_a_worker_that_died_left_its_group(bucket: str, wire: Wire) -> None:
    """The claim of who died after its group was noted lapses, and the group is still known."""
    clock = S3Clock(wire)
    expanded()
    clock.goes_on(SECONDS + 2)
    assert S3Ledger().claim(TASK_ID, SECONDS) == Expansion(GROUP_ID)


@pytest.mark.parametrize("kind", ["cancelled", "done"])
def test_the_outcome_comes_before_the_group(bucket: str, kind: Kind) -> None:
    """Once something came of the Task, nobody needs to know what it came by."""
    claim = expanded()
    if kind == "done":
        outcome = S3Ledger().finish(claim, [1, 2])
    else:
        outcome, _ = S3Ledger().settle(TASK_ID, kind)
    assert S3Ledger().claim(TASK_ID, SECONDS) == outcome
    assert S3Ledger().state(TASK_ID) == kind


def test_a_group_is_noted_once(aws: LocalAWS, bucket: str) -> None:
    """To note the same again changes nothing, and another one is refused."""
    claim = expanded()
    S3Ledger().expand(claim, GROUP_ID)
    with pytest.raises(LedgerError, match=f"returned the group {GROUP_ID} already.*{EXPANDS_KEY}"):
        S3Ledger().expand(claim, TASK_ID)
    assert S3Ledger().claim(TASK_ID, SECONDS) == Expansion(GROUP_ID)
    assert keys(aws, bucket) == [CLAIM_KEY, EXPANDS_KEY]


def test_a_lost_answer_to_noting_a_group_is_no_failure(used_bucket: str, wire: Wire) -> None:
    """When the answer to the write gets lost, the retry finds it in place."""
    claim = claimed()
    wire.clear()

    def lose_the_first(call: Call, forward: Callable[[], Answer]) -> Answer | None:
        answer = forward()
        return answer if len(wire.calls) > 1 else None

    wire.treatment = lose_the_first
    S3Ledger().expand(claim, GROUP_ID)
    assert wire.counted() == {"s3 PUT": 2, "s3 GET": 1}


def test_a_note_that_comes_and_goes_is_an_error(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """What removes it whenever it is looked at is to be looked for, and the place is named."""
    claim = expanded()

    def remove(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation == "GET":
            aws.client("s3").delete_object(Bucket=bucket, Key=EXPANDS_KEY)
            answer = forward()
            put(aws, bucket, EXPANDS_KEY, b"{}")
            return answer
        return forward()

    wire.treatment = remove
    with pytest.raises(LedgerError, match=f"{EXPANDS_KEY} was there each of the 5 times"):
        S3Ledger().expand(claim, GROUP_ID)


@pytest.mark.parametrize(
    "body",
    [b"garbage", b"null", b"{}", b'{"group_id": 7}', b"[" * 9_000, b'"' + b"x" * 20_000 + b'"'],
    ids=lambda body: repr(body[:20]),
)
def test_what_names_no_group_is_an_error(aws: LocalAWS, bucket: str, body: bytes) -> None:
    """What somebody else wrote in its place runs no Task twice, and is named."""
    claim = claimed()
    place = put(aws, bucket, EXPANDS_KEY, body)
    with pytest.raises(LedgerError, match=f"what stands at {place} names no group"):
        S3Ledger().claim(TASK_ID, SECONDS)
    with pytest.raises(LedgerError, match=f"what stands at {place} names no group"):
        S3Ledger().expand(claim, GROUP_ID)


def test_the_group_costs_nothing_where_nothing_ran(used_bucket: str, wire: Wire) -> None:
    """Whether there is one is asked by one GET, of what may have run before alone."""
    S3Ledger().release(claimed())
    # The first claim that takes one over has the store prove that it keeps to the condition.
    S3Ledger().release(claimed())
    wire.clear()
    S3Ledger().release(replace(claimed(), may_have_run=True))
    assert wire.counted() == {"s3 PUT": 3, "s3 GET": 1, "s3 HEAD": 1}
    wire.clear()
    claimed()
    assert wire.counted() == {"s3 PUT": 2, "s3 GET": 2, "s3 HEAD": 1}


def test_the_states_of_a_task(bucket: str, wire: Wire) -> None:
    """Unknown until it runs, running while its claim holds, failed while it lies as a letter."""
    clock, ledger = S3Clock(wire), S3Ledger()
    assert ledger.state(TASK_ID) == "unknown"
    claim = claimed()
    assert ledger.state(TASK_ID) == "running"
    ledger.release(claim)
    assert ledger.state(TASK_ID) == "unknown"
    Outcomes().note_failure(TASK_ID, FailureNote("E", "", TASK_ID, 1))
    assert ledger.state(TASK_ID) == "failed"
    Outcomes().forget_failure(TASK_ID)
    claim = claimed()
    assert ledger.state(TASK_ID) == "running"
    clock.goes_on(SECONDS + 2)
    assert ledger.state(TASK_ID) == "unknown"
    ledger.expand(claim, GROUP_ID)
    assert ledger.state(TASK_ID) == "running"
    ledger.finish(claim, 1)
    assert ledger.state(TASK_ID) == "done"


@pytest.mark.parametrize("kind", ["cancelled", "expired", "failed"])
def test_the_state_of_what_is_settled_is_its_kind(bucket: str, wire: Wire, kind: Kind) -> None:
    """It takes one HEAD, as of whatever has an outcome."""
    S3Ledger().settle(TASK_ID, kind)
    wire.clear()
    assert S3Ledger().state(TASK_ID) == kind
    assert wire.counted() == {"s3 HEAD": 1}


@pytest.mark.usefixtures("aws")
def test_the_state_in_a_bucket_that_is_gone_is_an_error() -> None:
    """Where there is no bucket nothing is unknown: it is named."""
    with pytest.raises(MissingBucketError, match="the bucket 'nowhere' doesn't exist"):
        S3Ledger(bucket="nowhere").state(TASK_ID)


class OwnLedger:
    """A ledger of somebody's own, with the three methods that it has to have."""

    def claim(self, task_id: str, seconds: float) -> Claim | Outcome | None:
        """Claim a Task."""

    def finish(self, claim: Claim, result: Any, *, ends_chain: bool = False) -> Outcome:
        """Store its result."""
        raise NotImplementedError

    def release(self, claim: Claim) -> None:
        """Give the claim back."""


class OwnSettlingLedger(OwnLedger):
    """One with the other three."""

    def settle(
        self, task_id: str, kind: Kind, *, task_name: str | None = None
    ) -> tuple[Outcome, bool]:
        """Cancel a Task."""
        raise NotImplementedError

    def expand(self, claim: Claim, group_id: str) -> None:
        """Note its group."""

    def state(self, task_id: str) -> Any:
        """Say what is known."""


def test_a_ledger_is_asked_whether_it_can_settle() -> None:
    """S3Ledger can, and one of somebody's own can where it has the methods."""
    ledgers = (S3Ledger(), OwnLedger(), OwnSettlingLedger())
    assert [isinstance(ledger, SettlingLedger) for ledger in ledgers] == [True, False, True]
