"""What came of Tasks is found, written once, copied and read, wherever it lies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_serialize import ajson
from algernon_storage import (
    Claim,
    Document,
    FailureNote,
    Kind,
    LedgerError,
    MalformedObjectError,
    MissingBucketError,
    MissingObjectError,
    OtherTaskError,
    Outcome,
    Outcomes,
    ReadLimitError,
    S3Ledger,
    StoredData,
    UntrustedBucketError,
)

from .objects import get, keys, put, put_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Answer, Call, Wire

TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
OTHER_ID = "5c3f8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
DONE_KEY = f"cache/{TASK_ID}!done.json"
FAILED_KEY = f"cache/{TASK_ID}!failed.json"
RESULT = {"pair": (1, 2)}
NOTE = FailureNote("ValueError", "no such order", OTHER_ID, 3, "pay")


def done(result: Any = RESULT) -> Outcome:
    """Return the outcome of the Task, which a worker finishes under the ledger."""
    claim = S3Ledger().claim(TASK_ID, 30)
    assert isinstance(claim, Claim)
    return S3Ledger().finish(claim, result)


def test_what_a_ledger_has_is_found_by_one_head(bucket: str, wire: Wire) -> None:
    """The outcome of a Task under a ledger is there for all, and that of another one isn't."""
    outcome = done()
    wire.clear()
    assert Outcomes().find(TASK_ID) == outcome
    assert Outcomes().find(OTHER_ID) is None
    assert wire.counted() == {"s3 HEAD": 2}


@pytest.mark.parametrize("kind", ["done", "failed", "cancelled", "expired"])
@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("ends_chain", [True, False])
def test_what_is_written_is_known_ever_after(
    bucket: str, kind: Kind, is_kept: bool, ends_chain: bool
) -> None:
    """Its kind, whether it was kept, and whether it ends its chain, as what isn't done does."""
    outcomes = Outcomes()
    written = outcomes.write(
        TASK_ID, Document.of(RESULT), kind=kind, ends_chain=ends_chain, is_kept=is_kept
    )
    ends_chain = ends_chain or kind != "done"
    outcome = Outcome(f"{bucket}#{DONE_KEY}", ends_chain, kind, is_kept)
    assert written == (outcome, True)
    assert outcomes.find(TASK_ID) == outcome
    assert S3Ledger().finish(Claim(TASK_ID, ""), 2) == outcome
    assert StoredData.retrieve(outcome.pointer).data == RESULT


def test_the_first_one_stands(bucket: str) -> None:
    """Whatever is written for the id after it, each is told so, though it were the same."""
    outcome = done()
    assert Outcomes().write(TASK_ID, Document.of(RESULT)) == (outcome, False)
    assert Outcomes().write(TASK_ID, Document.of({}), kind="expired") == (outcome, False)
    assert Outcomes().document(outcome) == ajson.dumpb(RESULT)


def test_a_lost_answer_leaves_the_outcome_ours(bucket: str, wire: Wire) -> None:
    """When the answer to the write gets lost, the retry finds our own in place."""
    Outcomes().write(OTHER_ID, Document.of({}))
    answers: list[Answer] = []

    def lose_the_first(call: Call, forward: Callable[[], Answer]) -> Answer | None:
        answers.append(forward())
        return answers[-1] if len(answers) > 1 else None

    wire.treatment = lose_the_first
    outcome, is_this = Outcomes().write(TASK_ID, Document.of(RESULT), is_kept=True)
    assert is_this
    assert [answer.status for answer in answers] == [200, 412, 200]
    assert Outcomes().write(TASK_ID, Document.of(RESULT), is_kept=True) == (outcome, False)


