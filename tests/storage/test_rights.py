"""What becomes of a worker whose role lacks a right in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from algernon_storage import (
    Claim,
    Document,
    FailureNote,
    MissingObjectError,
    Objects,
    Outcome,
    Outcomes,
    S3Ledger,
    StoredData,
)
from botocore.exceptions import ClientError

from ..s3_clock import S3Clock
from ..wire import Answer, Call, Treatment
from .objects import put_document, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Wire

TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
SECONDS = 30
NOTE = FailureNote("ValueError", "no such order", TASK_ID, 3)

#: What S3 says to who lacks a right: to a caller from the bucket's own account, and to others.
OWN_ACCOUNT = (
    "User: arn:aws:sts::123456789012:assumed-role/worker/worker is not authorized to perform:"
    ' {} on resource: "arn:aws:s3:::worker-bucket" because no identity-based policy allows the'
    " {} action"
)
OTHER_ACCOUNT = "Access Denied"


def denial(call: Call, message: str) -> Answer:
    """Return how S3 denies something; the answer to a HEAD has no body."""
    body = f"<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>"
    return Answer(403, [], b"" if call.operation == "HEAD" else body.encode())


def without_list_bucket(message: str, then: Treatment | None = None) -> Treatment:
    """Answer as S3 does to a worker that may get and put objects, but not list the bucket."""

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer | None:
        answer = then(call, forward) if then else forward()
        if answer is not None and call.operation in {"GET", "HEAD"} and answer.status == 404:
            return denial(call, message.format(*["s3:ListBucket"] * 2))
        return answer

    return treat


def without_get_object(call: Call, forward: Callable[[], Answer]) -> Answer:
    """Answer as S3 does to a worker that may only write."""
    if call.operation in {"GET", "HEAD"}:
        return denial(call, OWN_ACCOUNT.format(*["s3:GetObject"] * 2))
    return forward()


@pytest.fixture(params=[OWN_ACCOUNT, OTHER_ACCOUNT], ids=["own account", "other account"])
def message(request: pytest.FixtureRequest) -> str:
    """What S3 says to who lacks s3:ListBucket."""
    text: str = request.param
    return text


def claimed() -> Claim:
    """Return a claim for the Task, which has to be free."""
    claim = S3Ledger().claim(TASK_ID, SECONDS)
    assert isinstance(claim, Claim)
    return claim


def test_a_task_that_failed_runs_again_without_list_bucket(
    bucket: str, wire: Wire, message: str
) -> None:
    """A claim that was given back can be taken by who may get and put objects, and no more."""
    wire.treatment = without_list_bucket(message)
    for _ in range(3):
        S3Ledger().release(claimed())


def test_a_task_that_runs_elsewhere_is_let_run_without_list_bucket(
    bucket: str, wire: Wire, message: str
) -> None:
    """While a claim holds, nobody else gets one, whether or not the bucket may be listed."""
    wire.treatment = without_list_bucket(message)
    claimed()
    assert S3Ledger().claim(TASK_ID, SECONDS) is None


def test_a_task_that_is_done_is_known_without_list_bucket(
    bucket: str, wire: Wire, message: str
) -> None:
    """An outcome is found by who may get objects, whoever had the claim last."""
    clock = S3Clock(wire)
    wire.treatment = without_list_bucket(message, clock.treat)
    slow = claimed()
    clock.goes_on(SECONDS + 2)
    if message == OWN_ACCOUNT:
        S3Ledger().release(claimed())
    outcome = S3Ledger().finish(slow, {"n": 1})
    for _ in range(2):
        assert S3Ledger().claim(TASK_ID, SECONDS) == outcome
        clock.goes_on(SECONDS + 2)


def test_a_worker_that_died_is_followed_where_s3_says_what_is_missing(
    bucket: str, wire: Wire
) -> None:
    """A lapsed claim is taken over where S3's denial says that nothing is there."""
    clock = S3Clock(wire)
    wire.treatment = without_list_bucket(OWN_ACCOUNT, clock.treat)
    claimed()
    clock.goes_on(SECONDS + 2)
    claimed()


def test_what_nobody_can_know_names_the_right(bucket: str, wire: Wire) -> None:
    """Where a denial may hide an outcome, nothing runs twice, and the error says what is needed."""
    clock = S3Clock(wire)
    wire.treatment = without_list_bucket(OTHER_ACCOUNT, clock.treat)
    claimed()
    clock.goes_on(SECONDS + 2)
    with pytest.raises(ClientError, match=r"403.*s3:ListBucket on the bucket 'worker-bucket'"):
        S3Ledger().claim(TASK_ID, SECONDS)
    # With the right, it goes on.
    wire.treatment = clock.treat
    clock.goes_on(SECONDS + 2)
    claimed()


def test_what_is_gone_is_told_from_what_is_denied(bucket: str, wire: Wire) -> None:
    """Without s3:ListBucket, S3's denial of it says that there is no such object."""
    wire.treatment = without_list_bucket(OWN_ACCOUNT)
    with pytest.raises(MissingObjectError, match="nothing is stored"):
        StoredData.retrieve(f"{bucket}#cache/n!1.json")
    wire.treatment = without_list_bucket(OTHER_ACCOUNT)
    with pytest.raises(ClientError, match=r"AccessDenied.*denies also what isn't there"):
        StoredData.retrieve(f"{bucket}#cache/n!1.json")


