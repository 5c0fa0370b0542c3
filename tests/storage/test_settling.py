"""A Task is cancelled, or expires, unless it is done; and all who are concerned know which."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, islice
from threading import Condition, current_thread
from typing import TYPE_CHECKING, Any

import pytest
from algernon_storage import (
    Claim,
    Kind,
    LedgerError,
    MissingBucketError,
    OtherTaskError,
    Outcome,
    Outcomes,
    S3Ledger,
    StorageSettingError,
    StoredData,
    aws_clients_from,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ..s3_clock import S3Clock
from ..wire import Answer, Call
from .objects import get, keys, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..conftest import LocalAWS
    from ..wire import Wire

TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
CLAIM_KEY = f"cache/{TASK_ID}!claim.json"
DONE_KEY = f"cache/{TASK_ID}!done.json"
SECONDS = 30


def claimed(task_name: str | None = None) -> Claim:
    """Return a claim for the Task, which has to be free."""
    claim = S3Ledger().claim(TASK_ID, SECONDS, task_name=task_name)
    assert isinstance(claim, Claim)
    return claim


@pytest.mark.parametrize("kind", ["cancelled", "expired", "failed"])
def test_what_nobody_has_claimed_is_settled(used_bucket: str, wire: Wire, kind: Kind) -> None:
    """By two writes, after which the first claim that there ever is finds the outcome."""
    outcome, is_ours = S3Ledger().settle(TASK_ID, kind)
    assert wire.counted() == {"s3 PUT": 2}
    assert is_ours
    assert outcome == Outcome(f"{used_bucket}#{DONE_KEY}", ends_chain=True, kind=kind)
    assert [S3Ledger().claim(TASK_ID, SECONDS) for _ in range(2)] == [outcome, outcome]


def test_what_runs_is_settled(bucket: str) -> None:
    """A worker that runs the Task meanwhile is told so when it finishes, and its result is lost."""
    claim = claimed()
    outcome, is_ours = S3Ledger().settle(TASK_ID, "cancelled")
    assert is_ours
    assert S3Ledger().claim(TASK_ID, SECONDS) == outcome
    assert S3Ledger().finish(claim, {"n": 1}) == outcome
    assert StoredData.retrieve(outcome.pointer).data == {}


def test_what_failed_is_settled(bucket: str) -> None:
    """A Task that waits for its next try isn't tried again."""
    S3Ledger().release(claimed())
    outcome, _ = S3Ledger().settle(TASK_ID, "expired")
    assert S3Ledger().claim(TASK_ID, SECONDS) == outcome


def test_who_gives_its_claim_back_frees_nothing(bucket: str) -> None:
    """A Task that fails after it was cancelled stays cancelled."""
    claim = claimed()
    outcome, _ = S3Ledger().settle(TASK_ID, "cancelled")
    S3Ledger().release(claim)
    assert S3Ledger().claim(TASK_ID, SECONDS) == outcome


def test_what_is_done_is_not_settled(bucket: str) -> None:
    """It is too late then, which is told, and the result stays what it was."""
    outcome = S3Ledger().finish(claimed(), {"n": 1}, is_kept=True)
    assert S3Ledger().settle(TASK_ID, "cancelled") == (outcome, False)
    assert outcome.kind == "done"
    assert StoredData.retrieve(outcome.pointer).data == {"n": 1}


def test_what_is_settled_is_settled_once(bucket: str) -> None:
    """The second one is told that the first one's stands, of whatever kind either is."""
    outcome, _ = S3Ledger().settle(TASK_ID, "cancelled")
    assert S3Ledger().settle(TASK_ID, "cancelled") == (outcome, False)
    assert S3Ledger().settle(TASK_ID, "expired") == (outcome, False)


def test_older_workers_drop_what_is_settled(aws: LocalAWS, bucket: str) -> None:
    """They know no kinds, but that a Task ended its chain; and the claim is one that they know."""
    S3Ledger().settle(TASK_ID, "cancelled", task_name="pay")
    head = aws.client("s3").head_object(Bucket=bucket, Key=DONE_KEY)
    assert head["Metadata"]["ends-chain"] == "yes"
    assert head["Metadata"]["task-name"] == "pay"
    assert get(aws, bucket, CLAIM_KEY).startswith(b'{"holder":null,"seconds":null,')
    assert keys(aws, bucket) == [CLAIM_KEY, DONE_KEY]


def test_the_name_has_to_be_the_task_s(bucket: str) -> None:
    """Under the id of a Task of another name, whether it runs or is done, nothing is settled."""
    claim = claimed("pay")
    with pytest.raises(OtherTaskError, match="'refund'"):
        S3Ledger().settle(TASK_ID, "cancelled", task_name="refund")
    outcome = S3Ledger().finish(claim, 1)
    with pytest.raises(OtherTaskError, match="'refund'"):
        S3Ledger().settle(TASK_ID, "cancelled", task_name="refund")
    assert S3Ledger().settle(TASK_ID, "cancelled", task_name="pay") == (outcome, False)


