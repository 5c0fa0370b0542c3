"""Keep large values in S3 and send a pointer in their place."""

from .clients import aws_client, reset
from .errors import (
    AlreadyStoredError,
    DamagedObjectError,
    LedgerError,
    MalformedObjectError,
    MalformedPointerError,
    MissingBucketError,
    MissingObjectError,
    ReadLimitError,
    StorageError,
    StorageSettingError,
    UntrustedBucketError,
)
from .ledger import Claim, Ledger, Outcome, S3Ledger
from .offloaded_payload import OffloadedPayload
from .stored_data import StoredData

__all__ = [
    "AlreadyStoredError",
    "Claim",
    "DamagedObjectError",
    "Ledger",
    "LedgerError",
    "MalformedObjectError",
    "MalformedPointerError",
    "MissingBucketError",
    "MissingObjectError",
    "OffloadedPayload",
    "Outcome",
    "ReadLimitError",
    "S3Ledger",
    "StorageError",
    "StorageSettingError",
    "StoredData",
    "UntrustedBucketError",
    "aws_client",
    "reset",
]
