"""A claim knows whose it is, and whether its Task may have run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from algernon_storage import Claim, LedgerError, OtherTaskError, Outcome, S3Ledger

from ..s3_clock import S3Clock
from .objects import get, put

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire

TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
CLAIM_KEY = f"cache/{TASK_ID}!claim.json"


def claimed(task_name: str | None = "pay") -> Claim:
    """Return a claim for the Task, which has to be free."""
    claim = S3Ledger().claim(TASK_ID, 30, task_name=task_name)
    assert isinstance(claim, Claim)
    return claim


@pytest.mark.parametrize("name", ["pay", "Überweisung #1/2 %41"])
def test_one_id_is_one_task_s(bucket: str, name: str) -> None:
    """Under the id of a claimed, a released or a done Task, one of another name is refused."""
    claim = claimed(name)
    with pytest.raises(OtherTaskError, match="'refund'"):
        S3Ledger().claim(TASK_ID, 30, task_name="refund")
    S3Ledger().release(claim)
    with pytest.raises(OtherTaskError):
        S3Ledger().claim(TASK_ID, 30, task_name="refund")
    S3Ledger().finish(claimed(name), {"paid": 1})
    with pytest.raises(OtherTaskError, match=TASK_ID):
        S3Ledger().claim(TASK_ID, 30, task_name="refund")
    assert isinstance(S3Ledger().claim(TASK_ID, 30, task_name=name), Outcome)


def test_an_outcome_knows_its_task_when_the_claim_is_gone(aws: LocalAWS, bucket: str) -> None:
    """The name stands with the outcome too, which may outlive the claim."""
    S3Ledger().finish(claimed(), {"paid": 1})
    aws.client("s3").delete_object(Bucket=bucket, Key=CLAIM_KEY)
    older = {"holder": "somebody", "seconds": 30}
    put(aws, bucket, CLAIM_KEY, json.dumps(older))
    with pytest.raises(OtherTaskError):
        S3Ledger().claim(TASK_ID, 30, task_name="refund")


def test_claims_that_note_no_name_are_anybody_s(bucket: str) -> None:
    """What an older version or a caller without a name noted is no other Task's."""
    S3Ledger().finish(claimed(None), {"paid": 1})
    assert isinstance(S3Ledger().claim(TASK_ID, 30, task_name="pay"), Outcome)
    assert isinstance(S3Ledger().claim(TASK_ID, 30), Outcome)


def test_another_task_is_an_error_of_the_ledger() -> None:
    """Who catches what a ledger raises catches this too."""
    assert issubclass(OtherTaskError, LedgerError)


def test_the_first_claim_is_of_a_task_that_never_ran(bucket: str) -> None:
    """Before the first claim nothing ran; what was claimed and not released may have."""
    claim = claimed()
    assert not claim.may_have_run
    S3Ledger().release(claim)
    assert not claimed().may_have_run


def test_who_ran_a_task_says_so_when_releasing_it(bucket: str) -> None:
    """A claim that is released as one whose Task may have run stays such a one for good."""
    S3Ledger().release(replace(claimed(), may_have_run=True))
    claim = claimed()
    assert claim.may_have_run
    S3Ledger().release(claim)
    assert claimed().may_have_run


def test_a_lapsed_claim_may_have_run(bucket: str, wire: Wire) -> None:
    """Nobody knows how far a worker got whose claim lapsed."""
    clock = S3Clock(wire)
    claimed()
    clock.goes_on(60)
    assert claimed().may_have_run


def test_older_claims_may_have_run(aws: LocalAWS, bucket: str) -> None:
    """A claim that an older version gave back doesn't say, so its Task may have run."""
    put(aws, bucket, CLAIM_KEY, json.dumps({"holder": None, "seconds": None}))
    assert claimed().may_have_run


def test_older_versions_can_read_a_claim(aws: LocalAWS, bucket: str) -> None:
    """What stands in the bucket has what older versions look for."""
    claimed()
    claim = json.loads(get(aws, bucket, CLAIM_KEY))
    assert isinstance(claim["holder"], str)
    assert claim["seconds"] == 30


def test_a_ledger_of_one_s_own_need_not_tell() -> None:
    """A claim that says nothing more is that of a Task that may have run."""
    assert Claim(str(uuid4()), token="").may_have_run
