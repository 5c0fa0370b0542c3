"""Wheels made in a test, so that building for Lambda needs no network."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path

#: What Algernon needs of others, and what these need; of the first, also what is in them.
REAL = ("aws-xray-sdk", "orjson", "python-dateutil", "six", "wrapt")
HOLLOW = ("boto3", "botocore", "jmespath", "s3transfer", "urllib3")


def write_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    files: Mapping[str, bytes] | None = None,
    requires: Sequence[str] = (),
    tag: str = "py3-none-any",
) -> Path:
    """Write the wheel of a distribution, which has a module of its name if nothing else is said."""
    module = name.replace("-", "_")
    files = {f"{module}.py": b""} if files is None else files
    info = f"{module}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {line}\n" for line in requires)
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": "[console_scripts]\nrun = something:main\n",
    }
    contents = {**files, **{path: text.encode() for path, text in texts.items()}}
    record = "".join(f"{path},,\n" for path in (*contents, f"{info}/RECORD"))
    wheel = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in contents.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", record)
    return wheel


def write_installed(folder: Path, name: str, *, hollow: bool = False) -> Path:
    """Write a wheel of what is installed here, or of its name, version and needs alone."""
    found = distribution(name)
    files = {
        str(file): Path(str(file.locate())).read_bytes()
        for file in (() if hollow else found.files or ())
        if not {"..", "__pycache__"} & set(file.parts) and ".dist-info" not in file.parts[0]
    }
    requires = [line for line in found.requires or () if "extra ==" not in line]
    return write_wheel(folder, name, found.version, files=files, requires=requires)


def write_what_algernon_needs(folder: Path) -> None:
    """Write wheels of all that Algernon's packages need of others, boto3 being a hollow one."""
    for name in REAL:
        write_installed(folder, name)
    for name in HOLLOW:
        write_installed(folder, name, hollow=True)
