"""Whether the code of workers, or their settings, changed since one looked last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread

from ..errors import LocalSystemError, MissingExtraError
from ..system.code_archive import worker_sources

_SETTINGS = "pyproject.toml"
_CACHE = "__pycache__"
# What marks a virtual environment.
_ENVIRONMENT = "pyvenv.cfg"
# As long as nothing else is saved for so long, what was saved belongs together.
_QUIET_MS = 200
_LOOK_MS = 500


class CodeWatch:
    """What was saved of workers' code and settings."""

    def __init__(self) -> None:
        self._saved = Event()
        self._error: Exception | None = None

    def note(self) -> None:
        """Take down that something was saved."""
        self._saved.set()

    def give_up(self, error: Exception) -> None:
        """Take down why nothing can be noted any more."""
        self._error = error

    def has_changed(self) -> bool:
        """Tell whether something was saved since this was asked last.

        Raises:
            LocalSystemError: It can't be told, such as where the system watches no more files.
        """
        if self._error:
            raise LocalSystemError(
                f"the workers' code can't be watched any more: {self._error}"
            ) from self._error
        has_changed = self._saved.is_set()
        self._saved.clear()
        return has_changed


@contextmanager
def watch_code(modules: Sequence[str], directory: Path) -> Iterator[CodeWatch]:
    """Watch what goes with workers, and the settings of their project, until the block ends.

    Hidden files and folders, caches and virtual environments are no code, nor are other files
    beside a package.

    Args:
        modules: The workers' modules.
        directory: The directory that they are searched in first.

    Raises:
        MissingExtraError: The extra ``local`` isn't installed.
        LocalSystemError: A module is nowhere.

    Example:
        >>> with watch_code(["worker"], Path.cwd()) as code:  # doctest: +SKIP
        ...     code.has_changed()
        False
    """
    if find_spec("watchfiles") is None:
        raise MissingExtraError(
            "to reload needs watchfiles, which isn't installed: install the extra algernon[local],"
            " as algernon's README says",
            name="watchfiles",
        )
    sources = worker_sources(modules, directory)
    code = CodeWatch()
    ended = Event()
    with ExitStack() as cleanup:
        cleanup.callback(ended.set)
        for paths, is_meant, is_deep in (
            (sources, _is_code_of(sources), True),
            # By their folders, since an editor puts a new file in the place of the old one.
            (_folders_of_settings(directory), _is_settings, False),
        ):
            watching = Thread(
                target=_watch, args=[paths, is_meant, is_deep, code, ended], daemon=True
            )
            watching.start()
            cleanup.callback(watching.join)
            cleanup.callback(ended.set)
        yield code


def _watch(
    paths: Sequence[Path],
    is_meant: Callable[[Path], bool],
    is_deep: bool,  # noqa: FBT001 - a thread's arguments
    code: CodeWatch,
    ended: Event,
) -> None:
    from watchfiles import watch

    try:
        for _ in watch(
            *paths,
            watch_filter=lambda _, path: is_meant(Path(path)),
            step=_QUIET_MS,
            rust_timeout=_LOOK_MS,
            stop_event=ended,
            recursive=is_deep,
            ignore_permission_denied=True,
        ):
            code.note()
    except Exception as error:  # noqa: BLE001 - nobody looks at what ends a thread
        code.give_up(error)


def _folders_of_settings(directory: Path) -> list[Path]:
    """Return the folder of a project and those above it, as far up as one has settings."""
    folder = directory.resolve()
    folders = [folder, *folder.parents]
    with_settings = [number for number, each in enumerate(folders) if (each / _SETTINGS).exists()]
    return folders[: max([0, *with_settings]) + 1]


def _is_settings(path: Path) -> bool:
    return path.name == _SETTINGS


def _is_code_of(sources: Sequence[Path]) -> Callable[[Path], bool]:
    """Return what tells whether a file may be packed with one of these."""

    def is_code(path: Path) -> bool:
        for source in sources:
            if path == source:
                return True
            if path.is_relative_to(source):
                below = path.relative_to(source)
                folders = [source.joinpath(parent) for parent in below.parents]
                return not (
                    any(part.startswith(".") or part == _CACHE for part in below.parts)
                    or any((folder / _ENVIRONMENT).exists() for folder in folders[:-1])
                )
        return False

    return is_code
