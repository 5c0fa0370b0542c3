"""What workers need of others, resolved and installed for Lambda by uv."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement

from ...errors import BuildError
from ..code_files import is_compiled
from ..distributions import DISTRIBUTIONS
from .algernon_requirements import algernon_requirements
from .index_sources import IndexSources, project_with_sources, split_by_index
from .platform import LambdaPlatform
from .requirement_lines import write_lines
from .requirements import Requirements
from .source_builds import install_from_git, split_from_git, with_wheels_of_folders
from .uv_command import UvError, in_one_line, run_uv

# What an installer notes of where and how it installed, which differs from machine to machine.
_NOTES = frozenset(
    {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}
)
_NO_WHEEL = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*?)(==(?P<version>[^\s,]+)|[<>!~=][^\s]*)? (?:has|have) no"
    r" (?:usable )?wheels"
)
_NO_WHEEL_OF = re.compile(
    r"(?:Wheels are (?:required|available) for|wheels for|attempted to build) `(?P<name>[^`]+)`"
)
_PINNED = re.compile(r"[\w.-]+==")
_HINT = re.compile(r"hint: (Wheels are available .*?|.*? we only found wheels .*?)(?= hint:|$)")


def install(
    requirements: Requirements,
    folder: Path,
    *,
    platform: LambdaPlatform,
    leaving_out: Collection[str],
) -> None:
    """Install what workers and Algernon need of others in a folder.

    It is installed from wheels, which are built of folders and git repositories alone.

    Args:
        requirements: What the workers need.
        folder: An empty folder, where what is needed then lies in `installed`.
        platform: Where it is to run.
        leaving_out: Distributions that aren't installed, nor what only they need.

    Raises:
        BuildError: Something isn't to be had, has no wheel for the platform, or contradicts
            something else.
        MissingExtraError: uv isn't installed.
    """
    directory = requirements.directory
    # Before anything is resolved, since it may take a build to tell a version, and of what uv.lock
    # has from git, it has the needs too.
    lines, from_git = split_from_git(
        with_wheels_of_folders(requirements.lines, directory, folder, platform)
    )
    resolved, listed_from_git = split_from_git(
        _resolve(
            replace(requirements, lines=lines),
            folder,
            platform,
            leaving_out=leaving_out,
            built={each.name for each in from_git},
        )
    )
    from_git += listed_from_git
    pinned = with_wheels_of_folders(resolved, directory, folder, platform)
    files = _files("pinned", pinned, requirements.sources, folder)
    target = folder / "installed"
    arguments = [
        "pip", "install", "--no-deps", "--target", str(target), "--link-mode", "copy",
        *(part for file in files for part in ("-r", file)), *_for(platform),
    ]  # fmt: skip
    if requirements.hashes:
        hashes = write_lines(folder / "hashes.txt", requirements.hashes)
        arguments += ["-c", hashes]
    with _telling_of_wheels(platform):
        run_uv(*arguments, directory=directory, doing="install what workers need")
    if from_git:
        install_from_git(from_git, target, directory=directory, folder=folder, platform=platform)


def installed_files(folder: Path) -> dict[str, Path]:
    """Return what was installed in a folder, by names in a zip.

    What a machine or an installer notes for itself is left out, as are programs.
    """
    installed = folder / "installed"
    return {
        path.relative_to(installed).as_posix(): path
        for path in installed.rglob("*")
        if path.is_file() and _belongs(path, path.relative_to(installed).parts)
    }


def needs_of_installed(folder: Path) -> Iterator[tuple[str, Requirement]]:
    """Give what each distribution installed in a folder needs, after its name and version."""
    for distribution in distributions(path=[str(folder / "installed")]):
        for line in distribution.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                yield f"{distribution.name} {distribution.version}", needed


def _belongs(path: Path, parts: Sequence[str]) -> bool:
    top, *below = parts
    is_note = top.endswith(".dist-info") and len(below) == 1 and path.name in _NOTES
    return not (is_note or top in {"bin", ".lock"} or "__pycache__" in parts or is_compiled(path))


def _resolve(
    requirements: Requirements,
    folder: Path,
    platform: LambdaPlatform,
    *,
    leaving_out: Collection[str],
    built: Collection[str],
) -> list[str]:
    """Return all that is to be installed, each pinned, but for what is left out or built."""
    pinned = _compile(requirements, folder, platform, leaving_out=built, pinned=())
    if not leaving_out:
        return pinned
    # What is left out is beside it in Lambda, and so has a say in the versions of all others.
    return _compile(
        requirements,
        folder,
        platform,
        leaving_out={*leaving_out, *built},
        pinned=[line for line in pinned if _PINNED.match(line)],
    )


def _compile(
    requirements: Requirements,
    folder: Path,
    platform: LambdaPlatform,
    *,
    leaving_out: Collection[str],
    pinned: Sequence[str],
) -> list[str]:
    # An override that holds nowhere leaves out what it names, whoever needs it.
    nowhere = [f"{name} ; python_version < '0'" for name in sorted({*DISTRIBUTIONS, *leaving_out})]
    lines = [*requirements.lines, *map(str, algernon_requirements())]
    constraints = pinned or requirements.constraints
    # uv warns of a file that says nothing.
    constraining = (
        ("-c", write_lines(folder / "constraints.txt", constraints)) if constraints else ()
    )
    with _telling_of_wheels(platform):
        resolved = run_uv(
            "pip", "compile", *_files("needed", lines, requirements.sources, folder),
            *map(str, requirements.files),
            "--override", write_lines(folder / "nowhere.txt", nowhere),
            *constraining,
            "--no-header", "--no-annotate", "--no-generate-hashes", "--emit-index-url",
            "--emit-find-links",
            *_for(platform),
            directory=requirements.directory,
            doing="resolve what workers need",
        )  # fmt: skip
    return resolved.splitlines()


def _for(platform: LambdaPlatform) -> Sequence[str]:
    return ("--only-binary", ":all:", *platform.uv_options)


def _files(name: str, lines: Sequence[str], sources: IndexSources, folder: Path) -> list[str]:
    """Write files of what is needed, and return their paths."""
    others, own = split_by_index(lines, sources)
    files = [write_lines(folder / f"{name}.txt", others)]
    if own:
        project = folder / name
        project.mkdir(exist_ok=True)
        file = project / "pyproject.toml"
        file.write_text(project_with_sources(own, sources), encoding="utf-8")
        files.append(str(file))
    return files


@contextmanager
def _telling_of_wheels(platform: LambdaPlatform) -> Iterator[None]:
    """Let an error of uv in the block say so, if it is about a wheel that is missing."""
    try:
        yield
    except UvError as error:
        words = in_one_line(error.words)
        found = _NO_WHEEL.search(words) or _NO_WHEEL_OF.search(words)
        if found is None:
            raise
        what = " ".join(filter(None, found.groupdict().values()))
        # Where others need it, that is told too, in uv's own words.
        told = [words] if re.search(r"\bdepends? on\b", words) else _HINT.findall(words)
        newer = ", Python 3.12 or newer, for which there are more" * platform.is_on_amazon_linux_2
        raise BuildError(
            f"{what} has no wheel for {platform.name}, and nothing is compiled here: choose a"
            f" version that has one{newer}, another architecture in [tool.algernon], or build a"
            " wheel for it and name its folder in UV_FIND_LINKS"
            + (f" ({'; '.join(told)})" if told else "")
        ) from error
