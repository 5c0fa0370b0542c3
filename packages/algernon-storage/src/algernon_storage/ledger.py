"""Who runs a Task, and what came of it: so that a Task that is done isn't run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from algernon_serialize import MalformedJSONError, NestingError, ajson

from .buckets import own_bucket, own_folder, trust_ledger
from .clients import aws_client
from .conditions import check_boto3, check_store
from .document import write_document
from .errors import LedgerError, ReadLimitError
from .objects import (
    Answer,
    create_object,
    fetch,
    file_note,
    find_object,
    is_denied,
    is_missing,
    naming_rights_to_write,
    no_such_bucket,
)
from .pointer import Pointer

# S3 tells times to the second: a claim ends so much later than it says.
_CLOCK_SECONDS = 1

# A claim has a tenth of this.
_MAX_CLAIM_BYTES = 10_000

# How often a claim is looked at again that others change meanwhile.
_LOOKS = 5

_ENDS_CHAIN = "ends-chain"

# Amazon S3 User Guide, "Conditional writes": another write came before, is under way, or
# the object that was to be replaced is gone.
_CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a Task, until it lapses.

    Attributes:
        task_id: The Task's id.
        token: What the ledger knows the claim by.
    """

    task_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a Task that is done.

    Attributes:
        pointer: Where its result is stored, as a StoredData.
        ends_chain: Whether the Task ended its chain early, so that its callback
            gets nothing.
    """

    pointer: str
    ends_chain: bool = False


class Ledger(Protocol):
    """What ``@queued(once=…)`` asks of a ledger.

    Of all that finish one Task, the first one's result has to stand, and every
    claim that is given while a Task isn't done has to be the only one until it
    lapses or is released.
    """

    def claim(self, task_id: str, seconds: float) -> Claim | Outcome | None:
        """Claim a Task.

        Args:
            task_id: The Task's id, a UUID.
            seconds: How long from now its run can take. After that the claim
                lapses, and another worker gets it.

        Returns:
            The claim; or the outcome, if the Task is done; or None, if another
            worker has a claim that hasn't lapsed.
        """

    def finish(self, claim: Claim, result: Any, *, ends_chain: bool = False) -> Outcome:
        """Store the result of a Task, which is done from then on.

        Returns:
            The outcome that stands: the first one, should there be one already.
        """

    def release(self, claim: Claim) -> None:
        """Give a claim back, because the Task failed or wasn't started."""


