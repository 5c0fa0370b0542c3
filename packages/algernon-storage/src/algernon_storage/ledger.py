"""Who runs a Task, and what came of it: so that a Task that is done isn't run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, unquote
from uuid import uuid4

from algernon_serialize import MalformedJSONError, NestingError, ajson

from .buckets import own_bucket, own_folder, trust_ledger
from .clients import aws_client
from .conditions import check_boto3, check_store
from .document import Document
from .errors import LedgerError, OtherTaskError, ReadLimitError
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
_TASK_NAME = "task-name"

# Amazon S3 User Guide, "Conditional writes": another write came before, is under way, or
# the object that was to be replaced is gone.
_CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a Task, until it lapses.

    Attributes:
        task_id: The Task's id.
        token: What the ledger knows the claim by.
        task_name: The Task's name, where the ledger notes it.
        may_have_run: Whether the Task may have run under a claim before, or does under
            this one. A ledger that can't tell says True. It goes back to the ledger by
            `Ledger.release`.
    """

    task_id: str
    token: str
    task_name: str | None = None
    may_have_run: bool = True


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

    Its `claim` may take a keyword argument ``task_name`` too, the Task's name, and raise
    `OtherTaskError` where it knows the id as that of a Task of another name.
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

        Args:
            claim: The claim under which it ran.
            result: The result, which `@queued` hands over as plain JSON: `ajson` writes
                it as it stands.
            ends_chain: Whether the Task ended its chain early.

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

    def claim(
        self, task_id: str, seconds: float, *, task_name: str | None = None
    ) -> Claim | Outcome | None:
        """Claim a Task.

        Args:
            task_id: The Task's id, a UUID.
            seconds: How long from now its run can take.
            task_name: The Task's name, which claim and outcome note.

        Returns:
            The claim; or the outcome, if the Task is done; or None, if another
            worker has a claim that hasn't lapsed.

        Raises:
            OtherTaskError: The id is that of a Task of another name.
            MissingBucketError: No bucket is named, or it doesn't exist.
            LedgerError: What stands in the claim's place is none, or changes whenever it
                is looked at; or what answers there isn't S3 and ignores conditions; or
                boto3 is too old to know them.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        check_boto3()
        holder = str(uuid4())
        standing = None
        for _ in range(_LOOKS):
            # Before the first claim there ever was, nothing can have been done.
            may_have_run = standing is not None and standing.may_have_run
            body = _written(holder, seconds, task_name, may_have_run=may_have_run)
            condition = {"IfMatch": standing.etag} if standing else {"IfNoneMatch": "*"}
            etag = self._write(task_id, body, **condition)
            if etag is not None:
                self._check_store(task_id, body, condition)
                outcome = self._outcome_beside(standing, task_id, task_name) if standing else None
                return outcome or Claim(task_id, etag, task_name, may_have_run)
            standing = self._standing_claim(task_id)
            if standing is None:
                continue
            _check_name(task_id, task_name, standing.task_name)
            if standing.holder == holder:
                # The answer to our write got lost, and its second try met the first.
                outcome = self._outcome_beside(standing, task_id, task_name)
                return outcome or Claim(task_id, standing.etag, task_name, may_have_run)
            if not standing.has_lapsed:
                return self._outcome_beside(standing, task_id, task_name)
        raise LedgerError(
            f"the claim of the Task {task_id} changed each of the {_LOOKS} times it was looked at:"
            " look for what else writes there"
        )

    def finish(self, claim: Claim, result: Any, *, ends_chain: bool = False) -> Outcome:
        """Store the result of a Task, which is done from then on.

        Args:
            claim: The claim under which it ran.
            result: The result: anything that `ajson` can send, or a `Document` of it.
            ends_chain: Whether the Task ended its chain early.

        Returns:
            The outcome that stands: the first one, should there be one already.

        Raises:
            algernon_serialize.UnserializableError: `ajson` can't send the result.
            OtherTaskError: The outcome that is there is that of a Task of another name.
            LedgerError: It is there whenever it is to be written, and gone whenever it
                is looked at.
            MissingBucketError: The bucket doesn't exist.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        place = self._place(claim.task_id, "done")
        document = result if isinstance(result, Document) else Document.of(result)
        metadata = {_ENDS_CHAIN: "yes"} if ends_chain else {}
        if claim.task_name is not None:
            metadata[_TASK_NAME] = quote(claim.task_name, safe="")
        for _ in range(_LOOKS):
            if create_object(place, document.text, metadata=metadata):
                return Outcome(str(place), ends_chain)
            standing = self._outcome(claim.task_id, claim.task_name)
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
        body = _written(None, None, claim.task_name, may_have_run=claim.may_have_run)
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
        return _StandingClaim(
            holder=claim["holder"],
            etag=answer["ETag"],
            has_lapsed=seconds is None or age > seconds + _CLOCK_SECONDS,
            task_name=claim.get("task_name"),
            # Whoever had a claim until it lapsed may have run the Task. Who gave one back
            # says so, but for those of older versions.
            may_have_run=claim["holder"] is not None or claim.get("may_have_run", True),
        )

    def _outcome_beside(
        self, claim: _StandingClaim, task_id: str, task_name: str | None
    ) -> Outcome | None:
        """Return what came of a Task, as far as this worker may know."""
        from botocore.exceptions import ClientError

        try:
            return self._outcome(task_id, task_name)
        except ClientError as error:
            # Without s3:ListBucket, S3 denies also what isn't there. Who gave the claim back,
            # or still holds it, hasn't finished; but who let it lapse may have.
            if is_denied(error) and (claim.holder is None or not claim.has_lapsed):
                return None
            raise

    def _outcome(self, task_id: str, task_name: str | None) -> Outcome | None:
        place = self._place(task_id, "done")
        facts = find_object(place)
        if facts is None:
            return None
        noted = facts.metadata.get(_TASK_NAME)
        _check_name(task_id, task_name, None if noted is None else unquote(noted))
        return Outcome(str(place), _ENDS_CHAIN in facts.metadata)


@dataclass(frozen=True, slots=True)
class _StandingClaim:
    holder: str | None
    etag: str
    has_lapsed: bool
    task_name: str | None
    may_have_run: bool


def _written(
    holder: str | None, seconds: float | None, task_name: str | None, *, may_have_run: bool
) -> bytes:
    claim: dict[str, Any] = {"holder": holder, "seconds": seconds, "may_have_run": may_have_run}
    if task_name is not None:
        claim["task_name"] = task_name
    return ajson.dumpb(claim)


def _check_name(task_id: str, task_name: str | None, noted: str | None) -> None:
    # Claims and outcomes of older versions note no name.
    if None not in (task_name, noted) and task_name != noted:
        raise OtherTaskError(
            f"the id {task_id} of the Task {task_name!r} is that of a Task {noted!r} already, and"
            " one id is one Task's: send each under an id of its own"
        )


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
