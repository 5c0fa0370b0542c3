"""The ledger tells who runs a Task, and what came of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from algernon_serialize import UnserializableError
from algernon_storage import (
    Claim,
    Expansion,
    Kind,
    LedgerError,
    MissingBucketError,
    Outcome,
    S3Ledger,
    StoredData,
)
from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ..s3_clock import S3Clock
from .objects import get, keys, put, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Answer, Call, Wire

TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
CLAIM_KEY = f"cache/{TASK_ID}!claim.json"
SECONDS = 3600
LAPSED = SECONDS + 2  # S3 tells times to the second


@pytest.fixture
def clock(wire: Wire) -> S3Clock:
    """S3's clock."""
    return S3Clock(wire)


def claimed(seconds: float = SECONDS) -> Claim:
    """Return a claim for the Task, which has to be free."""
    claim = S3Ledger().claim(TASK_ID, seconds)
    assert isinstance(claim, Claim)
    return claim


def losing(*operations: str) -> Callable[[Any, Callable[[], Answer]], Answer | None]:
    """Have S3 do what it is asked, but lose its first answers to these operations, in order."""
    left = list(operations)

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer | None:
        answer = forward()
        if left and call.operation == left[0]:
            assert answer.status == 200
            del left[0]
            return None
        return answer

    return treat


def test_a_first_claim_costs_one_put(used_bucket: str, wire: Wire) -> None:
    """A Task that nobody has claimed is claimed by one write, and finished by another."""
    claim = claimed()
    assert claim.task_id == TASK_ID
    assert wire.counted() == {"s3 PUT": 1}
    S3Ledger().finish(claim, {"n": 1})
    assert wire.counted() == {"s3 PUT": 2}


def test_a_claimed_task_is_nobody_else_s(bucket: str) -> None:
    """While a claim holds, another one of the same Task gives None; other Tasks are free."""
    claimed()
    assert [S3Ledger().claim(TASK_ID, SECONDS) for _ in range(2)] == [None, None]
    assert isinstance(S3Ledger().claim(str(uuid4()), SECONDS), Claim)


@pytest.mark.parametrize(
    ("seconds", "passed", "has_lapsed"),
    [
        (SECONDS, 0, False),
        (SECONDS, SECONDS, False),
        (SECONDS, SECONDS + 1, False),
        (SECONDS, LAPSED, True),
        (0.25, 1, False),
        (0.25, 2, True),
        (0, 0, False),
        (-5, 0, True),
    ],
)
def test_a_claim_lapses_after_its_seconds_and_one_more(
    bucket: str, clock: S3Clock, seconds: float, passed: float, has_lapsed: bool
) -> None:
    """A claim holds for the seconds that it was given for, and for one more."""
    claimed(seconds)
    clock.goes_on(passed)
    assert isinstance(S3Ledger().claim(TASK_ID, SECONDS), Claim) is has_lapsed


def test_a_claim_that_was_taken_over_holds_anew(bucket: str, clock: S3Clock) -> None:
    """The claim of who takes a lapsed one over lapses after its own seconds."""
    claimed(5)
    clock.goes_on(7)
    claimed(SECONDS)
    clock.goes_on(SECONDS)
    assert S3Ledger().claim(TASK_ID, 5) is None


def test_no_worker_s_clock_matters(bucket: str, clock: S3Clock) -> None:
    """Only S3's time counts: years away from the worker's own, before or after, claims hold."""
    for years in (0, 40, 40):
        clock.goes_on(years * 365 * 24 * 3600)
        claimed()
        assert S3Ledger().claim(TASK_ID, SECONDS) is None


@pytest.mark.usefixtures("clock")
def test_of_many_claims_one_is_given(bucket: str) -> None:
    """Of workers that claim a Task at once, exactly one gets it."""
    assert at_once(6, lambda: S3Ledger().claim(TASK_ID, SECONDS)) == [True] + 5 * [False]


def test_of_many_claims_one_takes_over(bucket: str, clock: S3Clock) -> None:
    """Of workers that claim a Task at once whose claim has lapsed, exactly one gets it."""
    for _ in range(3):
        clock.goes_on(LAPSED)
        claimed()
        clock.goes_on(LAPSED)
        assert at_once(6, lambda: S3Ledger().claim(TASK_ID, SECONDS)) == [True] + 5 * [False]


def at_once(count: int, claim: Callable[[], object]) -> list[bool]:
    """Claim in as many threads at the same time, and return who got one: those first."""
    barrier = Barrier(count)

    def attempt(_: int) -> bool:
        barrier.wait()
        answer = claim()
        assert answer is None or isinstance(answer, Claim)
        return answer is not None

    with ThreadPoolExecutor(count) as threads:
        return sorted(threads.map(attempt, range(count)), reverse=True)


