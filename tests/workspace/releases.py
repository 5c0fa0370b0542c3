"""The packages as they were released, from the repository's history.

What a version's heading in the changelog describes is the package up to the next change that
stands there as unreleased, or belongs to another version: the last commit before that has the
release.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

HEADING = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", re.MULTILINE)


def git(*arguments: str) -> bytes:
    """Return what git prints of the repository.

    Raises:
        OSError: Git isn't installed.
        subprocess.CalledProcessError: This is no repository, or not the user's own.
    """
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


@cache
def missing_history() -> str | None:
    """Return why releases can't be had from history here, or None if they can."""
    try:
        shallow = git("rev-parse", "--is-shallow-repository").strip()
    except OSError:
        return "git isn't installed, so no older release can be built"
    except subprocess.CalledProcessError as error:
        return f"no older release can be built: {error.stderr.decode().strip()}"
    return "the clone is shallow, so no older release can be built" if shallow == b"true" else None


def has_unreleased(changelog: str) -> bool:
    """Tell whether anything stands in a changelog that no version has yet."""
    unreleased, *_ = HEADING.split(changelog.split("## [Unreleased]\n")[1], maxsplit=1)
    return bool(unreleased.strip())


def last_release(distribution: str) -> str:
    """Return the version of a distribution that was released before what is here.

    That is the newest in its changelog if something stands there as unreleased, and else the
    one before: then the newest is what is here.
    """
    changelog = (ROOT / "packages" / distribution / "CHANGELOG.md").read_text()
    newest, before, *_ = HEADING.findall(changelog)
    released: str = newest if has_unreleased(changelog) else before
    return released


def release_commit(distribution: str, version: str) -> str | None:
    """Return the last commit with a version as it was released, or None if it wasn't yet."""
    folder = f"packages/{distribution}"
    files = [f"{folder}/pyproject.toml", f"{folder}/CHANGELOG.md"]
    changes = git("log", "--first-parent", "--format=%H", "--", *files).decode().split()
    last = "HEAD"
    for commit in changes:
        project, changelog = (git("show", f"{commit}:{file}").decode() for file in files)
        is_dated = version in HEADING.findall(changelog)
        is_here = tomllib.loads(project)["project"]["version"] == version
        if is_dated and is_here and not has_unreleased(changelog):
            return git("rev-parse", last).decode().strip()
        last = f"{commit}^"
    return None


def check_out(commit: str, folder: Path) -> None:
    """Put the whole tree of a commit into a folder."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as tree:
        # Python before 3.11.4 has none, and later ones ask for one.
        if hasattr(tarfile, "data_filter"):
            tree.extraction_filter = tarfile.data_filter
        tree.extractall(folder)
