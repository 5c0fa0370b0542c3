"""What is required as source, from a folder or a git repository, as wheels that are built of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from ...errors import BuildError
from ..distributions import DISTRIBUTIONS
from .platform import LambdaPlatform
from .requirement_lines import requirement_of, write_lines
from .uv_command import run_uv


def with_wheels_of_folders(
    lines: Iterable[str], directory: Path, folder: Path, platform: LambdaPlatform
) -> list[str]:
    """Return lines with the wheel of each project's folder that they name, in place of it.

    Args:
        lines: Lines of a requirements file.
        directory: Where its paths count from.
        folder: A folder in which wheels may lie.
        platform: Where it is to run.

    Raises:
        BuildError: A wheel can't be built, or holds what was compiled for this machine.
        MissingExtraError: uv isn't installed.
    """
    return [_with_wheel(line, directory, folder, platform) for line in lines]


def split_from_git(lines: Iterable[str]) -> tuple[list[str], list[Requirement]]:
    """Return the lines that don't name a git repository, and what the others need."""
    others, from_git = [], []
    for line in lines:
        needed = requirement_of(line)
        if needed is not None and (needed.url or "").startswith("git+"):
            from_git.append(needed)
        else:
            others.append(line)
    return others, from_git


def install_from_git(
    needed: Sequence[Requirement],
    target: Path,
    *,
    directory: Path,
    folder: Path,
    platform: LambdaPlatform,
) -> None:
    """Build what git repositories have, and install it.

    Args:
        needed: What is needed, each of a repository and a commit.
        target: Where to install it.
        directory: Where paths count from.
        folder: A folder in which files may lie.
        platform: Where it is to run.

    Raises:
        BuildError: It can't be fetched or built, or holds what was compiled for this machine.
        MissingExtraError: uv isn't installed.
    """
    run_uv(
        "pip", "install", "--no-deps", "--target", str(target), "--link-mode", "copy",
        "--build-constraints", _never(folder),
        *platform.uv_options, *map(str, needed),
        directory=directory,
        doing="build what workers need from git",
    )  # fmt: skip
    names = {canonicalize_name(each.name) for each in needed}
    for distribution in distributions(path=[str(target)]):
        if canonicalize_name(distribution.name) in names:
            told = re.findall(r"^Tag: (.*)$", distribution.read_text("WHEEL") or "", re.MULTILINE)
            _check(distribution.name, (tag.rpartition("-")[2] for tag in told), platform)


def _with_wheel(line: str, directory: Path, folder: Path, platform: LambdaPlatform) -> str:
    wanted, semicolon, marker = line.partition(" ; ")
    place = re.sub(r"^(-e\s+|[\w.-]+ @ )", "", wanted)
    if not (wanted.startswith(("-e ", ".", "/")) or place.startswith("file://")):
        return line
    path = url2pathname(urlsplit(place).path) if place.startswith("file://") else place
    source = directory / path
    if not source.is_dir():
        return line
    wheels = folder / f"wheel-{len([*folder.glob('wheel-*')])}"
    run_uv(
        "build", "--wheel", "--out-dir", str(wheels), "--build-constraints", _never(folder),
        str(source),
        directory=directory,
        doing=f"build a wheel of {source}",
    )  # fmt: skip
    (wheel,) = wheels.glob("*.whl")
    name, _, _, tags = parse_wheel_filename(wheel.name)
    _check(name, (tag.platform for tag in tags), platform)
    return f"{wheel}{semicolon}{marker}"


def _never(folder: Path) -> str:
    """Return the path of constraints by which no index is asked for Algernon, for builds either."""
    return write_lines(folder / "never.txt", [f"{name} <0" for name in sorted(DISTRIBUTIONS)])


def _check(name: str, built_for: Iterable[str], platform: LambdaPlatform) -> None:
    """Refuse what was compiled for this machine alone.

    What runs on any Linux like Lambda's has a tag that says so (PEP 600).
    """
    own = next((tag for tag in built_for if tag.startswith(("linux_", "macosx_", "win"))), None)
    if own is not None:
        raise BuildError(
            f"{name} is required as source, and what is built of it here is for this machine"
            f" ({own}), not for {platform.name}: build a wheel of it for that (manylinux), require"
            " it by its version, and name the wheel's folder in UV_FIND_LINKS"
        )
