"""Which bucket a worker writes to, and which it reads from."""

from __future__ import annotations

import os

from .errors import MissingBucketError, UntrustedBucketError


def own_bucket() -> str:
    """Return the bucket that `ALGERNON_BUCKET_NAME` names.

    Raises:
        MissingBucketError: The variable isn't set.
    """
    name = os.environ.get("ALGERNON_BUCKET_NAME", "")
    if not name:
        raise MissingBucketError(
            "no bucket to store data in: set the environment variable ALGERNON_BUCKET_NAME to the"
            " name of one, or pass bucket="
        )
    return name


def own_folder() -> str:
    """Return the folder in it that `CACHE_FOLDER_NAME` names, or ``cache``."""
    return os.environ.get("CACHE_FOLDER_NAME") or "cache"


def check_trust(bucket: str) -> None:
    """Refuse a bucket that is neither the worker's own nor in `ALGERNON_TRUSTED_BUCKETS`.

    A pointer comes from a message, and whoever could send one could otherwise
    have a worker read, and rebuild, whatever it has access to.

    Raises:
        UntrustedBucketError: The bucket isn't trusted.
    """
    own = os.environ.get("ALGERNON_BUCKET_NAME", "")
    others = os.environ.get("ALGERNON_TRUSTED_BUCKETS", "").split(",")
    trusted = {name.strip() for name in (own, *others)} - {""}
    if bucket not in trusted:
        raise UntrustedBucketError(
            f"a pointer leads to the bucket {bucket!r}, which isn't among those this worker reads"
            f" from ({', '.join(sorted(trusted)) or 'none'}): if it should be, add it to the"
            " environment variable ALGERNON_TRUSTED_BUCKETS, a list separated by commas"
        )
