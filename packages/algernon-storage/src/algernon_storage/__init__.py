"""Keep large values in S3 and send a pointer in their place."""

from .clients import aws_client
from .errors import (
    AlreadyStoredError,
    MalformedObjectError,
    MalformedPointerError,
    MissingBucketError,
    MissingObjectError,
    StorageError,
    UntrustedBucketError,
)
from .stored_data import StoredData

__all__ = [
    "AlreadyStoredError",
    "MalformedObjectError",
    "MalformedPointerError",
    "MissingBucketError",
    "MissingObjectError",
    "StorageError",
    "StoredData",
    "UntrustedBucketError",
    "aws_client",
]