def test_a_released_claim_can_be_taken_at_once(bucket: str) -> None:
    """A claim that was given back is the next one's who asks, and holds as any other."""
    for _ in range(3):
        claim = claimed()
        assert S3Ledger().claim(TASK_ID, SECONDS) is None
        S3Ledger().release(claim)


def test_what_is_no_longer_ours_is_not_ours_to_release(bucket: str, clock: S3Clock) -> None:
    """The release of a claim that somebody else has taken over changes nothing."""
    first = claimed()
    clock.goes_on(LAPSED)
    second = claimed()
    S3Ledger().release(first)
    assert S3Ledger().claim(TASK_ID, SECONDS) is None
    S3Ledger().release(second)
    S3Ledger().release(second)
    claimed()


def test_a_release_of_a_removed_claim_does_nothing(aws: LocalAWS, bucket: str) -> None:
    """A claim that was removed from the bucket meanwhile is released without an error."""
    claim = claimed()
    aws.client("s3").delete_object(Bucket=bucket, Key=CLAIM_KEY)
    S3Ledger().release(claim)
    assert keys(aws, bucket) == []


@pytest.mark.parametrize("result", [{"pair": (1, 2)}, None, [], "text", {}, {1, 2}])
def test_the_outcome_leads_to_the_result(bucket: str, result: Any) -> None:
    """What finish gives, and every later claim too, has the pointer to the stored result."""
    outcome = S3Ledger().finish(claimed(), result)
    assert StoredData.retrieve(outcome.pointer).data == result
    assert outcome == Outcome(f"{bucket}#cache/{TASK_ID}!done.json", ends_chain=False)
    assert [S3Ledger().claim(TASK_ID, SECONDS) for _ in range(2)] == [outcome, outcome]


def test_what_is_done_stays_done_when_its_claim_has_lapsed(bucket: str, clock: S3Clock) -> None:
    """A finished Task isn't given to anybody, however long ago its claim was."""
    outcome = S3Ledger().finish(claimed(), {"n": 1})
    for _ in range(3):
        clock.goes_on(LAPSED)
        assert S3Ledger().claim(TASK_ID, SECONDS) == outcome


def test_the_first_result_stands(bucket: str, clock: S3Clock) -> None:
    """Of two workers that finish a Task, the second gets the outcome of the first."""
    slow = claimed()
    clock.goes_on(LAPSED)
    fast = claimed()
    outcome = S3Ledger().finish(fast, {"by": "fast"}, ends_chain=True)
    assert S3Ledger().finish(slow, {"by": "slow"}) == outcome
    assert StoredData.retrieve(outcome.pointer).data == {"by": "fast"}


def test_the_result_of_a_worker_that_was_overtaken_stands_too(bucket: str, clock: S3Clock) -> None:
    """A worker whose claim lapsed may still be the first to finish."""
    slow = claimed()
    clock.goes_on(LAPSED)
    other = claimed()
    outcome = S3Ledger().finish(slow, {"by": "slow"})
    assert S3Ledger().finish(other, {"by": "other"}, ends_chain=True) == outcome
    assert StoredData.retrieve(outcome.pointer).data == {"by": "slow"}


@pytest.mark.parametrize("ends_chain", [True, False])
def test_an_early_end_is_known_ever_after(bucket: str, ends_chain: bool) -> None:
    """Whether a Task ended its chain is told to whoever claims it or finishes it later."""
    claim = claimed()
    assert S3Ledger().finish(claim, 1, ends_chain=ends_chain).ends_chain is ends_chain
    again = S3Ledger().claim(TASK_ID, SECONDS)
    assert isinstance(again, Outcome)
    assert again.ends_chain is ends_chain
    assert S3Ledger().finish(claim, 2, ends_chain=not ends_chain) == again


def test_a_result_that_cannot_travel_leaves_the_task_undone(bucket: str, clock: S3Clock) -> None:
    """A result that ajson can't send raises, and the Task can be claimed again."""
    claim = claimed()
    with pytest.raises(UnserializableError):
        S3Ledger().finish(claim, object())
    S3Ledger().release(claim)
    claimed()


def test_a_lost_answer_to_a_claim_gives_it_all_the_same(bucket: str, wire: Wire) -> None:
    """When the answer to the write of a claim gets lost, the retry finds the claim its own."""
    wire.treatment = losing("PUT")
    claim = claimed()
    assert wire.counted() == {"s3 PUT": 2, "s3 GET": 1, "s3 HEAD": 1}
    assert S3Ledger().claim(TASK_ID, SECONDS) is None
    S3Ledger().release(claim)
    claimed()