def test_the_name_of_what_is_settled_is_known(bucket: str) -> None:
    """A Task of another name that comes under the id later is refused."""
    S3Ledger().settle(TASK_ID, "cancelled", task_name="pay")
    with pytest.raises(OtherTaskError, match="'refund'"):
        S3Ledger().claim(TASK_ID, SECONDS, task_name="refund")


@pytest.mark.parametrize("kind", ["done", "joined", "", None])
def test_only_what_has_no_result_is_settled(bucket: str, wire: Wire, kind: Any) -> None:
    """Whatever else is asked for is refused, and nothing is written."""
    with pytest.raises(StorageSettingError, match=f"can't be settled as {kind!r}"):
        S3Ledger().settle(TASK_ID, kind)
    assert wire.calls == []


def test_a_bucket_that_does_not_exist_is_told() -> None:
    """Without a bucket there is nothing to settle in, named or not."""
    with pytest.raises(MissingBucketError, match="set the environment variable"):
        S3Ledger().settle(TASK_ID, "cancelled")


@pytest.mark.usefixtures("aws")
def test_a_bucket_that_is_gone_is_told() -> None:
    """A bucket that isn't there is named."""
    with pytest.raises(MissingBucketError, match="the bucket 'nowhere' doesn't exist"):
        S3Ledger(bucket="nowhere").settle(TASK_ID, "cancelled")


def conflicts(times: int) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Answer as S3 does when the write of a claim meets another one under way."""
    left = [*range(times)]

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation != "PUT" or "%21claim" not in call.path or not left:
            return forward()
        left.pop()
        return refusal(409, "ConditionalRequestConflict")

    return treat


def test_a_conflict_of_which_nothing_came_ends_no_first_claim(bucket: str, wire: Wire) -> None:
    """Where the write that ours met left no claim, ours is tried again until one stands."""
    wire.treatment = conflicts(2)
    outcome, is_ours = S3Ledger().settle(TASK_ID, "cancelled")
    assert is_ours
    assert S3Ledger().claim(TASK_ID, SECONDS) == outcome


def test_a_claim_that_comes_and_goes_is_an_error(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """A Task that could be claimed after all is not said to be cancelled."""
    wire.treatment = conflicts(100)
    with pytest.raises(LedgerError, match=f"the claim of the Task {TASK_ID} changed each of the 5"):
        S3Ledger().settle(TASK_ID, "cancelled")
    assert keys(aws, bucket) == []


@pytest.mark.parametrize("number", [0, 1])
def test_a_lost_answer_leaves_the_outcome_ours(bucket: str, wire: Wire, number: int) -> None:
    """When the answer to either write gets lost, the retry finds our own in place."""
    S3Ledger(folder="before").settle(TASK_ID, "cancelled")
    puts: list[Call] = []

    def lose(call: Call, forward: Callable[[], Answer]) -> Answer | None:
        answer = forward()
        if call.operation == "PUT":
            puts.append(call)
            return None if len(puts) == number + 1 else answer
        return answer

    wire.treatment = lose
    outcome, is_ours = S3Ledger().settle(TASK_ID, "cancelled", task_name="pay")
    assert is_ours
    assert len(puts) == 3
    assert S3Ledger().settle(TASK_ID, "cancelled") == (outcome, False)


def test_a_throttled_write_is_tried_again(bucket: str, wire: Wire) -> None:
    """Whoever S3 asks to slow down settles and finishes a Task a little later."""
    claim = claimed()
    left = ["finish", "settle"]

    def slow_down(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation == "PUT" and "%21done" in call.path and left:
            left.pop()
            return refusal(503, "SlowDown")
        return forward()

    wire.treatment = slow_down
    outcome, is_ours = S3Ledger().settle(TASK_ID, "cancelled")
    assert is_ours
    assert S3Ledger().finish(claim, 1) == outcome
    assert left == []


class Turns:
    """Has S3 take the calls of several callers in a given order, one at a time.

    Args:
        order: Whose call is taken next, time after time; once all have had their turns,
            or an end, whoever calls.
    """

    def __init__(self, order: Sequence[str]) -> None:
        self._order = list(order)
        self._ended: set[str] = set()
        self._changes = Condition()

    def treat(self, call: Call, forward: Callable[[], Answer]) -> Answer:
        """Hand a call on when it is its caller's turn, whom the signature names."""
        caller = call.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        with self._changes:
            assert self._changes.wait_for(lambda: self._next() in (caller, None), timeout=60)
            answer = forward()
            del self._order[:1]
            self._changes.notify_all()
            return answer

    def end(self, caller: str) -> None:
        """Have nobody wait for a caller any more."""
        with self._changes:
            self._ended.add(caller)
            self._changes.notify_all()

    def _next(self) -> str | None:
        self._order = [caller for caller in self._order if caller not in self._ended]
        return self._order[0] if self._order else None


