"""Whether conditional writes hold where a ledger is kept, which is all that it has."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from .clients import learnt
from .errors import LedgerError

# Amazon S3 API Reference, PutObject: the headers that its parameters are sent as.
_HEADERS = {"IfMatch": "If-Match", "IfNoneMatch": "If-None-Match"}

# The first that knows If-Match of PutObject, which botocore 1.35.69 brought, and is tested.
_OLDEST_BOTO3 = (1, 35, 74)


@dataclass(slots=True)
class _Store:
    """What is known of a bucket, where it answers: the conditions that refused a write."""

    looking: Lock = field(default_factory=Lock)
    held: set[str] = field(default_factory=set)


def check_boto3() -> None:
    """Refuse a boto3 that can't take over a claim that has lapsed.

    Raises:
        LedgerError: It is too old.
    """
    import botocore

    # Clients that boto3 has no part in are as old as botocore is.
    versions = {"botocore": botocore.__version__}
    if version := getattr(sys.modules.get("boto3"), "__version__", None):
        versions = {"boto3": version, **versions}
    if min(map(_numbers, versions.values())) < _OLDEST_BOTO3:
        oldest = ".".join(map(str, _OLDEST_BOTO3))
        found = " with ".join(f"{name} {version}" for name, version in versions.items())
        raise LedgerError(
            f"{found} is too old for a ledger, since it can't replace an object under a condition:"
            f" put boto3 and botocore {oldest} or newer into the deployment package, or run without"
            " once="
        )


def check_store(client: Any, bucket: str, condition: str, is_refused: Callable[[], bool]) -> None:
    """Have a store prove, once a process and bucket, that it refuses a write under a condition.

    Args:
        client: The client for it.
        bucket: The bucket.
        condition: The parameter of PutObject that has the condition.
        is_refused: Tries a write whose condition doesn't hold, and tells whether it
            was refused. It is called only where that isn't known yet.

    Raises:
        LedgerError: The store ignores the condition.
    """
    endpoint = client.meta.endpoint_url
    store = _store(client, bucket)
    if condition in store.held:
        return
    with store.looking:
        if condition in store.held:
            return
        if not is_refused():
            raise LedgerError(
                f"what answers at {endpoint} for the bucket {bucket!r} ignores"
                f" {_HEADERS[condition]}, so that two workers would both be given one Task, or both"
                " say what came of it: keep the ledger in S3 itself, or somewhere else by a Ledger"
                " of your own"
            )
        store.held.add(condition)


def note_refusal(client: Any, bucket: str, condition: str) -> None:
    """Note that a store refused a write under a condition, which is all that it has to prove.

    Args:
        client: The client for it.
        bucket: The bucket.
        condition: The parameter of PutObject that had the condition.
    """
    _store(client, bucket).held.add(condition)


def _store(client: Any, bucket: str) -> _Store:
    store: _Store = learnt().setdefault((check_store, client.meta.endpoint_url, bucket), _Store())
    return store


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall("[0-9]+", version)[:3]))
