"""Keep large values in S3 and send a pointer in their place."""

from .canonical import content_sha256
from .clients import aws_client, aws_clients_from, reset
from .document import Document
from .errors import (
    AlreadyStoredError,
    DamagedObjectError,
    LedgerError,
    MalformedObjectError,
    MalformedPointerError,
    MissingBucketError,
    MissingObjectError,
    OtherTaskError,
    ReadLimitError,
    StorageError,
    StorageSettingError,
    UntrustedBucketError,
)
from .ledger import Claim, Expansion, Ledger, S3Ledger, SettlingLedger
from .named_objects import Objects
from .objects import SmallObject
from .offloaded_payload import OffloadedPayload
from .outcomes import FailureNote, Kind, Outcome, Outcomes, State
from .stored_data import StoredData
from .uploads import Upload, uploads_put_off

__all__ = [
    "AlreadyStoredError",
    "Claim",
    "DamagedObjectError",
    "Document",
    "Expansion",
    "FailureNote",
    "Kind",
    "Ledger",
    "LedgerError",
    "MalformedObjectError",
    "MalformedPointerError",
    "MissingBucketError",
    "MissingObjectError",
    "Objects",
    "OffloadedPayload",
    "OtherTaskError",
    "Outcome",
    "Outcomes",
    "ReadLimitError",
    "S3Ledger",
    "SettlingLedger",
    "SmallObject",
    "State",
    "StorageError",
    "StorageSettingError",
    "StoredData",
    "UntrustedBucketError",
    "Upload",
    "aws_client",
    "aws_clients_from",
    "content_sha256",
    "reset",
    "uploads_put_off",
]
