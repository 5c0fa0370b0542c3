"""The wheels of Algernon, put together again of what is installed here."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from ...errors import ProjectError
from ...system.code_files import package_files
from ...system.distributions import DISTRIBUTIONS, package_of

# What a distribution brings besides its package.
_BESIDES = {"algernon-queue": ("_algernon_pytest",)}
# What is a wheel's own of its metadata; installers put notes of theirs beside it.
_METADATA = frozenset({"METADATA", "WHEEL", "entry_points.txt", "licenses"})
# The earliest that a zip can say.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel.

    Attributes:
        file: Its file's name, which says the distribution, the version and for what it is.
        content: The file's bytes.
    """

    file: str
    content: bytes


def installed_wheels() -> dict[str, Wheel]:
    """Return a wheel of each of Algernon's distributions, by the distribution's name.

    They hold what is installed, be it editable, and install the same elsewhere, without any index.
    Equal installations give equal wheels.

    Raises:
        ProjectError: Not all of them are installed.
        BuildError: One is, but not its package.
        OSError: A file can't be read.
    """
    return {
        name: _wheel(_installed(name), (package_of(name), *_BESIDES.get(name, ())))
        for name in DISTRIBUTIONS
    }


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise ProjectError(
            f"{name} isn't installed here, and a project gets all of Algernon: install it first"
        ) from error


def _wheel(installed: Distribution, tops: tuple[str, ...]) -> Wheel:
    stem = f"{installed.name.replace('-', '_')}-{installed.version}"
    record = f"{stem}.dist-info/RECORD"
    files = dict([*_code(tops), *_metadata(installed, f"{stem}.dist-info")])
    # All are of pure Python, so they are for any Python and any machine.
    return Wheel(f"{stem}-py3-none-any.whl", _zip({**files, record: _record(files, record)}))


def _code(tops: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for top in tops:
        for name, path in package_files(top).items():
            yield name, path.read_bytes()


def _metadata(installed: Distribution, folder: str) -> Iterator[tuple[str, bytes]]:
    for file in installed.files or ():
        top, *within = file.parts
        if top == folder and within[0] in _METADATA:
            yield file.as_posix(), Path(str(file.locate())).read_bytes()


def _record(files: dict[str, bytes], name: str) -> bytes:
    """Return the list of a wheel's files, with their sizes and hashes."""
    lines = []
    for path, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}\n")
    return "".join([*lines, f"{name},,\n"]).encode()


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _NO_DATE)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
