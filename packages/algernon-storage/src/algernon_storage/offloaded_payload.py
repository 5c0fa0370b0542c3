"""What the extended client libraries of SQS and SNS keep in S3 in the place of a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from .buckets import check_trust
from .errors import MalformedObjectError
from .limits import reading_of
from .objects import read_object
from .pointer import Pointer, is_utf8

# Amazon SQS Developer Guide, "Managing large Amazon SQS messages": the libraries write the name
# of a Java class first, whatever language they are for. The second one is of their first version.
_CLASSES = {
    "software.amazon.payloadoffloading.PayloadS3Pointer",
    "com.amazon.sqs.javamessaging.MessageS3Pointer",
}


@dataclass(frozen=True, slots=True)
class OffloadedPayload:
    """Where a client of amazon-sqs-extended-client, in Python or Java, put a message's body.

    Attributes:
        bucket: The bucket.
        key: The key of the object, which is the body itself.

    Example:
        >>> body = ["software.amazon.payloadoffloading.PayloadS3Pointer",
        ...         {"s3BucketName": "my-bucket", "s3Key": "2d1c"}]
        >>> OffloadedPayload.found_in(body)
        OffloadedPayload(bucket='my-bucket', key='2d1c')
    """

    bucket: str
    key: str

    @classmethod
    def found_in(cls, tree: Any) -> Self | None:
        """Return what a message's body, as plain JSON, leads to; None if it is a body itself."""
        match tree:
            case [str(name), {"s3BucketName": str(bucket), "s3Key": str(key)}] if (
                name in _CLASSES and bucket and key and is_utf8(key)
            ):
                return cls(bucket, key)
        return None

    def read(self) -> str:
        """Return the body of the message.

        Raises:
            UntrustedBucketError: It is where this worker doesn't read from.
            MissingBucketError: The bucket doesn't exist.
            MissingObjectError: Nothing is there (any more).
            ReadLimitError: It is longer than `ALGERNON_MAX_READ_BYTES`.
            MalformedObjectError: What is there isn't text in UTF-8.
            DamagedObjectError: It isn't what was written there.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        check_trust(self.bucket, self.key)
        place = Pointer(self.bucket, self.key, name=self.key)
        try:
            with reading_of(place) as reading:
                return read_object(place, most=reading.bytes_left).decode()
        except UnicodeDecodeError as error:
            raise MalformedObjectError(
                f"the object at {place} isn't a message's body, which is text in UTF-8: look for"
                " what else writes there"
            ) from error
