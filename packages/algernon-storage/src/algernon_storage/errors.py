"""What can go wrong between a worker and its bucket."""

from __future__ import annotations

from algernon_serialize import SerializeError


class StorageError(SerializeError):
    """The root of every error that this package raises on purpose.

    A text may hold a pointer, so that reading it may raise any of these. So they have the
    root of all that a text can cause.
    """


class MissingBucketError(StorageError):
    """Raised when no bucket is named, or the one that is named doesn't exist."""


class UntrustedBucketError(StorageError):
    """Raised when a pointer leads to a bucket, or a folder, that the worker doesn't read from."""


class MalformedPointerError(StorageError, ValueError):
    """Raised when a pointer isn't ``BUCKET#FOLDER/NAME!TIMESTAMP.json``, or can't become one."""


class MissingObjectError(StorageError, LookupError):
    """Raised when the object that a pointer leads to isn't in the bucket (any more)."""


class MalformedObjectError(StorageError, ValueError):
    """Raised when what a pointer leads to, or an inline value, wasn't written as stored data."""


class DamagedObjectError(StorageError):
    """Raised when an object isn't the one that was written there, by what its writer noted."""


class ReadLimitError(StorageError):
    """Raised when a pointer leads to more than the worker reads, however often it is tried."""


class AlreadyStoredError(StorageError):
    """Raised when other data is already stored where this data would go."""


class StorageSettingError(StorageError, ValueError):
    """Raised when a setting or an option has a value that it can't have."""


class LedgerError(StorageError):
    """Raised when a ledger can't tell who may run a Task."""


class OtherTaskError(LedgerError):
    """Raised when a ledger knows the id of a Task as that of a Task of another name."""
