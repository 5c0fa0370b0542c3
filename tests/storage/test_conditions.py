"""A ledger is refused where conditional writes don't hold, before two workers have one claim."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import algernon_storage
import boto3
import botocore
import pytest
from algernon_storage import Claim, LedgerError, S3Ledger, StoredData

from ..wire import Answer, Call
from .objects import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire import Wire

TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"


@pytest.fixture(autouse=True)
def _nothing_is_known(bucket: str) -> None:
    algernon_storage.reset()


def ignoring(header: str) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Answer as a store does that ignores a condition: every write under it is taken."""

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if header in call.headers and answer.status == 412:
            return Answer(200, [("ETag", f'"{uuid4().hex}"')], b"")
        return answer

    return treat


def test_a_store_that_ignores_if_none_match_is_refused(wire: Wire) -> None:
    """Where two first claims would both be given, none is, and the error says why."""
    wire.treatment = ignoring("if-none-match")
    for task_id in (TASK_ID, str(uuid4())):
        with pytest.raises(LedgerError, match="'worker-bucket' ignores If-None-Match"):
            S3Ledger().claim(task_id, 30)


def test_a_store_that_ignores_if_match_is_refused(wire: Wire) -> None:
    """Where two workers would both take a claim over, none does, and the error says why."""
    wire.treatment = ignoring("if-match")
    ledger = S3Ledger()
    claim = ledger.claim(TASK_ID, 30)
    assert isinstance(claim, Claim)
    ledger.release(claim)
    with pytest.raises(LedgerError, match="'worker-bucket' ignores If-Match"):
        ledger.claim(TASK_ID, 30)


def test_the_proof_costs_one_write_a_process_and_bucket(wire: Wire) -> None:
    """Ten claims at once cost one write more the first time, and none after that."""
    ledger = S3Ledger()
    with ThreadPoolExecutor(10) as threads:
        claims = list(threads.map(lambda _: ledger.claim(str(uuid4()), 30), range(10)))
    assert all(isinstance(claim, Claim) for claim in claims)
    assert wire.counted() == {"s3 PUT": 11}
    wire.clear()
    S3Ledger(folder="another").claim(TASK_ID, 30)
    assert wire.counted() == {"s3 PUT": 1}


def test_a_store_in_trouble_is_asked_again(wire: Wire) -> None:
    """A proof that failed for another reason is none, and the next claim asks for it."""
    puts: list[Call] = []

    def fail_the_second(call: Call, forward: Callable[[], Answer]) -> Answer:
        puts.append(call)
        return refusal(400, "InvalidRequest") if len(puts) == 2 else forward()

    wire.treatment = fail_the_second
    with pytest.raises(Exception, match="InvalidRequest"):
        S3Ledger().claim(TASK_ID, 30)
    assert isinstance(S3Ledger().claim(str(uuid4()), 30), Claim)
    assert len(puts) == 4


@pytest.mark.parametrize("module", [boto3, botocore])
@pytest.mark.parametrize("version", ["1.34.162", "1.35.73", "1.9.0", "1.35.0rc1"])
def test_an_old_boto3_is_refused(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, module: object, version: str
) -> None:
    """A boto3 that can't take a claim over isn't let make one, and everything else works."""
    monkeypatch.setattr(module, "__version__", version)
    with pytest.raises(LedgerError, match=rf"{version}.* is too old .*1\.35\.74 or newer"):
        S3Ledger().claim(TASK_ID, 30)
    assert wire.calls == []
    assert StoredData.retrieve(StoredData("n", [1]).store()).data == [1]


@pytest.mark.parametrize("version", ["1.35.74", "1.40.0", "2.0.0"])
def test_a_boto3_that_is_new_enough_is_none_too_old(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """From the oldest that the package asks for on, any version will do."""
    monkeypatch.setattr(boto3, "__version__", version)
    monkeypatch.setattr(botocore, "__version__", version)
    assert isinstance(S3Ledger().claim(TASK_ID, 30), Claim)
