"""What Algernon's own packages need of others."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ...errors import BuildError
from ..distributions import DISTRIBUTIONS


def algernon_requirements() -> list[Requirement]:
    """Return what the installed packages of Algernon need, but for each other.

    Raises:
        BuildError: One of them isn't installed.

    Example:
        >>> [str(each) for each in algernon_requirements()]  # doctest: +SKIP
        ['aws-xray-sdk>=2.14', 'boto3>=1.35.74', …]
    """
    found: dict[str, Requirement] = {}
    for distribution, extras in _with_extras().items():
        for needed in _requirements(distribution, extras):
            if canonicalize_name(needed.name) not in DISTRIBUTIONS:
                found.setdefault(str(needed), needed)
    return [found[text] for text in sorted(found)]


def _with_extras() -> dict[str, set[str]]:
    """Return each of the distributions, with the extras that the others ask of it."""
    extras: dict[str, set[str]] = {name: set() for name in DISTRIBUTIONS}
    for name in DISTRIBUTIONS:
        for needed in _requirements(name, set()):
            if (other := canonicalize_name(needed.name)) in extras:
                extras[other] |= needed.extras
    return extras


def _requirements(distribution: str, extras: set[str]) -> list[Requirement]:
    """Return what a distribution needs with some extras, without a marker of extras."""
    try:
        lines = requires(distribution) or []
    except PackageNotFoundError as error:
        raise BuildError(
            f"the distribution {distribution} isn't installed, which workers need: install"
            " algernon from its wheels, as its README says"
        ) from error
    found = []
    for line in lines:
        needed = Requirement(line)
        if needed.marker is None or any(
            needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        ):
            # What it says of this Python holds in Lambda's, too; to uv, no extra is meant.
            needed.marker = None
            found.append(needed)
    return found