@pytest.fixture
def proved(aws: LocalAWS, bucket: str, wire: Wire) -> Iterator[str]:
    """The worker's bucket, of which all callers know that conditions hold there.

    A thread's calls are signed by the thread's name. To prove a condition takes a lock, which
    whose turn it isn't would hold.
    """
    import boto3

    clients = {
        name: boto3.client(
            "s3", endpoint_url=aws.proxy_url, aws_access_key_id=name, aws_secret_access_key="local"
        )
        for name in (*CALLERS, current_thread().name)
    }
    with aws_clients_from(lambda _: clients[current_thread().name]):
        for _ in range(2):
            S3Ledger().release(claimed())
        yield bucket


def played(
    wire: Wire, parts: Sequence[str], order: Sequence[str]
) -> dict[str, tuple[Outcome | None, bool]]:
    """Have each do its part, in an order of their calls of S3, and return what each was told."""
    turns = Turns(order)

    def play(name: str) -> tuple[Outcome | None, bool]:
        current_thread().name = name
        try:
            return CALLERS[name]()
        finally:
            turns.end(name)

    wire.treatment = turns.treat
    with ThreadPoolExecutor(len(parts)) as threads:
        told = dict(zip(parts, threads.map(play, parts), strict=True))
    wire.treatment = None
    return told


def empty(aws: LocalAWS, bucket: str) -> None:
    """Remove all that stands in a bucket."""
    for key in keys(aws, bucket):
        aws.client("s3").delete_object(Bucket=bucket, Key=key)


def work() -> tuple[Outcome | None, bool]:
    """Claim the Task, run it, and finish it; tell what came of it, and whether by this run."""
    answer = S3Ledger().claim(TASK_ID, SECONDS)
    if isinstance(answer, Claim):
        outcome = S3Ledger().finish(answer, "by the worker")
        return outcome, outcome.kind == "done"
    assert answer is None or isinstance(answer, Outcome)
    return answer, False


def cancel() -> tuple[Outcome | None, bool]:
    """Cancel the Task."""
    return S3Ledger().settle(TASK_ID, "cancelled")


def expire() -> tuple[Outcome | None, bool]:
    """Let the Task expire."""
    return S3Ledger().settle(TASK_ID, "expired")


CALLERS = {"worker": work, "other": work, "canceller": cancel, "expirer": expire}


def check(told: Mapping[str, tuple[Outcome | None, bool]]) -> None:
    """Check that what stands is one's own outcome, and known to all that know any."""
    standing = Outcomes().find(TASK_ID)
    assert standing is not None
    assert S3Ledger().claim(TASK_ID, SECONDS) == standing
    assert {outcome for outcome, _ in told.values()} <= {standing, None}
    (winner,) = (name for name, (_, is_ours) in told.items() if is_ours)
    kinds = {"worker": "done", "other": "done", "canceller": "cancelled", "expirer": "expired"}
    assert standing.kind == kinds[winner]


def orders(workers: int, settlers: int) -> Iterator[list[str]]:
    """Give each order of so many calls of a worker, and of who cancels its Task."""
    count = workers + settlers
    for places in combinations(range(count), settlers):
        yield ["canceller" if place in places else "worker" for place in range(count)]


@pytest.mark.parametrize(("before", "calls"), [("nothing", 5), ("a try that died", 6)])
def test_in_any_order_one_wins_and_all_know_who(
    aws: LocalAWS, proved: str, wire: Wire, before: str, calls: int
) -> None:
    """However the calls of who runs and of who cancels a Task fall, one outcome is everybody's."""
    winners = set()
    # A third of the orders: all of them take as many times as long.
    for order in islice(orders(calls, 3), 0, None, 3):
        empty(aws, proved)
        if before == "a try that died":
            assert isinstance(S3Ledger().claim(TASK_ID, -5), Claim)
        told = played(wire, ["worker", "canceller"], order)
        check(told)
        winners |= {name for name, (_, is_ours) in told.items() if is_ours}
    assert winners == {"worker", "canceller"}


def test_of_many_that_settle_and_finish_one_wins(aws: LocalAWS, proved: str, wire: Wire) -> None:
    """Of two workers and two who settle their Task, in any order, exactly one has the outcome."""

    @settings(max_examples=15)
    @given(st.lists(st.sampled_from(sorted(CALLERS)), max_size=20))
    def play(order: list[str]) -> None:
        empty(aws, proved)
        check(played(wire, list(CALLERS), order))

    play()


def test_what_is_settled_stays_so_when_its_claim_has_lapsed(bucket: str, wire: Wire) -> None:
    """However long ago a Task was cancelled, nobody is given it."""
    clock = S3Clock(wire)
    claimed()
    outcome, _ = S3Ledger().settle(TASK_ID, "cancelled")
    for _ in range(3):
        clock.goes_on(SECONDS + 2)
        assert S3Ledger().claim(TASK_ID, SECONDS) == outcome
