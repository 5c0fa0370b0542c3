"""Which bucket and folder a worker writes to, and which it reads from."""

from __future__ import annotations

import os
from collections.abc import Iterator

from .errors import MissingBucketError, UntrustedBucketError

# Where this process keeps ledgers: bucket and folder, or None for the worker's own.
_ledgers: set[tuple[str | None, str | None]] = set()


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


def trust_ledger(bucket: str | None, folder: str | None) -> None:
    """Read from where this process keeps a ledger, too, if it is in the worker's own bucket.

    Args:
        bucket: The bucket, or None for the worker's own.
        folder: The folder, or None for the worker's own.
    """
    _ledgers.add((bucket or None, folder or None))


def check_trust(bucket: str, key: str) -> None:
    """Refuse what is in no bucket and folder that this worker reads from.

    These are its own folder in its own bucket, that of its ledger there, and
    what `ALGERNON_TRUSTED_BUCKETS` names. A pointer comes from a message, and whoever
    could send one could otherwise have a worker read, and rebuild, whatever it
    has access to.

    Raises:
        UntrustedBucketError: It is elsewhere.
    """
    trusted = sorted(set(_trusted()))
    folders = [folder for name, folder in trusted if name == bucket]
    if any(not folder or _is_in(key, folder) for folder in folders):
        return
    if folders:
        raise UntrustedBucketError(
            f"a pointer leads to {bucket}#{key[:200]}, and of this bucket the worker reads only"
            f" what is in {' and '.join(f'{folder}/' for folder in folders)}: if it should read"
            f" this, add {bucket}/FOLDER, or {bucket} for all of it, to the environment variable"
            " ALGERNON_TRUSTED_BUCKETS, a list separated by commas"
        )
    buckets = ", ".join(dict.fromkeys(name for name, _ in trusted))
    raise UntrustedBucketError(
        f"a pointer leads to the bucket {bucket!r}, which isn't among those this worker reads"
        f" from ({buckets or 'none'}): if it should be, add it to the environment variable"
        " ALGERNON_TRUSTED_BUCKETS, a list separated by commas of buckets, and folders in them,"
        " such as their-bucket/cache"
    )


def _trusted() -> Iterator[tuple[str, str]]:
    """Give each bucket and folder that may be read from; an empty folder is the whole bucket."""
    own = os.environ.get("ALGERNON_BUCKET_NAME")
    for ledger_bucket, ledger_folder in ((None, None), *_ledgers):
        folder = (ledger_folder or own_folder()).strip("/")
        if own and ledger_bucket in (None, own) and folder:
            yield own, folder
    for entry in os.environ.get("ALGERNON_TRUSTED_BUCKETS", "").split(","):
        # The ARN of an access point, which stands for a bucket, has a slash in itself.
        access_point, is_arn, rest = entry.strip().partition(":accesspoint/")
        bucket, _, folder = (rest if is_arn else access_point).partition("/")
        if bucket:
            yield f"{access_point}{is_arn}{bucket}" if is_arn else bucket, folder.strip("/")


def _is_in(key: str, folder: str) -> bool:
    # S3 takes a key as it is, but what stands between may make another one of such steps.
    inside = key.removeprefix(f"{folder}/")
    return inside != key and not {"", ".", ".."} & set(inside.split("/"))
