"""IAM on the way to a local AWS that enforces no policies: it judges each call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ..wire import Answer, Call, Treatment
from .asked import Asked, asked, refusal
from .statements import Statement, allows

# What everybody may do.
_FREE = "sts:GetCallerIdentity"
_CODES = {"s3": "AccessDenied", "sns": "AuthorizationError"}

# What encrypts needs both where it may have to read the data key that it made: Amazon S3 User
# Guide, "Using server-side encryption with AWS KMS keys"; Amazon SNS Developer Guide, "Managing
# Amazon SNS encryption keys and costs"; Amazon SQS Developer Guide, "Amazon SQS Key management".
_ENCRYPTING = ("GenerateDataKey", "Decrypt")
_KEY_USES = {
    ("s3", "GET"): ("Decrypt",),
    ("s3", "HEAD"): ("Decrypt",),
    ("s3", "PUT"): ("GenerateDataKey",),
    ("s3", "POST"): _ENCRYPTING,
    ("sns", "Publish"): _ENCRYPTING,
    ("sns", "PublishBatch"): _ENCRYPTING,
    ("sqs", "ReceiveMessage"): ("Decrypt",),
    ("sqs", "SendMessageBatch"): _ENCRYPTING,
}


class Gate:
    """What is made of each call: it is refused unless statements allow what it asks for.

    Attributes:
        denied: What was denied.
        allowed: What was allowed, of what was judged.
        then: What is made of a call that is allowed, where something is.
        key: The ARN of the KMS key of all buckets, queues and topics, if they have one.
    """

    def __init__(self) -> None:
        self.denied: list[Asked] = []
        self.allowed: list[Asked] = []
        self.then: Treatment | None = None
        self.key: str | None = None
        self._statements: Sequence[Statement] | None = None

    @contextmanager
    def judging(self, statements: Sequence[Statement] | None) -> Iterator[None]:
        """Judge the calls within the block by these statements; None lets all through."""
        before, self._statements = self._statements, statements
        try:
            yield
        finally:
            self._statements = before

    def treat(self, call: Call, forward: Callable[[], Answer]) -> Answer | None:
        """Hand a call on, or refuse it as AWS does."""
        statements = self._statements
        if statements is None:
            return forward()
        denied: list[Asked] = []
        for what in (*asked(call), *self._asked_of_key(call)):
            is_allowed = what.action == _FREE or allows(statements, what)
            (self.allowed if is_allowed else denied).append(what)
        self.denied += denied
        if call.operation == "BatchGetSecretValue" and denied:
            if denied[0].action == f"secretsmanager:{call.operation}":
                return _refused(call, denied[0])
            return _without_secrets(forward(), {each.resource for each in denied})
        if denied:
            return _refused(call, denied[0])
        answer = self.then(call, forward) if self.then else forward()
        return self._hiding_what_is_missing(statements, call, answer)

    def _asked_of_key(self, call: Call) -> Iterator[Asked]:
        """Give what a call asks of KMS, which the service does in the caller's name."""
        if self.key is not None:
            for operation in _KEY_USES.get((call.service, call.operation), ()):
                yield Asked(f"kms:{operation}", self.key)

    def _hiding_what_is_missing(
        self, statements: Sequence[Statement], call: Call, answer: Answer | None
    ) -> Answer | None:
        """Deny that nothing is there to who may not list the bucket.

        Amazon S3 API Reference, GetObject and HeadObject, "Permissions".
        """
        is_missing = answer is not None and answer.status == 404
        if call.service != "s3" or call.operation not in ("GET", "HEAD") or not is_missing:
            return answer
        bucket = call.path.lstrip("/").partition("/")[0].partition("?")[0]
        what = Asked("s3:ListBucket", f"arn:aws:s3:::{bucket}")
        if allows(statements, what):
            self.allowed.append(what)
            return answer
        self.denied.append(what)
        return _refused(call, what)


def _refused(call: Call, what: Asked) -> Answer:
    # Amazon S3 User Guide, "Troubleshoot access denied (403 Forbidden) errors": what is lacking
    # S3 tells only within an account or organization. This is what can be told from it anywhere.
    message = (
        "Access Denied"
        if call.service == "s3"
        else (
            f"User is not authorized to perform: {what.action} on resource: {what.resource}"
            f" because no identity-based policy allows the {what.action} action"
        )
    )
    return refusal(call, _CODES.get(call.service, "AccessDeniedException"), message)


def _without_secrets(answer: Answer, denied: set[str]) -> Answer:
    """Return an answer of BatchGetSecretValue with errors in place of some secrets."""
    fields = json.loads(answer.body)
    values = [each for each in fields["SecretValues"] if each["ARN"] not in denied]
    errors = [
        {"SecretId": secret, "ErrorCode": "AccessDeniedException", "Message": "not authorized"}
        for secret in sorted(denied)
    ]
    told = {**fields, "SecretValues": values, "Errors": [*fields.get("Errors", []), *errors]}
    return Answer(answer.status, answer.headers, json.dumps(told).encode())
