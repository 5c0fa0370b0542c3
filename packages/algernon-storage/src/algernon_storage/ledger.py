"""Who runs a Task, and what came of it: so that a Task that is done isn't run again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable
from uuid import uuid4

from algernon_serialize import MalformedJSONError, NestingError, ajson

from .buckets import trust_ledger
from .clients import aws_client
from .conditions import check_boto3, check_store, note_refusal
from .document import Document
from .errors import LedgerError, ReadLimitError, StorageSettingError
from .named_objects import Objects
from .objects import (
    Answer,
    age,
    fetch,
    file_note,
    is_denied,
    is_missing,
    naming_rights_to_write,
    no_such_bucket,
)
from .outcomes import Kind, Outcome, Outcomes, State, check_name
from .pointer import Pointer

# S3 tells times to the second: a claim ends so much later than it says.
_CLOCK_SECONDS = 1

# A claim has a tenth of this.
_MAX_CLAIM_BYTES = 10_000

# How often what others change meanwhile is looked at again.
_LOOKS = 5

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
class Expansion:
    """A Task that returned a group, which is written down, and isn't done yet.

    Attributes:
        group_id: The group's id.
    """

    group_id: str


class Ledger(Protocol):
    """What ``@queued(once=…)`` asks of a ledger.

    Of all that finish one Task, the first one's result has to stand, and every
    claim that is given while a Task isn't done has to be the only one until it
    lapses or is released.

    Its `claim` may take a keyword argument ``task_name`` too, the Task's name, and raise
    `OtherTaskError` where it knows the id as that of a Task of another name.
    """

    def claim(self, task_id: str, seconds: float) -> Claim | Outcome | Expansion | None:
        """Claim a Task.

        Args:
            task_id: The Task's id, a UUID.
            seconds: How long from now its run can take. After that the claim
                lapses, and another worker gets it.

        Returns:
            The claim; or the outcome, if the Task is done; or None, if another
            worker has a claim that hasn't lapsed. A `SettlingLedger` may give an
            `Expansion` too.
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