def test_who_may_not_read_is_told(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """Without s3:GetObject, reading and taking a claim over say which rights are needed."""
    pointer = put_document(aws, bucket, "cache/n!1.json", [1])
    claim = claimed()
    wire.treatment = without_get_object
    needed = "role needs s3:GetObject on the objects there, s3:ListBucket"
    with pytest.raises(ClientError, match=needed):
        StoredData.retrieve(pointer)
    with pytest.raises(ClientError, match=needed):
        S3Ledger().claim(TASK_ID, SECONDS)
    wire.treatment = None
    assert isinstance(S3Ledger().finish(claim, 1), Outcome)
    wire.treatment = without_get_object
    with pytest.raises(ClientError, match=needed):
        S3Ledger().finish(claim, 2)


def test_who_may_not_write_is_told(bucket: str, wire: Wire) -> None:
    """Without s3:PutObject, whatever writes says which right is needed."""
    claim = claimed()
    wire.treatment = lambda call, forward: denial(call, OTHER_ACCOUNT)
    writes: tuple[Callable[[], object], ...] = (
        lambda: StoredData("n", [1]).store(),
        lambda: StoredData("n", "x" * 9 * 1024 * 1024).store(),
        claimed,
        lambda: S3Ledger().finish(claim, 1),
        lambda: S3Ledger().release(claim),
        lambda: S3Ledger().settle(TASK_ID, "cancelled"),
        lambda: S3Ledger().expand(claim, "group"),
        lambda: Outcomes().write(TASK_ID, Document.of({})),
        lambda: Outcomes().note_failure(TASK_ID, NOTE),
        lambda: Objects().create("group!header", b"{}"),
    )
    for write in writes:
        with pytest.raises(ClientError, match=r"AccessDenied.* role needs s3:PutObject on"):
            write()


@pytest.mark.parametrize("text", [OWN_ACCOUNT, OTHER_ACCOUNT])
def test_who_may_not_delete_is_told(bucket: str, wire: Wire, text: str) -> None:
    """Without s3:DeleteObject, what forgets a failure says which right is needed."""
    Outcomes().note_failure(TASK_ID, NOTE)
    wire.treatment = lambda call, forward: denial(call, text.format(*["s3:DeleteObject"] * 2))
    with pytest.raises(ClientError, match=r"AccessDenied.* role needs s3:DeleteObject on"):
        Outcomes().forget_failure(TASK_ID)
    with pytest.raises(ClientError, match=r"AccessDenied.* role needs s3:DeleteObject on"):
        Objects().delete(f"{TASK_ID}!failed")
    wire.treatment = None
    assert Outcomes().failure(TASK_ID) == NOTE


def test_what_is_not_there_is_known_where_s3_says_what_is_missing(bucket: str, wire: Wire) -> None:
    """Without s3:ListBucket, what nobody has written is none where the denial names that right."""
    wire.treatment = without_list_bucket(OWN_ACCOUNT)
    assert Outcomes().find(TASK_ID) is None
    assert Outcomes().failure(TASK_ID) is None
    assert Objects().find("group!header", most=100) is None
    assert S3Ledger().state(TASK_ID) == "unknown"


def test_what_nobody_can_know_of_an_outcome_names_the_right(bucket: str, wire: Wire) -> None:
    """Without s3:ListBucket, what a denial may hide isn't taken for missing."""
    wire.treatment = without_list_bucket(OTHER_ACCOUNT)
    for look in (
        lambda: Outcomes().find(TASK_ID),
        lambda: Outcomes().failure(TASK_ID),
        lambda: Objects().find("group!header", most=100),
        lambda: S3Ledger().state(TASK_ID),
    ):
        with pytest.raises(ClientError, match=r"s3:ListBucket on the bucket 'worker-bucket'"):
            look()


def test_a_task_is_settled_without_list_bucket(bucket: str, wire: Wire, message: str) -> None:
    """To cancel a Task takes writing, and to be too late for it reading what is there."""
    wire.treatment = without_list_bucket(message)
    outcome, is_ours = S3Ledger().settle(TASK_ID, "cancelled", task_name="pay")
    assert is_ours
    assert S3Ledger().settle(TASK_ID, "cancelled", task_name="pay") == (outcome, False)
    assert S3Ledger().claim(TASK_ID, SECONDS) == outcome


def test_a_group_that_nobody_can_know_of_names_the_right(bucket: str, wire: Wire) -> None:
    """Where a denial may hide what a worker that died left, its Task isn't run again."""
    clock = S3Clock(wire)
    wire.treatment = without_list_bucket(OWN_ACCOUNT, clock.treat)
    S3Ledger().expand(claimed(), "group")
    wire.treatment = without_list_bucket(OTHER_ACCOUNT, clock.treat)
    clock.goes_on(SECONDS + 2)
    with pytest.raises(ClientError, match=r"s3:ListBucket on the bucket 'worker-bucket'"):
        S3Ledger().claim(TASK_ID, SECONDS)


def test_a_wrong_key_is_no_missing_right(bucket: str, wire: Wire) -> None:
    """What S3 refuses for another reason, such as an unknown caller, comes through as it is."""
    wire.treatment = lambda call, forward: refusal(403, "InvalidAccessKeyId")
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        StoredData.retrieve(f"{bucket}#cache/n!1.json")
