"""boto3 and what comes with it, which Lambda's Python has."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

#: The distributions that Lambda has, and that aren't in the zip unless somebody asks for them.
SDK = ("boto3", "botocore", "jmespath", "s3transfer")

# AWS names no version: it depends on the runtime and the Region (AWS Lambda Developer Guide,
# "Building Lambda functions with Python", "Runtime-included SDK versions"). It is taken to be any
# from the one that Algernon itself needs, which is of December 2024, up to the next major one.
_OLDEST = Version("1.35.74")
_NEWEST = Version("1.999999")


def needs_another(requirements: Iterable[tuple[str, Requirement]]) -> str | None:
    """Return why Lambda's own boto3 may not do, as a sentence's end, or None if it does.

    Args:
        requirements: Who needs what.

    Example:
        >>> needs_another([("shop", Requirement("boto3>=1.40"))])
        'shop needs boto3>=1.40'
        >>> needs_another([("shop", Requirement("boto3>=1.28"))])
    """
    for who, needed in requirements:
        if canonicalize_name(needed.name) in {"boto3", "botocore"} and not all(
            needed.specifier.contains(version, prereleases=True) for version in (_OLDEST, _NEWEST)
        ):
            return f"{who} needs {needed.name}{needed.specifier}"
    return None
