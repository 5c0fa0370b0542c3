"""Which code is Algernon's own, and which its users'."""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGES = (
    "algernon",
    "algernon_logging",
    "algernon_queue",
    "algernon_serialize",
    "algernon_storage",
)
_INSTALLED = ("site-packages", "dist-packages")


def is_of_algernon(file: str) -> bool:
    """Tell whether a file is one of Algernon's packages that this process has imported.

    Example:
        >>> is_of_algernon("/srv/shop/worker.py")
        False
    """
    return any(Path(file).is_relative_to(folder) for folder in map(_folder_of, _PACKAGES) if folder)


def is_below(file: str, directory: Path) -> bool:
    """Tell whether a file is somebody's own code in a directory, rather than installed there.

    Example:
        >>> is_below("/srv/shop/.venv/lib/site-packages/stripe.py", Path("/srv/shop"))
        False
    """
    path = Path(file)
    if is_of_algernon(file) or not path.is_relative_to(directory):
        return False
    return not {*path.relative_to(directory).parts} & {*_INSTALLED}


def _folder_of(package: str) -> Path | None:
    file = getattr(sys.modules.get(package), "__file__", None)
    return Path(file).parent if file else None
