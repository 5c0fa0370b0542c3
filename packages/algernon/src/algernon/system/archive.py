"""The zip of a function's code, which depends on nothing but its files."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ..errors import BuildError

# AWS Lambda Developer Guide, "Lambda quotas": a function's unzipped code.
_MOST_BYTES = 250 * 1024 * 1024
_MOST_FOLDERS = 10
# The earliest that a zip can say.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def zip_of(files: Mapping[str, Path]) -> bytes:
    """Return a zip of files: equal ones give equal bytes, whenever and wherever they were written.

    Args:
        files: Each file, by its name in the zip.

    Raises:
        BuildError: The files are larger than Lambda takes, or a name isn't UTF-8.
        OSError: A file can't be read.

    Example:
        ``zip_of({"worker.py": Path("examples/worker.py")})``
    """
    _check_names(files)
    _check_size(files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _NO_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Of the rights only this one is the files' own; the others are the machine's.
            is_executable = path.stat().st_mode & stat.S_IXUSR
            entry.external_attr = (stat.S_IFREG | (0o755 if is_executable else 0o644)) << 16
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _check_names(files: Mapping[str, Path]) -> None:
    for name, path in files.items():
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise BuildError(
                f"the file {os.fsencode(path)!r} would belong to the workers' code, but its name"
                " isn't UTF-8, as names in a zip are: rename it, or move the workers to a folder or"
                " package of their own"
            ) from error


def _check_size(files: Mapping[str, Path]) -> None:
    sizes = {name: path.stat().st_size for name, path in files.items()}
    total = sum(sizes.values())
    if total > _MOST_BYTES:
        raise BuildError(
            f"the workers' code takes more than {_megabytes(_MOST_BYTES)}, the most a Lambda"
            f" function may: it takes {_megabytes(total)}. Move the workers to a folder or package"
            " of their own, or take out what they don't need. The largest folders are"
            f" {', '.join(_largest_folders(sizes))}"
        )


def _largest_folders(sizes: Mapping[str, int]) -> list[str]:
    folders: Counter[PurePosixPath] = Counter()
    for name, size in sizes.items():
        top, *others = reversed(PurePosixPath(name).parents)
        # All is in the topmost, which would say nothing: only its own files count there.
        folders.update(dict.fromkeys(others or [top], size))
    return [f"{folder} ({_megabytes(size)})" for folder, size in folders.most_common(_MOST_FOLDERS)]


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.0f} MB"
