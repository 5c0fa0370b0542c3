"""The files of a new project, and how they come into its folder."""

from __future__ import annotations

import platform
from importlib.resources import files
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from ...errors import ProjectError
from .names import ProjectName
from .wheels import installed_wheels

# Where each file of the folder `template` goes.
_PLACES = {
    "README.md": "README.md",
    "ci.yml": ".github/workflows/ci.yml",
    "gitignore": ".gitignore",
    "pyproject.toml": "pyproject.toml",
    "test_worker.py": "tests/test_worker.py",
    "worker.py": "$package/worker.py",
}


def make_project(name: ProjectName, directory: Path) -> None:
    """Make a project's folder in a directory: all of it, or nothing.

    Args:
        name: The project's name.
        directory: Where to make it.

    Raises:
        ProjectError: Something of that name is there, which isn't an empty folder, or not all of
            Algernon is installed.
        OSError: A file can't be read or written.
    """
    folder = directory / name.name
    if folder.is_symlink() or (folder.exists() and not _is_empty_folder(folder)):
        raise ProjectError(
            f"there is something already at {folder}, and nothing is overwritten: take another"
            " name, or move it away"
        )
    # Renaming takes no time in which somebody could put something there, nor fails half-way.
    with TemporaryDirectory(dir=directory, prefix=f".{name.name}-") as temporary:
        made = Path(temporary, name.name)
        for place, content in _files(name).items():
            path = made / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        made.rename(folder)


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _files(name: ProjectName) -> dict[str, bytes]:
    """Return the content of each file by its path in the project."""
    wheels = installed_wheels()
    words = {
        "name": name.name,
        "package": name.package,
        "stack": name.stack,
        "sources": "\n".join(
            f'{distribution} = {{ path = "wheels/{wheel.file}" }}'
            for distribution, wheel in wheels.items()
        ),
    }
    templates = files(__package__) / "template"
    made = {
        Template(place).substitute(words): Template(
            (templates / f"{source}.template").read_text(encoding="utf-8")
        ).substitute(words)
        for source, place in _PLACES.items()
    }
    made[f"{name.package}/__init__.py"] = f'"""What {name.name} does on AWS."""\n'
    # The Python of Lambda is the one with which a project is deployed.
    made[".python-version"] = ".".join(platform.python_version_tuple()[:2]) + "\n"
    return {place: text.encode() for place, text in made.items()} | {
        f"wheels/{wheel.file}": wheel.content for wheel in wheels.values()
    }