@runtime_checkable
class SettlingLedger(Ledger, Protocol):
    """A `Ledger` that also knows Tasks that nobody is to run, or that became groups.

    One without these methods is as good for Tasks that run and return results. But none
    of them can be cancelled or expire, and a group that one returned is sent on by
    running it again.
    """

    def settle(
        self, task_id: str, kind: Kind, *, task_name: str | None = None
    ) -> tuple[Outcome, bool]:
        """Give a Task an outcome that isn't the result of a run: cancel it, or let it expire.

        A worker that claims it from then on has to get the outcome, and one that has
        a claim already has to get it from `finish`, unless that came first.

        Args:
            task_id: The Task's id, a UUID.
            kind: ``"cancelled"``, ``"expired"`` or ``"failed"``.
            task_name: The Task's name, where it is known.

        Returns:
            The outcome that stands, and whether it is this one.
        """

    def expand(self, claim: Claim, group_id: str) -> None:
        """Note that a Task returned a group, which is written down.

        Whoever claims the Task from then on gets an `Expansion`, until there is an
        outcome, and sends the group's members.

        Args:
            claim: The claim under which it ran.
            group_id: The group's id.
        """

    def state(self, task_id: str) -> State:
        """Return what is known of a Task: whether it runs, or what came of it."""


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
        self._objects = Objects(bucket=bucket, folder=folder)
        self._outcomes = Outcomes(bucket=bucket, folder=folder)
        trust_ledger(bucket, folder)

    def claim(
        self, task_id: str, seconds: float, *, task_name: str | None = None
    ) -> Claim | Outcome | Expansion | None:
        """Claim a Task.

        Args:
            task_id: The Task's id, a UUID.
            seconds: How long from now its run can take.
            task_name: The Task's name, which claim and outcome note.

        Returns:
            The claim; or the outcome, if the Task is done, cancelled or expired; or the
            expansion, if it returned a group that isn't done yet; or None, if another
            worker has a claim that hasn't lapsed.

        Raises:
            OtherTaskError: The id is that of a Task of another name.
            MissingBucketError: No bucket is named, or it doesn't exist.
            LedgerError: What stands in the claim's place, or the expansion's, is none; or
                the claim changes whenever it is looked at; or the outcome is of a kind
                that this version doesn't know; or what answers there isn't S3 and ignores
                conditions; or boto3 is too old to know them.
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
                known = self._known_beside(standing, task_id, task_name) if standing else None
                return known or Claim(task_id, etag, task_name, may_have_run)
            standing = self._standing_claim(task_id)
            if standing is None:
                continue
            check_name(task_id, task_name, standing.task_name)
            if standing.holder == holder:
                # The answer to our write got lost, and its second try met the first.
                ours = replace(standing, may_have_run=may_have_run)
                known = self._known_beside(ours, task_id, task_name)
                return known or Claim(task_id, standing.etag, task_name, may_have_run)
            if not standing.has_lapsed:
                return self._known_beside(standing, task_id, task_name)
        raise _restless(task_id)

    def finish(
        self, claim: Claim, result: Any, *, ends_chain: bool = False, is_kept: bool = False
    ) -> Outcome:
        """Store the result of a Task, which is done from then on.

        Args:
            claim: The claim under which it ran.
            result: The result: anything that `ajson` can send, or a `Document` of it.
            ends_chain: Whether the Task ended its chain early.
            is_kept: Whether the result is kept for who asks for it.

        Returns:
            The outcome that stands: the first one, should there be one already, such as
            that the Task was cancelled meanwhile.

        Raises:
            algernon_serialize.UnserializableError: `ajson` can't send the result.
            OtherTaskError: The outcome that is there is that of a Task of another name.
            LedgerError: It is there whenever it is to be written, and gone whenever it
                is looked at; or it is of a kind that this version doesn't know.
            MissingBucketError: The bucket doesn't exist.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        standing, _ = self._outcomes.write(
            claim.task_id,
            result if isinstance(result, Document) else Document.of(result),
            ends_chain=ends_chain,
            is_kept=is_kept,
            task_name=claim.task_name,
        )
        return standing

    def release(self, claim: Claim) -> None:
        """Give a claim back, because the Task failed or wasn't started.

        Raises:
            botocore.exceptions.ClientError: S3 refuses.
        """
        body = _written(None, None, claim.task_name, may_have_run=claim.may_have_run)
        # If the claim isn't ours any more, it isn't ours to give back.
        self._write(claim.task_id, body, IfMatch=claim.token)

    def settle(
        self, task_id: str, kind: Kind, *, task_name: str | None = None
    ) -> tuple[Outcome, bool]:
        """Give a Task an outcome that isn't the result of a run: cancel it, or let it expire.

        A worker that claims it from then on gets the outcome, and one that has a claim
        already gets it from `finish`, unless that came first. It costs two PUTs, and a GET
        where there is a claim.

        Args:
            task_id: The Task's id, a UUID.
            kind: ``"cancelled"``, ``"expired"`` or ``"failed"``.
            task_name: The Task's name, where it is known.

        Returns:
            The outcome that stands, and whether it is this one: of many that settle and
            finish a Task, exactly one is told that it is.

        Raises:
            OtherTaskError: The id is that of a Task of another name.
            StorageSettingError: Such an outcome can't be settled.
            MissingBucketError: No bucket is named, or it doesn't exist.
            LedgerError: As with `claim` and `finish`.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        if kind not in ("cancelled", "expired", "failed"):
            raise StorageSettingError(
                f"a Task can't be settled as {kind!r}, only as 'cancelled', 'expired' or 'failed':"
                " what is done has a result, which finish() stores"
            )
        check_boto3()
        self._end_first_claims(task_id, task_name)
        return self._outcomes.write(task_id, Document.of({}), kind=kind, task_name=task_name)

    def expand(self, claim: Claim, group_id: str) -> None:
        """Note that a Task returned a group, which is written down.

        Whoever claims the Task from then on gets an `Expansion`, until there is an
        outcome, and sends the group's members. To note the same again changes nothing.

        Args:
            claim: The claim under which it ran.
            group_id: The group's id.

        Raises:
            LedgerError: It is noted that the Task returned another group.
            MissingBucketError: The bucket doesn't exist.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        name = _expands(claim.task_id)
        for _ in range(_LOOKS):
            if self._objects.create(name, ajson.dumpb({"group_id": group_id})):
                return
            standing = self._expansion(claim.task_id)
            if standing == Expansion(group_id):
                return
            if standing is not None:
                raise LedgerError(
                    f"the Task {claim.task_id} returned the group {standing.group_id} already, so"
                    f" that it can't be {group_id} now: look for what else writes at"
                    f" {self._objects.pointer(name)}"
                )
        raise LedgerError(
            f"{self._objects.pointer(name)} was there each of the {_LOOKS} times that it was to be"
            " written, and gone each time that it was looked at: look for what removes it"
        )

    def state(self, task_id: str) -> State:
        """Return what is known of a Task: whether it runs, or what came of it.

        It takes one HEAD where there is an outcome, and up to three GETs more.

        Args:
            task_id: The Task's id, a UUID.

        Returns:
            The outcome's kind; else ``"failed"``, where the Task lies in its dead-letter
            queue; else ``"running"``, where a worker has a claim that hasn't lapsed, or
            the group that the Task returned isn't done; else ``"unknown"``, which a Task
            is that waits for its first or its next run, that runs under no ledger, or
            that nobody sent.

        Raises:
            MissingBucketError: No bucket is named, or it doesn't exist.
            MalformedObjectError, LedgerError: What stands in the place of the failure, the
                claim, or the expansion is none.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        outcome = self._outcomes.find(task_id)
        if outcome is not None:
            return outcome.kind
        if self._outcomes.failure(task_id) is not None:
            return "failed"
        claim = self._standing_claim(task_id)
        if claim is None:
            return "unknown"
        is_running = not claim.has_lapsed or self._expansion(task_id) is not None
        return "running" if is_running else "unknown"

    def _end_first_claims(self, task_id: str, task_name: str | None) -> None:
        """Have a claim stand, of nobody's if there is none: a first one looks for no outcome."""
        body = _written(None, None, task_name, may_have_run=False)
        condition = {"IfNoneMatch": "*"}
        for _ in range(_LOOKS):
            if self._write(task_id, body, **condition) is not None:
                self._check_store(task_id, body, condition)
                return
            # Of the write that ours met, nothing may have come in the end.
            standing = self._standing_claim(task_id)
            if standing is not None:
                check_name(task_id, task_name, standing.task_name)
                return
        raise _restless(task_id)

    def _claim_place(self, task_id: str) -> Pointer:
        return self._objects.place(f"{task_id}!claim")

    def _write(self, task_id: str, body: bytes, **condition: str) -> str | None:
        """Write a claim under a condition, and return its ETag, or None where it doesn't hold."""
        from botocore.exceptions import ClientError

        place = self._claim_place(task_id)
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
            if code == "PreconditionFailed":
                note_refusal(aws_client("s3"), place.bucket, *condition)
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
            self._claim_place(task_id).bucket,
            name,
            is_refused=lambda: self._write(task_id, body, **condition) is None,
        )

    def _standing_claim(self, task_id: str) -> _StandingClaim | None:
        from botocore.exceptions import ClientError

        place = self._claim_place(task_id)
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
        seconds = claim["seconds"]
        return _StandingClaim(
            holder=claim["holder"],
            etag=answer["ETag"],
            has_lapsed=seconds is None or age(answer) > seconds + _CLOCK_SECONDS,
            task_name=claim.get("task_name"),
            # Whoever had a claim until it lapsed may have run the Task. Who gave one back
            # says so, but for those of older versions.
            may_have_run=claim["holder"] is not None or claim.get("may_have_run", True),
        )

    def _known_beside(
        self, claim: _StandingClaim, task_id: str, task_name: str | None
    ) -> Outcome | Expansion | None:
        """Return what came of a Task, as far as this worker may know."""
        from botocore.exceptions import ClientError

        try:
            outcome = self._outcomes.find(task_id, task_name=task_name)
            if outcome is not None or not claim.may_have_run:
                return outcome
            return self._expansion(task_id)
        except ClientError as error:
            # Without s3:ListBucket, S3 denies also what isn't there. Who gave the claim back,
            # or still holds it, hasn't finished; but who let it lapse may have.
            if is_denied(error) and (claim.holder is None or not claim.has_lapsed):
                return None
            raise

    def _expansion(self, task_id: str) -> Expansion | None:
        name = _expands(task_id)
        found = self._objects.find(name, most=_MAX_CLAIM_BYTES)
        return None if found is None else _expansion_in(found.body, self._objects.pointer(name))


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


def _expands(task_id: str) -> str:
    return f"{task_id}!expands"


def _expansion_in(body: bytes | None, place: str) -> Expansion:
    try:
        note = ajson.loads(body or b"", rebuild=False)
    except (MalformedJSONError, NestingError) as error:
        raise LedgerError(f"what stands at {place} names no group: {error}") from error
    match note:
        case {"group_id": str(group_id)}:
            return Expansion(group_id)
    raise LedgerError(f"what stands at {place} names no group: look for what else writes there")


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


def _restless(task_id: str) -> LedgerError:
    return LedgerError(
        f"the claim of the Task {task_id} changed each of the {_LOOKS} times it was looked at:"
        " look for what else writes there"
    )


def _no_claim(place: Pointer, why: object) -> LedgerError:
    return LedgerError(f"what stands at {place} is no claim: {why}")