def test_a_lost_answer_to_taking_over_gives_the_claim_too(bucket: str, wire: Wire) -> None:
    """A claim that was taken over, and whose answer got lost, is its holder's."""
    S3Ledger().release(claimed())
    put, lose = [], losing("PUT")

    def lose_the_second(call: Call, forward: Callable[[], Answer]) -> Answer | None:
        if call.operation == "PUT":
            put.append(call)
        return lose(call, forward) if len(put) > 1 else forward()

    wire.treatment = lose_the_second
    claim = claimed()
    assert len(put) == 3
    assert S3Ledger().claim(TASK_ID, SECONDS) is None
    S3Ledger().release(claim)
    claimed()


def test_a_lost_answer_to_finishing_is_no_failure(bucket: str, wire: Wire) -> None:
    """When the answer to the write of a result gets lost, the retry finds it in place."""
    claim = claimed()
    wire.treatment = losing("PUT")
    outcome = S3Ledger().finish(claim, {"n": 1}, ends_chain=True)
    assert outcome.ends_chain
    assert StoredData.retrieve(outcome.pointer).data == {"n": 1}


def test_a_lost_answer_to_a_release_is_no_failure(bucket: str, wire: Wire) -> None:
    """When the answer to a release gets lost, the claim was released all the same."""
    claim = claimed()
    wire.treatment = losing("PUT")
    S3Ledger().release(claim)
    claimed()


def conflicts(times: int) -> Callable[[Any, Callable[[], Answer]], Answer]:
    """Answer as S3 does when a conditional write meets another one under way."""
    left = [*range(times)]

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation != "PUT" or not left:
            return forward()
        left.pop()
        return refusal(409, "ConditionalRequestConflict")

    return treat


def test_a_claim_that_meets_another_under_way_is_tried_again(bucket: str, wire: Wire) -> None:
    """A conflict with a write of which nothing came in the end doesn't cost the claim."""
    wire.treatment = conflicts(2)
    claimed()


def test_a_claim_that_changes_all_the_time_is_an_error(bucket: str, wire: Wire) -> None:
    """A claim that never stays as it was looked at raises LedgerError, after a few looks."""
    wire.treatment = conflicts(100)
    with pytest.raises(LedgerError, match=f"the claim of the Task {TASK_ID} changed each of the 5"):
        S3Ledger().claim(TASK_ID, SECONDS)
    assert wire.counted() == {"s3 PUT": 5, "s3 GET": 5}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'{"holder": "me"}',
        b'{"holder": 7, "seconds": 30}',
        b'{"holder": "me", "seconds": "30"}',
        b'{"holder": "me", "seconds": [30]}',
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_claim_is_an_error(aws: LocalAWS, bucket: str, body: bytes) -> None:
    """What somebody else wrote in a claim's place raises LedgerError with the place, and stays."""
    place = put(aws, bucket, CLAIM_KEY, body)
    with pytest.raises(LedgerError, match=f"what stands at {place} is no claim"):
        S3Ledger().claim(TASK_ID, SECONDS)
    assert get(aws, bucket, CLAIM_KEY) == body


def test_a_bucket_that_does_not_exist_is_told(aws: LocalAWS) -> None:
    """A bucket that isn't there raises MissingBucketError from claim, finish and release."""
    ledger, claim = S3Ledger(bucket="nowhere"), Claim(TASK_ID, '"token"')
    with pytest.raises(MissingBucketError, match="the bucket 'nowhere' doesn't exist"):
        ledger.claim(TASK_ID, SECONDS)
    with pytest.raises(MissingBucketError, match="the bucket 'nowhere' doesn't exist"):
        ledger.finish(claim, {})
    with pytest.raises(MissingBucketError, match="the bucket 'nowhere' doesn't exist"):
        ledger.release(claim)


def test_a_bucket_has_to_be_named() -> None:
    """Without a bucket, and without ALGERNON_BUCKET_NAME, nothing can be claimed."""
    with pytest.raises(MissingBucketError, match="set the environment variable"):
        S3Ledger().claim(TASK_ID, SECONDS)


