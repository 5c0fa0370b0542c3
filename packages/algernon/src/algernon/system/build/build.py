"""From a project's folder to the zip that Lambda runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ...worker import split_target
from ..archive import zip_of
from ..code_files import algernon_files, worker_files
from ..settings.settings import Settings
from .algernon_requirements import algernon_requirements
from .installing import install, installed_files, needs_of_installed
from .lambda_sdk import SDK, needs_another
from .platform import LambdaPlatform, lambda_platform
from .requirements import Requirements, find_requirements
from .secret_files import secret_files
from .smoke_import import smoke_import

# Nothing in Lambda needs them: they are the command's own, and its doors.
_OF_THE_COMMAND = tuple(
    f"algernon/{name}"
    for name in (
        *("commands/", "console/", "local/", "story/", "system/"),
        *("settings.py", "template.py"),
    )
)

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Build:
    """What is deployed as the code of a system's functions.

    Attributes:
        archive: The zip.
        key: Its name in a bucket, ``SHA256.zip``: equal code has an equal one.
        source: One line: where it is said what the workers need of others.
        left_out: The distributions that aren't in it, since Lambda has them.
        notes: What one should know of it, a line each.
    """

    archive: bytes
    key: str
    source: str
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def build(
    targets: Sequence[str],
    directory: Path,
    *,
    settings: Settings,
    tell: Callable[[str], object],
) -> Build:
    """Return the zip of workers, of all that they need, and of Algernon as it is installed here.

    It is for the minor version of this Python, and for the settings' architecture. What workers
    need is what the nearest ``uv.lock`` or ``requirements.txt`` says, in the directory or above
    it; where there is none, it is what they import, as it is installed here. uv finds and installs
    wheels for Lambda's platform, and nothing is compiled. Packages of Algernon are copied as they
    are installed here: whatever an index has by their names isn't asked for.

    What is among the workers' code and may hold secrets, such as `local.env`, is told.

    boto3 and what comes with it are Lambda's own, unless `Settings.bundle_boto3` is true, or
    something needs other versions than Lambda may have, which is told.

    Equal input gives equal bytes. Where it is for this machine, the workers are imported from it.

    Args:
        targets: A ``MODULE:ROUTER`` for each worker.
        directory: The project's directory, in which modules are searched first.
        settings: The system's settings.
        tell: Is called with a line for people about what is being done.

    Raises:
        BuildError: A wheel is missing, requirements contradict each other, the code is larger than
            Lambda takes, or a worker can't be imported from what was built.
        MissingExtraError: uv isn't installed.
        WorkerError: A target isn't ``MODULE:ROUTER``.
        OSError: A file or a folder can't be read.

    Example:
        ``build(["shop.worker:router"], Path.cwd(), settings=Settings(), tell=print).key``
    """
    modules = [split_target(target)[0] for target in targets]
    platform = lambda_platform(settings.architecture)
    own = worker_files(modules, directory)
    with TemporaryDirectory(prefix="algernon-build-") as name:
        folder = Path(name).resolve()
        left_out = () if settings.bundle_boto3 else SDK
        notes = _notes_of_secrets(own)
        tell(f"Building for {platform.name}")
        requirements, installed = _install(
            modules, directory, own, folder / "first", platform=platform, leaving_out=left_out
        )
        if left_out and (why := _why_bundle(requirements, folder / "first")):
            notes.append(f"boto3 is in the zip, since {why}, which Lambda's own may not be")
            left_out = ()
            requirements, installed = _install(
                modules, directory, own, folder / "second", platform=platform, leaving_out=()
            )
        archive = zip_of({**_not_hidden(installed, own), **own, **_algernon()})
    if platform.is_here:
        tell("Importing the workers from the built zip")
        smoke_import(modules, archive, settings=settings, has_sdk=not left_out)
    else:
        notes.append(f"the workers weren't imported from the zip, which is for {platform.name}")
    return Build(
        archive,
        f"{hashlib.sha256(archive).hexdigest()}.zip",
        requirements.source,
        left_out,
        tuple(notes),
    )


def _notes_of_secrets(own: Mapping[str, Path]) -> list[str]:
    if not (names := secret_files(own)):
        return []
    more = f" and {len(names) - _MOST_NAMED} more" * (len(names) > _MOST_NAMED)
    named = f"{', '.join(names[:_MOST_NAMED])}{more}"
    note = (
        f"what may hold secrets is in the zip: {named}; what workers don't need belongs elsewhere,"
        " such as in a hidden folder, or beside a package of theirs"
    )
    return [note]


def _install(
    modules: Sequence[str],
    directory: Path,
    own: Mapping[str, Path],
    folder: Path,
    *,
    platform: LambdaPlatform,
    leaving_out: Sequence[str],
) -> tuple[Requirements, dict[str, Path]]:
    folder.mkdir()
    requirements = find_requirements(modules, directory, own, leaving_out=leaving_out)
    install(requirements, folder, platform=platform, leaving_out=leaving_out)
    return requirements, installed_files(folder)


def _why_bundle(requirements: Requirements, folder: Path) -> str | None:
    return needs_another(
        [
            *(("algernon", needed) for needed in algernon_requirements()),
            *((requirements.source, needed) for needed in requirements.direct),
            *needs_of_installed(folder),
        ]
    )


def _not_hidden(installed: Mapping[str, Path], own: Mapping[str, Path]) -> dict[str, Path]:
    """Return installed files without those of a package that a worker has one of its own of."""
    hiding = {
        name.removesuffix("/__init__.py").removesuffix(".py")
        for name in own
        if name.removesuffix("/__init__.py").count("/") == 0 and name.endswith(".py")
    }
    return {
        name: path
        for name, path in installed.items()
        if name.partition("/")[0].partition(".")[0] not in hiding
    }


def _algernon() -> dict[str, Path]:
    return {
        name: path
        for name, path in algernon_files().items()
        if not name.startswith(_OF_THE_COMMAND)
    }
