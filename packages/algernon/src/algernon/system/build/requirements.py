"""What workers need of others, and where that is said."""

from __future__ import annotations

import os
import platform
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from ...errors import BuildError
from ..distributions import DISTRIBUTIONS
from .imports import imports_of
from .installed import installed_versions, requirements_of_imports
from .uv_command import run_uv


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What workers need of others.

    Attributes:
        source: One line for people: where that is said.
        directory: The directory from which paths in it count.
        lines: It, as a requirements file has it.
        files: Requirements files that say more of it.
        constraints: What else holds of the versions of what these need, likewise.
        hashes: The pinned versions with their hashes, where these are known.
        direct: What the project itself needs, where somebody wrote that.
    """

    source: str
    directory: Path
    lines: Sequence[str] = ()
    files: Sequence[Path] = ()
    constraints: Sequence[str] = ()
    hashes: Sequence[str] = ()
    direct: Sequence[Requirement] = ()


def find_requirements(
    modules: Sequence[str],
    directory: Path,
    files: Mapping[str, Path],
    *,
    leaving_out: Collection[str],
) -> Requirements:
    """Return what workers need: what the nearest file says that locks or lists it.

    That is a ``uv.lock`` or, where a folder has none, a ``requirements.txt``, in the directory or
    above it. Where there is neither, it is what the workers import, as it is installed here.

    Args:
        modules: The workers' modules.
        directory: The project's directory.
        files: The workers' code, by its names in the zip.
        leaving_out: Distributions that are left out of what is locked, with what only they need.

    Raises:
        BuildError: The file can't be read.
        MissingExtraError: uv isn't installed.
    """
    directory = directory.resolve()
    for folder in (directory, *directory.parents):
        if (folder / "uv.lock").is_file():
            return _locked(folder, directory, leaving_out)
        if (folder / "requirements.txt").is_file():
            return _listed(folder / "requirements.txt", directory)
    return Requirements(
        source="installed: the imports' distributions, since there is no uv.lock and no"
        " requirements.txt",
        directory=directory,
        lines=requirements_of_imports(imports_of(modules, files)),
        constraints=installed_versions(),
    )


def _locked(folder: Path, directory: Path, leaving_out: Collection[str]) -> Requirements:
    """Return what a project has locked, without its groups for development and itself."""
    source = os.path.relpath(folder / "uv.lock", directory)
    project = _nearest_project(directory, folder)
    _check_python(folder / "uv.lock", source)
    everything = _export(project, source)
    # What a stranger's distribution of Algernon's name needs isn't the project's need.
    pruned = sorted({*leaving_out, *DISTRIBUTIONS})
    lines = _export(project, source, *(f"--prune={name}" for name in pruned))
    return Requirements(
        source=source,
        directory=folder,
        lines=lines,
        constraints=[line for line in everything if "==" in line.partition(";")[0]],
        hashes=_hashed(everything),
        direct=_project_requirements(project),
    )


def _nearest_project(directory: Path, top: Path) -> Path:
    """Return the folder of the project that a directory is in, within what is locked together."""
    for folder in (directory, *directory.parents):
        if folder == top or "project" in _pyproject(folder):
            return folder
    return top


def _check_python(lock: Path, source: str) -> None:
    """Refuse what is locked for other Pythons: of what this one needs, it may lack something."""
    needed = tomllib.loads(lock.read_text(encoding="utf-8")).get("requires-python", "")
    if not SpecifierSet(needed).contains(platform.python_version(), prereleases=True):
        raise BuildError(
            f"{source} is for Python {needed} (requires-python in pyproject.toml), and this is"
            f" Python {platform.python_version()}, whose version the functions get in Lambda: run"
            " algernon with one of those"
        )


def _export(project: Path, source: str, *options: str) -> list[str]:
    return _logical_lines(
        run_uv(
            *("export", "--frozen", "--no-default-groups", "--no-emit-project"),
            *(f"--no-emit-package={name}" for name in DISTRIBUTIONS),
            *("--no-header", "--no-annotate", *options),
            directory=project,
            doing=f"read {source}",
        )
    )


def _listed(file: Path, directory: Path) -> Requirements:
    lines = _logical_lines(file.read_text(encoding="utf-8-sig", errors="backslashreplace"))
    return Requirements(
        source=os.path.relpath(file, directory),
        directory=file.parent,
        files=[file],
        hashes=_hashed(lines),
        direct=[*_requirements(lines)],
    )


def _logical_lines(text: str) -> list[str]:
    """Return the lines of a requirements file, those that go on as one."""
    joined = re.sub(r"\\\r?\n", " ", text)
    return [line.strip() for line in joined.splitlines() if line.strip()]


def _hashed(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if " --hash=" in line and not line.startswith("-")]


def _project_requirements(project: Path) -> list[Requirement]:
    """Return what a folder's pyproject.toml says that its project needs."""
    return [*_requirements(_pyproject(project).get("project", {}).get("dependencies", ()))]


def _pyproject(folder: Path) -> dict[str, Any]:
    file = folder / "pyproject.toml"
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _requirements(lines: Sequence[str]) -> Iterator[Requirement]:
    """Give those of some lines that name a distribution, and hold here."""
    for line in lines:
        try:
            needed = Requirement(re.sub(r"\s(--hash=|#).*", "", line))
        except InvalidRequirement:
            continue
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield needed
