"""Workers imported from the built zip alone, as Lambda imports them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from ...errors import BuildError
from ..settings.settings import Settings
from .lambda_sdk import SDK

_SECONDS = 120
# What Lambda has beside boto3 and what comes with it, since these need it.
_BESIDE_THE_SDK = ("dateutil", "six", "urllib3")
# It is given where to write, what stands first and last on the path, and modules.
_PROGRAM = """
import importlib, json, os, sys, traceback

answer, built, beside, *modules = sys.argv[1:]
sys.path[:] = [built, *sys.path, beside]
told = {}
for module in modules:
    try:
        importlib.import_module(module)
    except BaseException as error:
        traceback.print_exc()
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = {
            "module": module,
            "error": f"{type(error).__name__}: {error}".replace(built, "."),
            "where": f"{where.filename.removeprefix(built).lstrip('/')}, line {where.lineno}",
            "missing": error.name if isinstance(error, ModuleNotFoundError) else None,
            "lacking": error.name if isinstance(error, ImportError) else None,
        }
        break
with open(answer, "w", encoding="utf-8", errors="backslashreplace") as file:
    json.dump(told, file)
sys.stdout.flush()
sys.stderr.flush()
# Whatever threads the modules have left.
os._exit(0)
"""


def smoke_import(
    modules: Sequence[str], archive: bytes, *, settings: Settings, has_sdk: bool
) -> None:
    """Import workers from a zip, unpacked, with nothing else but what Lambda has.

    Workers whose environment variables differ are imported in processes of their own.

    Args:
        modules: The workers' modules.
        archive: The zip.
        settings: Those that say which environment variables each worker has.
        has_sdk: Whether boto3 is in the zip, and not Lambda's own.

    Raises:
        BuildError: A module can't be imported from it.
    """
    alike: dict[frozenset[tuple[str, str]], list[str]] = {}
    for module in modules:
        variables = settings.of_worker(module).environment.items()
        plain = frozenset((name, value) for name, value in variables if isinstance(value, str))
        alike.setdefault(plain, []).append(module)
    with TemporaryDirectory(prefix="algernon-built-") as name:
        folder = Path(name).resolve()
        built = folder / "built"
        with ZipFile(BytesIO(archive)) as opened:
            opened.extractall(built)
        (folder / "beside").mkdir()
        if not has_sdk:
            _link_sdk(folder / "beside")
        for variables_of_all, together in alike.items():
            _import(together, folder, {**os.environ, **dict(variables_of_all)})


def _link_sdk(folder: Path) -> None:
    """Link what Lambda has to what is installed here."""
    for name in (*SDK, *_BESIDE_THE_SDK):
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            file = Path(spec.origin)
            place = file.parent if spec.submodule_search_locations else file
            (folder / place.name).symlink_to(place)


def _import(modules: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
    answer = folder / "answer.json"
    answer.unlink(missing_ok=True)
    # Not the secrets' own door: it would ask AWS for them when it is asked for the handler.
    all_of_them = ["algernon", "algernon.secrets", *modules]
    with (folder / "written").open("w+b") as written:
        process = subprocess.Popen(  # noqa: S603 - these modules are what is to be run
            [
                *(sys.executable, "-I", "-S", "-c", _PROGRAM),
                *(str(folder / name) for name in ("answer.json", "built", "beside")),
                *all_of_them,
            ],
            cwd=folder / "built",
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise BuildError(
                f"{', '.join(modules)} weren't imported from the built zip within {_SECONDS} s: a"
                " module waits for something while it is imported, such as a thread, a process or"
                " the network; let it wait in its Tasks"
            ) from error
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        written.seek(0)
        text = written.read().decode(errors="backslashreplace")
    _check(_told(answer), modules, process.returncode, text.replace(str(folder / "built"), "."))


def _told(answer: Path) -> dict[str, str] | None:
    try:
        told: dict[str, str] = json.loads(answer.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told


def _check(
    told: Mapping[str, str] | None, modules: Sequence[str], status: int, written: str
) -> None:
    if told == {}:
        return
    # What the modules have written while they failed; the error itself is one line.
    print(written.removesuffix("\n"), file=sys.stderr)
    if told is None:
        raise BuildError(
            f"the process that imported {', '.join(modules)} from the built zip ended with status"
            f" {status}, and didn't say why: a module has ended it (os._exit, a signal, a crash);"
            " standard error may say more"
        )
    raise BuildError(
        f"the module {told['module']} can't be imported from the built zip alone:"
        f" {told['error']} ({told['where']}){_remedy(told.get('missing'), told.get('lacking'))}"
    )


def _remedy(missing: str | None, lacking: str | None) -> str:
    named = missing or lacking
    if not named:
        return ""
    if named.partition(".")[0] == "algernon":
        return (
            ": what runs in Lambda has nothing of the command algernon; import that where you use"
            " it, and not in a worker"
        )
    if not missing:
        return (
            f": {lacking} is there, but isn't what is meant; where it is a module of your own that"
            " has the name of one that others need, rename it"
        )
    return (
        f": nothing that the workers need brings {missing}; name the distribution that does in the"
        " project's dependencies and run uv lock, or in requirements.txt"
    )