def test_a_refusal_of_s3_comes_through(bucket: str, wire: Wire) -> None:
    """What S3 refuses for another reason than a condition is the caller's to see."""
    claim = claimed()
    wire.treatment = lambda call, forward: refusal(403, "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        S3Ledger().claim(str(uuid4()), SECONDS)
    with pytest.raises(ClientError, match="AccessDenied"):
        S3Ledger().finish(claim, {})
    with pytest.raises(ClientError, match="AccessDenied"):
        S3Ledger().release(claim)


def test_bucket_and_folder_can_be_chosen(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it keeps its objects are the options, or the worker's own bucket and folder."""
    aws.client("s3").create_bucket(
        Bucket="ledgers", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    monkeypatch.setenv("CACHE_FOLDER_NAME", "mine")
    for ledger in (S3Ledger(), S3Ledger(bucket="ledgers"), S3Ledger(folder="a/b")):
        claim = ledger.claim(TASK_ID, SECONDS)
        assert isinstance(claim, Claim)
        ledger.finish(claim, {})
    names = (f"{TASK_ID}!claim.json", f"{TASK_ID}!done.json")
    assert keys(aws, "ledgers") == [f"mine/{name}" for name in names]
    assert keys(aws, bucket) == [f"{folder}/{name}" for folder in ("a/b", "mine") for name in names]


WORKERS = st.sampled_from(["ada", "bob", "eve"])


class Workers(RuleBasedStateMachine):
    """Workers that claim, finish, release, expand and settle one Task, as time goes on."""

    clock: S3Clock

    def __init__(self) -> None:
        super().__init__()
        self.task_id = str(uuid4())
        self.tokens: dict[str, Claim] = {}
        self.holder: str | None = None
        self.ends = 0.0
        self.time = 0.0
        self.outcome: Outcome | None = None
        self.expansion: Expansion | None = None

    @rule(worker=WORKERS, seconds=st.sampled_from([0.5, 3, 10]))
    def claim(self, worker: str, seconds: float) -> None:
        """It is given if the Task isn't done, and nobody has a claim that holds."""
        answer = S3Ledger().claim(self.task_id, seconds)
        if self.outcome is not None or self.expansion is not None:
            assert answer == (self.outcome or self.expansion)
        elif self.holder is not None and self.time <= self.ends:
            assert answer is None
        else:
            assert isinstance(answer, Claim)
            self.tokens[worker], self.holder = answer, worker
            self.ends = self.time + seconds + 1

    @rule(worker=WORKERS, ends_chain=st.booleans())
    def finish(self, worker: str, ends_chain: bool) -> None:
        """Whoever ever had a claim may finish; the first outcome is everybody's."""
        if worker in self.tokens:
            outcome = S3Ledger().finish(self.tokens[worker], worker, ends_chain=ends_chain)
            if self.outcome is None:
                self.outcome = Outcome(outcome.pointer, ends_chain)
                assert StoredData.retrieve(outcome.pointer).data == worker
            assert outcome == self.outcome

    @rule(kind=st.sampled_from(["cancelled", "expired", "failed"]))
    def settle(self, kind: Kind) -> None:
        """Anybody may settle the Task, unless it has an outcome."""
        outcome, is_ours = S3Ledger().settle(self.task_id, kind)
        assert is_ours is (self.outcome is None)
        if is_ours:
            self.outcome = Outcome(outcome.pointer, ends_chain=True, kind=kind)
        assert outcome == self.outcome

    @rule(worker=WORKERS)
    def expand(self, worker: str) -> None:
        """Whoever has a claim may note that the Task returned its group, of which there is one."""
        if worker in self.tokens:
            S3Ledger().expand(self.tokens[worker], "its group")
            # Whoever expands a Task has run it, which is told when the claim is given back.
            self.tokens[worker] = replace(self.tokens[worker], may_have_run=True)
            self.expansion = Expansion("its group")

    @rule(worker=WORKERS)
    def release(self, worker: str) -> None:
        """Only the latest claim is given back by its release."""
        if worker in self.tokens:
            S3Ledger().release(self.tokens[worker])
            if self.holder == worker:
                self.holder = None

    @rule(seconds=st.sampled_from([1, 4, 12]))
    def wait(self, seconds: int) -> None:
        """Time goes on."""
        self.clock.goes_on(seconds)
        self.time += seconds

    @invariant()
    def the_first_result_stands(self) -> None:
        """What was the outcome once is the outcome."""
        if self.outcome is not None:
            assert S3Ledger().claim(self.task_id, 1) == self.outcome
            assert S3Ledger().state(self.task_id) == self.outcome.kind
        elif self.expansion is not None:
            assert S3Ledger().state(self.task_id) == "running"


def test_workers_never_share_a_task(bucket: str, clock: S3Clock) -> None:
    """Whatever workers do in whatever order, one at a time has the claim, and one result stands."""
    Workers.clock = clock
    run_state_machine_as_test(
        Workers,
        settings=settings(max_examples=15, stateful_step_count=12),
    )