def test_an_outcome_that_comes_and_goes_is_an_error(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """What removes it whenever it is looked at is to be looked for, and the place is named."""
    Outcomes().write(TASK_ID, Document.of({}))

    def remove(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation == "HEAD":
            aws.client("s3").delete_object(Bucket=bucket, Key=DONE_KEY)
            answer = forward()
            put(aws, bucket, DONE_KEY, b"{}")
            return answer
        return forward()

    wire.treatment = remove
    with pytest.raises(LedgerError, match=f"{DONE_KEY} was there each of the 5 times"):
        Outcomes().write(TASK_ID, Document.of({}))


@pytest.mark.parametrize("ends_chain", [True, False])
def test_older_versions_outcomes_are_done_and_not_kept(
    aws: LocalAWS, bucket: str, ends_chain: bool
) -> None:
    """An object that notes neither kind nor keeping is the result of a Task that is done."""
    aws.client("s3").put_object(
        Bucket=bucket,
        Key=DONE_KEY,
        Body=b'{"data_string":{"n":1},"full_unpack":true,"safe_mode":false}',
        Metadata={"ends-chain": "yes"} if ends_chain else {},
    )
    outcome = Outcome(f"{bucket}#{DONE_KEY}", ends_chain, "done", is_kept=False)
    assert Outcomes().find(TASK_ID) == outcome
    assert S3Ledger().settle(TASK_ID, "cancelled") == (outcome, False)
    assert S3Ledger().claim(TASK_ID, 30) == outcome
    assert S3Ledger().state(TASK_ID) == "done"
    assert Outcomes().document(outcome) == b'{"n":1}'


def test_what_is_done_notes_no_more_than_it_needs(aws: LocalAWS, bucket: str) -> None:
    """A result that nobody asked to keep notes no kind and no keeping; others do."""

    def notes(task_id: str) -> dict[str, str]:
        key = f"cache/{task_id}!done.json"
        metadata = aws.client("s3").head_object(Bucket=bucket, Key=key)["Metadata"]
        ours = ("kind", "kept", "ends-chain", "task-name")
        return {name: metadata[name] for name in ours if name in metadata}

    done()
    assert notes(TASK_ID) == {}
    Outcomes().write(
        OTHER_ID, Document.of({}), kind="cancelled", is_kept=True, task_name="Überweisung"
    )
    assert notes(OTHER_ID) == {
        "kind": "cancelled",
        "kept": "yes",
        "ends-chain": "yes",
        "task-name": "%C3%9Cberweisung",
    }


def test_a_kind_of_a_newer_version_is_no_success(aws: LocalAWS, bucket: str) -> None:
    """Nobody takes it for done: claim, settle and find say what to do."""
    aws.client("s3").put_object(
        Bucket=bucket, Key=DONE_KEY, Body=b"{}", Metadata={"kind": "postponed"}
    )
    S3Ledger().release(Claim(TASK_ID, ""))
    for look in (
        lambda: Outcomes().find(TASK_ID),
        lambda: S3Ledger().settle(TASK_ID, "cancelled"),
        lambda: S3Ledger().claim(TASK_ID, 30),
        lambda: S3Ledger().finish(Claim(TASK_ID, ""), 1),
        lambda: S3Ledger().state(TASK_ID),
    ):
        with pytest.raises(LedgerError, match="kind 'postponed', which this version"):
            look()


def test_another_task_s_outcome_is_refused(bucket: str) -> None:
    """Who names its Task gets no outcome of one of another name."""
    Outcomes().write(TASK_ID, Document.of({}), task_name="pay")
    assert Outcomes().find(TASK_ID, task_name="pay")
    assert Outcomes().find(TASK_ID)
    with pytest.raises(OtherTaskError, match="'refund'"):
        Outcomes().find(TASK_ID, task_name="refund")
    with pytest.raises(OtherTaskError, match="'refund'"):
        Outcomes().write(TASK_ID, Document.of({}), task_name="refund")


@pytest.mark.parametrize("kind", ["done", "expired"])
def test_an_outcome_is_copied_to_another_place_and_id(
    aws: LocalAWS, bucket: str, kind: Kind
) -> None:
    """What a ledger elsewhere has becomes the outcome of an id here, as it stands."""
    elsewhere = Outcomes(folder="cache/pay")
    source, _ = elsewhere.write(TASK_ID, Document.of(RESULT), kind=kind)
    outcome = Outcome(f"{bucket}#cache/{OTHER_ID}!done.json", kind != "done", kind, is_kept=True)
    assert Outcomes().copy(OTHER_ID, source) == (outcome, True)
    assert Outcomes().copy(OTHER_ID, source) == (outcome, False)
    assert Outcomes().document(outcome) == ajson.dumpb(RESULT)
    assert get(aws, bucket, f"cache/{OTHER_ID}!done.json") == Document.of(RESULT).text


def test_an_outcome_is_copied_from_a_ledger_that_no_pointer_leads_to(
    aws: LocalAWS, bucket: str
) -> None:
    """A ledger is the worker's own, and needn't be trusted as what a message names."""
    aws.client("s3").create_bucket(
        Bucket="ledgers", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    source, _ = Outcomes(bucket="ledgers").write(TASK_ID, Document.of(RESULT))
    with pytest.raises(UntrustedBucketError, match="ledgers"):
        Outcomes().document(source)
    outcome, _ = Outcomes().copy(TASK_ID, source, is_kept=False)
    assert outcome == Outcome(f"{bucket}#{DONE_KEY}")
    assert Outcomes().document(outcome) == ajson.dumpb(RESULT)


def test_what_others_wrote_is_copied(aws: LocalAWS, bucket: str) -> None:
    """What a ledger of somebody's own wrote need only be stored data, of any form."""
    tagged = {"pair": {"_alg_class": "tuple", "value": [1, 2]}, "own": {"#alg": 1}}
    pointer = put_document(aws, bucket, "results/mine!1.json", tagged, full_unpack=True)
    outcome, _ = Outcomes().copy(TASK_ID, Outcome(pointer))
    assert StoredData.retrieve(outcome.pointer).data == {"pair": (1, 2), "own": {"#alg": 1}}


def test_an_outcome_that_is_there_is_not_copied_onto_itself(bucket: str, wire: Wire) -> None:
    """A copy to where it lies costs nothing."""
    outcome = done()
    wire.clear()
    assert Outcomes().copy(TASK_ID, outcome) == (outcome, True)
    assert wire.calls == []


def test_what_is_gone_is_told(aws: LocalAWS, bucket: str) -> None:
    """An outcome whose object was removed since can be neither copied nor read."""
    outcome = done()
    aws.client("s3").delete_object(Bucket=bucket, Key=DONE_KEY)
    with pytest.raises(MissingObjectError, match="nothing is stored"):
        Outcomes().copy(OTHER_ID, outcome)
    with pytest.raises(MissingObjectError, match="nothing is stored"):
        Outcomes().document(outcome)


def test_reading_is_bounded(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result is read up to the limit of what a pointer leads to, and copied so too."""
    outcome = done("x" * 1000)
    monkeypatch.setenv("ALGERNON_MAX_READ_BYTES", "1000")
    with pytest.raises(ReadLimitError, match="ALGERNON_MAX_READ_BYTES"):
        Outcomes().document(outcome)
    with pytest.raises(ReadLimitError, match="ALGERNON_MAX_READ_BYTES"):
        Outcomes().copy(OTHER_ID, outcome)


def test_what_is_no_stored_data_is_told(aws: LocalAWS, bucket: str) -> None:
    """What somebody else wrote in an outcome's place is named."""
    place = put(aws, bucket, DONE_KEY, b'{"n":1}')
    outcome = Outcomes().find(TASK_ID)
    assert outcome is not None
    with pytest.raises(MalformedObjectError, match=f"{place} isn't stored data"):
        Outcomes().document(outcome)


def test_a_large_result_is_kept_whole(bucket: str) -> None:
    """What goes to S3 in parts is written once and read as any other."""
    result = "x" * 9 * 1024 * 1024
    outcome, is_this = Outcomes().write(TASK_ID, Document.of(result))
    assert is_this
    assert Outcomes().write(TASK_ID, Document.of(result)) == (outcome, False)
    assert ajson.loads(Outcomes().document(outcome)) == result


def test_a_kept_result_says_so(bucket: str) -> None:
    """A worker that finishes a Task whose sender waits notes it, for every later claim too."""
    claim = S3Ledger().claim(TASK_ID, 30)
    assert isinstance(claim, Claim)
    outcome = S3Ledger().finish(claim, RESULT, is_kept=True)
    assert outcome.is_kept
    assert S3Ledger().claim(TASK_ID, 30) == outcome
    assert Outcomes().find(TASK_ID) == outcome


def test_a_failure_is_noted_and_noted_anew_and_forgotten(aws: LocalAWS, bucket: str) -> None:
    """It says why a Task failed, until another one takes its place or it is tried again."""
    outcomes = Outcomes()
    assert outcomes.failure(TASK_ID) is None
    outcomes.note_failure(TASK_ID, NOTE)
    assert outcomes.failure(TASK_ID) == NOTE
    again = FailureNote("OSError", "…", TASK_ID, 4)
    outcomes.note_failure(TASK_ID, again)
    assert outcomes.failure(TASK_ID) == again
    for _ in range(2):
        outcomes.forget_failure(TASK_ID)
        assert outcomes.failure(TASK_ID) is None
    assert keys(aws, bucket) == []


def test_a_failure_is_no_outcome(bucket: str) -> None:
    """What failed is claimed, finished and settled as if nobody had noted it."""
    Outcomes().note_failure(TASK_ID, NOTE)
    assert Outcomes().find(TASK_ID) is None
    outcome = done()
    assert outcome.kind == "done"
    assert Outcomes().find(TASK_ID) == outcome
    assert S3Ledger().state(TASK_ID) == "done"


def test_what_reads_as_a_failure_is_small_and_plain(aws: LocalAWS, bucket: str) -> None:
    """A note is plain JSON, which any program can read."""
    Outcomes().note_failure(TASK_ID, NOTE)
    assert json.loads(get(aws, bucket, FAILED_KEY)) == {
        "error": "ValueError",
        "reason": "no such order",
        "task_id": OTHER_ID,
        "attempts": 3,
        "task_name": "pay",
    }


@pytest.mark.parametrize(
    "body",
    [b"garbage", b"[]", b'{"error": "E"}', b"[" * 60_000, b'{"reason": "' + b"x" * 70_000 + b'"}'],
    ids=["garbage", "list", "part", "nested", "long"],
)
def test_what_notes_no_failure_is_told(aws: LocalAWS, bucket: str, body: bytes) -> None:
    """What somebody else wrote in its place is named."""
    place = put(aws, bucket, FAILED_KEY, body)
    with pytest.raises(MalformedObjectError, match=f"{place} notes no failure"):
        Outcomes().failure(TASK_ID)


def test_place_is_looked_up_at_use(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is made where nothing is set yet, and follows the worker's own bucket and folder."""
    monkeypatch.delenv("ALGERNON_BUCKET_NAME")
    outcomes = Outcomes()
    with pytest.raises(MissingBucketError, match="ALGERNON_BUCKET_NAME"):
        outcomes.find(TASK_ID)
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", bucket)
    monkeypatch.setenv("CACHE_FOLDER_NAME", "mine")
    outcomes.write(TASK_ID, Document.of({}))
    assert keys(aws, bucket) == [f"mine/{TASK_ID}!done.json"]


@pytest.mark.usefixtures("aws")
def test_a_bucket_that_is_gone_is_told() -> None:
    """Whatever writes, or reads a failure, names a bucket that isn't there."""
    outcomes = Outcomes(bucket="nowhere")
    for call in (
        lambda: outcomes.write(TASK_ID, Document.of({})),
        lambda: outcomes.failure(TASK_ID),
        lambda: outcomes.note_failure(TASK_ID, NOTE),
        lambda: outcomes.forget_failure(TASK_ID),
    ):
        with pytest.raises(MissingBucketError, match="the bucket 'nowhere' doesn't exist"):
            call()
    assert outcomes.find(TASK_ID) is None
