"""Load a worker into this process, as Lambda does."""

from __future__ import annotations

import sys
import traceback
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ..errors import UnknownTaskError, WorkerError
from ..worker import Worker, split_target
from .module_origin import check_origin, file_of, hint_at_hidden
from .own_traceback import own_traceback

if TYPE_CHECKING:
    from algernon_queue import TaskRouter


def load_worker(target: str, directory: Path) -> Worker:
    """Import a worker, from a directory first, as ``python -m`` would.

    What the module prints while it is imported goes to standard error.

    Args:
        target: ``MODULE:ROUTER``.
        directory: The directory, which stays at the head of ``sys.path``.

    Raises:
        WorkerError: There is no such module or router, the module can't be
            imported, has no handler, or its router has no Task; or another module
            of its name was loaded, such as one of the standard library.

    Example:
        >>> load_worker("worker:router", Path("examples"))  # doctest: +SKIP
        Worker(handler='worker.handler', tasks=('read', 'parse'), retries={}, needs={})
    """
    module_name, router_name = split_target(target)
    module = load_module(module_name, directory)
    router = router_in(module, router_name)
    if not callable(getattr(module, "handler", None)):
        raise WorkerError(
            f"the module {module_name} has no function 'handler' for Lambda to call: write"
            f" handler = {router_name}.handler at its end"
        )
    if not router.tasks:
        raise WorkerError(
            f"the router {target!r} has no Tasks: put @{router_name}.task on the functions that"
            " should be"
        )
    return Worker(f"{module_name}.handler", tuple(router.tasks), router.retries, router.needs)


def router_in(module: ModuleType, router_name: str) -> TaskRouter:
    """Return a worker's router.

    Raises:
        WorkerError: The module has no such router.
    """
    # Not before, since in Lambda the worker's module comes first too.
    from algernon_queue import TaskRouter

    router = getattr(module, router_name, None)
    if not isinstance(router, TaskRouter):
        raise WorkerError(
            f"the module {module.__name__} has no TaskRouter {router_name!r}; it has"
            f" {', '.join(routers_in(module)) or 'none: write router = TaskRouter() in it'}"
            f" (what was loaded is {file_of(module)})"
        )
    return router


def routers_in(module: ModuleType) -> dict[str, TaskRouter]:
    """Return the routers of a module by their names in it."""
    from algernon_queue import TaskRouter

    return {name: value for name, value in vars(module).items() if isinstance(value, TaskRouter)}


def task_in(module: ModuleType, name: str) -> str:
    """Return the name of a Task that a module has, by that name or by its function's.

    Args:
        module: A worker's module, or any other that has routers or Tasks.
        name: The Task's name or, where none is called so, what its function is called in it.

    Raises:
        UnknownTaskError: The module has no such Task.
    """
    from algernon_queue import RoutedTask

    functions = {key: each for key, each in vars(module).items() if isinstance(each, RoutedTask)}
    names = [name for router in routers_in(module).values() for name in router.tasks]
    names = [*dict.fromkeys((*names, *(each.task_name for each in functions.values())))]
    if name in names:
        return name
    if name in functions:
        return functions[name].task_name
    raise UnknownTaskError(
        f"the module {module.__name__} has no Task {name!r}; its Tasks are"
        f" {', '.join(names) or 'none'} (what was loaded is {file_of(module)})"
    )


def load_module(module_name: str, directory: Path) -> ModuleType:
    """Import a module, from a directory first, as ``python -m`` would.

    What it prints meanwhile goes to standard error.

    Raises:
        WorkerError: There is no such module, it can't be imported, or another one of its name
            was loaded.
    """
    place = str(directory.resolve())
    if sys.path[0] != place:
        sys.path.insert(0, place)
    try:
        with redirect_stdout(sys.stderr):
            module = import_module(module_name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            raise WorkerError(
                f"there is no module {missing!r} in {place} or among the installed packages: run"
                " this where the module is, as you would run python -m",
                missing_module=missing,
            ) from error
        raise WorkerError(
            f"the module {module_name} can't be imported: {type(error).__name__}:"
            f" {_reason_of(error)}{hint_at_hidden(error, Path(place))}",
            missing_module=missing,
            traceback=own_traceback(error),
        ) from error
    check_origin(module_name, module, Path(place))
    return module


def _reason_of(error: BaseException) -> str:
    """Return what an error says, and where it was raised or, of code that can't be read, is."""
    if isinstance(error, SyntaxError) and error.lineno:
        # By itself it names the file without its folder.
        return f"{error.msg} ({error.filename}, line {error.lineno})"
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return f"{error} ({frame.f_code.co_filename}, line {line})"