class S3Ledger:
    """A ledger in the worker's bucket, held together by conditional writes.

    A claim costs one PUT, and so does finishing, which is what stores the result;
    a process's first claim in a bucket, and its first of a Task that was claimed
    before, cost one more each, which has to be refused there.
    Two small objects a Task stay in the folder until the bucket's lifecycle rule
    removes them; a Task that turns up after that is run again.

    The process that makes one in the worker's own bucket may read from its folder by
    pointers. Another bucket has to be in `ALGERNON_TRUSTED_BUCKETS` for that.

    Source: Amazon S3 User Guide, "Add preconditions to S3 operations with
    conditional requests".

    Args:
        bucket: The bucket; the one that `ALGERNON_BUCKET_NAME` names by default.
        folder: The folder in it; `CACHE_FOLDER_NAME`, or ``cache``, by default.

    Example:
        ``@queued(once=S3Ledger(folder="ledger"))``
    """

    def __init__(self, *, bucket: str | None = None, folder: str | None = None) -> None:
        self._bucket = bucket
        self._folder = folder
        trust_ledger(bucket, folder)

    def claim(self, task_id: str, seconds: float) -> Claim | Outcome | None:
        """Claim a Task.

        Args:
            task_id: The Task's id, a UUID.
            seconds: How long from now its run can take.

        Returns:
            The claim; or the outcome, if the Task is done; or None, if another
            worker has a claim that hasn't lapsed.

        Raises:
            MissingBucketError: No bucket is named, or it doesn't exist.
            LedgerError: The claim changes whenever it is looked at; or what answers
                there isn't S3 and ignores conditions; or boto3 is too old to know them.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        check_boto3()
        holder = str(uuid4())
        body = ajson.dumpb({"holder": holder, "seconds": seconds})
        standing = None
        for _ in range(_LOOKS):
            condition = {"IfMatch": standing.etag} if standing else {"IfNoneMatch": "*"}
            etag = self._write(task_id, body, **condition)
            if etag is not None:
                self._check_store(task_id, body, condition)
                # Before the first claim there ever was, nothing can have been done.
                outcome = self._outcome_beside(standing, task_id) if standing else None
                return outcome or Claim(task_id, etag)
            standing = self._standing_claim(task_id)
            if standing is not None and standing.holder == holder:
                # The answer to our write got lost, and its second try met the first.
                return self._outcome_beside(standing, task_id) or Claim(task_id, standing.etag)
            if standing is not None and not standing.has_lapsed:
                return self._outcome_beside(standing, task_id)
        raise LedgerError(
            f"the claim of the Task {task_id} changed each of the {_LOOKS} times it was looked at:"
            " look for what else writes there"
        )

    def finish(self, claim: Claim, result: Any, *, ends_chain: bool = False) -> Outcome:
        """Store the result of a Task, which is done from then on.

        Returns:
            The outcome that stands: the first one, should there be one already.

        Raises:
            algernon_serialize.UnserializableError: `ajson` can't send the result.
            MissingBucketError: The bucket doesn't exist.
            LedgerError: An outcome that is there is gone whenever it is looked at.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        place = self._place(claim.task_id, "done")
        document = write_document(result, full_unpack=True)
        metadata = {_ENDS_CHAIN: "yes"} if ends_chain else {}
        for _ in range(_LOOKS):
            if create_object(place, document, metadata=metadata):
                return Outcome(str(place), ends_chain)
            standing = self._outcome(claim.task_id)
            if standing is not None:
                return standing
        raise LedgerError(
            f"{place} was there each of the {_LOOKS} times that it was to be written, and gone each"
            " time that it was looked at: look for what removes it"
        )

    def release(self, claim: Claim) -> None:
        """Give a claim back, because the Task failed or wasn't started.

        Raises:
            botocore.exceptions.ClientError: S3 refuses.
        """
        body = ajson.dumpb({"holder": None, "seconds": None})
        # If the claim isn't ours any more, it isn't ours to give back.
        self._write(claim.task_id, body, IfMatch=claim.token)

    def _place(self, task_id: str, what: str) -> Pointer:
        return Pointer.to(self._bucket or own_bucket(), self._folder or own_folder(), task_id, what)

    def _write(self, task_id: str, body: bytes, **condition: str) -> str | None:
        """Write a claim under a condition, and return its ETag, or None where it doesn't hold."""
        from botocore.exceptions import ClientError

        place = self._place(task_id, "claim")
        try:
            answer = aws_client("s3").put_object(
                Bucket=place.bucket,
                Key=place.key,
                Body=body,
                ContentType="application/json",
                Metadata=file_note(place),
                **condition,
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _CONDITION_FAILED:
                return None
            if code == "NoSuchBucket":
                raise no_such_bucket(place) from error
            if is_denied(error):
                raise naming_rights_to_write(error, place) from error
            raise
        return str(answer["ETag"])

    def _check_store(self, task_id: str, body: bytes, condition: dict[str, str]) -> None:
        """Have the store refuse a write under the condition that our write has ended."""
        (name,) = condition
        check_store(
            aws_client("s3"),
            self._place(task_id, "claim").bucket,
            name,
            is_refused=lambda: self._write(task_id, body, **condition) is None,
        )

    def _standing_claim(self, task_id: str) -> _StandingClaim | None:
        from email.utils import parsedate_to_datetime

        from botocore.exceptions import ClientError

        place = self._place(task_id, "claim")
        try:
            body, answer = fetch(place, _body_and_answer, most=_MAX_CLAIM_BYTES)
        except ReadLimitError as error:
            raise _no_claim(place, error) from error
        except ClientError as error:
            # The write that ours met isn't through yet, or the claim was removed meanwhile.
            if is_missing(error):
                return None
            raise
        claim = _parsed(body, place)
        # Both times are S3's own, so that no worker's clock matters.
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        age = (now - answer["LastModified"]).total_seconds()
        seconds = claim["seconds"]
        has_lapsed = seconds is None or age > seconds + _CLOCK_SECONDS
        return _StandingClaim(claim["holder"], answer["ETag"], has_lapsed)

    def _outcome_beside(self, claim: _StandingClaim, task_id: str) -> Outcome | None:
        """Return what came of a Task, as far as this worker may know."""
        from botocore.exceptions import ClientError

        try:
            return self._outcome(task_id)
        except ClientError as error:
            # Without s3:ListBucket, S3 denies also what isn't there. Who gave the claim back,
            # or still holds it, hasn't finished; but who let it lapse may have.
            if is_denied(error) and (claim.holder is None or not claim.has_lapsed):
                return None
            raise

    def _outcome(self, task_id: str) -> Outcome | None:
        place = self._place(task_id, "done")
        facts = find_object(place)
        if facts is None:
            return None
        return Outcome(str(place), _ENDS_CHAIN in facts.metadata)


@dataclass(frozen=True, slots=True)
class _StandingClaim:
    holder: str | None
    etag: str
    has_lapsed: bool


def _body_and_answer(body: bytes, answer: Answer) -> tuple[bytes, Answer]:
    return body, answer


def _parsed(body: bytes, place: Pointer) -> dict[str, Any]:
    try:
        claim: dict[str, Any] = ajson.loads(body, rebuild=False)
    except (MalformedJSONError, NestingError) as error:
        raise _no_claim(place, error) from error
    match claim:
        case {"holder": str() | None, "seconds": int() | float() | None}:
            return claim
    raise _no_claim(place, "look for what else writes there")


def _no_claim(place: Pointer, why: object) -> LedgerError:
    return LedgerError(f"what stands at {place} is no claim: {why}")
