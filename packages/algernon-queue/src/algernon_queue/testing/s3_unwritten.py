"""S3 as it is, in which nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .clock import Clock
from .s3 import InMemoryS3

# What Algernon says of an object that it writes; what else a caller says is of no matter here.
_KNOWN = frozenset(
    {"Bucket", "Key", "Body", "ContentType", "ContentEncoding", "Metadata", "IfMatch"}
    | {"IfNoneMatch", "ChecksumAlgorithm", "ChecksumSHA256"}
)


class UnwrittenS3(InMemoryS3):
    """S3 whose objects are read, while what is written stays in memory, and is read from there.

    Conditions hold for what was written so. An operation that Algernon doesn't use goes to S3
    itself.

    Args:
        clock: The clock of what is in memory.
        real: The client of S3.
    """

    def __init__(self, clock: Clock, real: Any) -> None:
        super().__init__(clock, "")
        self._real = real
        self.meta = real.meta

    # Which a type checker would take for a sign that all attributes are there.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            return getattr(self._real, name)

        @property
        def exceptions(self) -> Any:
            """The classes of S3's own errors, by their codes."""
            return self._real.exceptions

    def put_object(self, **parameters: Any) -> dict[str, Any]:
        """Keep an object in memory."""
        return super().put_object(**{name: parameters[name] for name in _KNOWN & {*parameters}})

    def get_object(self, **parameters: Any) -> dict[str, Any]:
        """Return an object, from memory if it was written since."""
        if not self._has(**parameters):
            answer: dict[str, Any] = self._real.get_object(**parameters)
            return answer
        return super().get_object(**parameters)

    def head_object(self, **parameters: Any) -> dict[str, Any]:
        """Return what is known of an object, from memory if it was written since."""
        if not self._has(**parameters):
            answer: dict[str, Any] = self._real.head_object(**parameters)
            return answer
        return super().head_object(**parameters)

    def _has(self, *, Bucket: str, Key: str, **_others: Any) -> bool:
        return Key in self._buckets.get(Bucket, {})

    def _objects(self, operation: str, bucket: str) -> Any:
        self._buckets.setdefault(bucket, {})
        return super()._objects(operation, bucket)
