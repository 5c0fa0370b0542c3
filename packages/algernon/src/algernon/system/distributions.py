"""Algernon's own distributions, as an index, and as Python, would call them."""

from __future__ import annotations

#: Their names, which an index may have for others.
DISTRIBUTIONS = (
    "algernon",
    "algernon-logging",
    "algernon-queue",
    "algernon-serialize",
    "algernon-storage",
)


def package_of(distribution: str) -> str:
    """Return the name by which a distribution's package is imported.

    Example:
        >>> package_of("algernon-queue")
        'algernon_queue'
    """
    return distribution.replace("-", "_")


#: The names by which their packages are imported.
PACKAGES = tuple(map(package_of, DISTRIBUTIONS))
