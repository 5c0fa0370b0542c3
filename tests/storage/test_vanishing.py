"""What is there already may be removed, by a lifecycle rule, before it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from algernon_storage import Claim, LedgerError, MissingObjectError, S3Ledger, StoredData

from ..wire import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Wire

TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"


def removing(aws: LocalAWS, times: int) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Remove an object that is looked at, right before that, so often."""
    left = [*range(times)]

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation in {"GET", "HEAD"} and left:
            left.pop()
            _, bucket, key = unquote(urlsplit(call.path).path).split("/", 2)
            aws.client("s3").delete_object(Bucket=bucket, Key=key)
        return forward()

    return treat


def putting_back(key: str, aws: LocalAWS) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Remove an object whenever it is looked at, and put it back whenever it is to be written."""
    remove = removing(aws, 1000)

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation == "PUT":
            aws.client("s3").put_object(Bucket="worker-bucket", Key=key, Body=b"")
        return remove(call, forward)

    return treat


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("deduplicate", [False, True])
def test_data_that_was_there_is_stored_anew(
    aws: LocalAWS, bucket: str, wire: Wire, compress: bool, deduplicate: bool
) -> None:
    """When what was there already is gone once it is looked at, the data is stored after all."""

    def stored() -> StoredData:
        if deduplicate:
            return StoredData("n", [1], compress=compress, deduplicate=True)
        return StoredData("n", [1], compress=compress, timestamp="1")

    stored().store()
    wire.treatment = removing(aws, 1)
    pointer = stored().store()
    wire.treatment = None
    assert StoredData.retrieve(pointer).data == [1]


def test_what_vanishes_each_time_is_an_error(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """An object that comes and goes whenever it is looked at ends in an error, not in a loop."""
    wire.treatment = putting_back("cache/n!1.json", aws)
    with pytest.raises(MissingObjectError):
        StoredData("n", [1], timestamp="1").store()


def test_a_task_is_finished_though_its_first_outcome_is_gone(
    aws: LocalAWS, bucket: str, wire: Wire
) -> None:
    """When the outcome that stood is gone once it is looked at, the result is kept after all."""
    ledger = S3Ledger()
    claim = ledger.claim(TASK_ID, 30)
    assert isinstance(claim, Claim)
    ledger.finish(claim, "first")
    wire.treatment = removing(aws, 1)
    outcome = ledger.finish(claim, "second", ends_chain=True)
    assert outcome.ends_chain
    assert StoredData.retrieve(outcome.pointer).data == "second"
    wire.treatment = putting_back(f"cache/{TASK_ID}!done.json", aws)
    with pytest.raises(LedgerError, match=f"{TASK_ID}!done.json was there each of the 5 times"):
        ledger.finish(claim, "third")
