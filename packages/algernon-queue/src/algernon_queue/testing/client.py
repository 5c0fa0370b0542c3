"""What the clients of AWS's services in memory share."""

from __future__ import annotations

from functools import cached_property
from threading import RLock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from .clock import Clock
from .errors import NotEmulatedError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

#: Where a system in memory is.
REGION = "us-east-1"


class InMemoryClient:
    """The client of a service in memory: it has boto3's methods for what Algernon calls.

    One that it hasn't raises NotEmulatedError, and a parameter that one of them
    doesn't know a TypeError, so that nothing passes without having its effect.

    Args:
        clock: The system's clock.

    Attributes:
        meta: As much of boto3's as is asked for: ``region_name`` and ``endpoint_url``.
    """

    #: boto3's name of the service.
    service: ClassVar[str]
    #: The codes of errors that have classes of their own, in its `exceptions`.
    own_errors: ClassVar[tuple[str, ...]] = ()

    def __init__(self, clock: Clock) -> None:
        self.meta = SimpleNamespace(
            region_name=REGION, endpoint_url=f"memory://{self.service}.{REGION}"
        )
        self._clock = clock
        # Tasks may have threads of their own, and the services are called by all of them.
        self._lock = RLock()

    # Which a type checker would take for a sign that all attributes are there.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            raise NotEmulatedError(
                f"{name} was asked of {self.service} within an InMemorySystem, which has only what"
                " Algernon itself calls: call AWS by a boto3 client of your own, or have a local"
                " AWS for this test"
            )

    @cached_property
    def exceptions(self) -> SimpleNamespace:
        """The classes of the service's own errors, by their codes."""
        from botocore.exceptions import ClientError

        return SimpleNamespace(**{code: type(code, (ClientError,), {}) for code in self.own_errors})

    def _answer(self, status: int = 200, /, **answer: Any) -> dict[str, Any]:
        return {"ResponseMetadata": self._metadata(status), **answer}

    def _error(self, operation: str, code: str, message: str, status: int = 400) -> ClientError:
        from botocore.exceptions import ClientError

        told = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": self._metadata(status),
        }
        error: ClientError = getattr(self.exceptions, code, ClientError)(told, operation)
        return error

    def _metadata(self, status: int) -> dict[str, Any]:
        from email.utils import format_datetime

        return {
            "RequestId": str(uuid4()),
            "HTTPStatusCode": status,
            "HTTPHeaders": {"date": format_datetime(self._clock.moment, usegmt=True)},
            "RetryAttempts": 0,
        }
