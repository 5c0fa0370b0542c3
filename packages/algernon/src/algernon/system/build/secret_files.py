"""Files among workers' code that look as if they held secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

# What holds keys, passwords or environment variables, by its name.
_NAMES = (
    *("*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx"),
    *("id_rsa", "id_ecdsa", "id_ed25519", "credentials", "credentials.*", "secrets.*"),
)
# What may say where packages come from, with a password for that.
_LISTS = (
    "pyproject.toml",
    "uv.toml",
    "uv.lock",
    "pip.conf",
    "*requirements*.txt",
    "*requirements*.in",
)
_URL_WITH_PASSWORD = re.compile(rb"\w://[^\s/@:\"']*:[^\s/@\"'$]+@")


def secret_files(files: Mapping[str, Path]) -> list[str]:
    """Return the names of files that may hold secrets, by their names, or URLs with a password.

    Args:
        files: Workers' code, by its names in the zip.

    Raises:
        OSError: A file can't be read.

    Example:
        >>> secret_files({"worker.py": Path("worker.py"), "local.env": Path("local.env")})
        ['local.env']
    """
    return [name for name, path in sorted(files.items()) if _may_hold_secrets(path)]


def _may_hold_secrets(path: Path) -> bool:
    name = path.name.lower()
    return (_is_like(name, _NAMES) and not name.endswith((".py", ".pyi"))) or (
        _is_like(name, _LISTS) and _URL_WITH_PASSWORD.search(path.read_bytes()) is not None
    )


def _is_like(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
