"""Settings from a table of TOML."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import Any, TypeVar

from ...errors import SettingsError
from .settings import Alarms, Environment, Parameter, Secret, Settings, Vpc, WorkerSettings
from .unknown_keys import check_keys
from .values import Key, check_table
from .variables import check_variables

Kind = TypeVar("Kind", Settings, WorkerSettings, Vpc, Alarms)


def settings_from(table: Mapping[str, Any]) -> Settings:
    """Return the settings that ``[tool.algernon]`` has.

    Raises:
        SettingsError: A key isn't known, or a value means nothing; its `key` says where.

    Example:
        >>> settings_from({"environment": {"BANK_URL": "https://bank.example"}}).environment
        {'BANK_URL': 'https://bank.example'}
    """
    return _part(
        Settings,
        table,
        environment=_environment,
        workers=_workers,
        vpc=lambda value: _part(Vpc, value),
        alarms=lambda value: _part(Alarms, value),
    )


def _part(kind: type[Kind], table: object, **readers: Callable[[Any], object]) -> Kind:
    """Return a part of the settings, of whose values some are read otherwise than they stand."""
    values = dict(check_table(table, "settings"))
    names = [field.name for field in fields(kind)]
    check_keys(values, names)
    for name, read in readers.items():
        if name in values:
            with _within(name):
                values[name] = read(values[name])
    missing = [
        field.name
        for field in fields(kind)
        if field.default is field.default_factory is MISSING and field.name not in values
    ]
    if missing:
        raise SettingsError(f"needs {' and '.join(missing)} too")
    return kind(**values)


def _workers(value: object) -> Mapping[str, WorkerSettings]:
    workers = {}
    for module, table in check_table(value, "workers, by their modules").items():
        with _within(module):
            _check_quotes(module, table)
            workers[module] = _part(WorkerSettings, table, environment=_environment)
    return workers


def _check_quotes(module: str, table: object) -> None:
    """Refuse `workers.shop.mail`, which to TOML is a table `mail` in one of a worker `shop`."""
    known = [field.name for field in fields(WorkerSettings)]
    for name, value in table.items() if isinstance(table, Mapping) else ():
        if isinstance(value, Mapping) and not get_close_matches(name, known):
            meant = json.dumps(f"{module}.{name}", ensure_ascii=False)
            raise SettingsError(
                f"is no setting: a module of a package stands in quotes, workers.{meant}",
                key=(name,),
            )


def _environment(value: object) -> Environment:
    variables: dict[str, Any] = {}
    for name, each in check_variables(value).items():
        with _within(name):
            variables[name] = _lookup(each) if isinstance(each, Mapping) else each
    return variables


def _lookup(table: Mapping[str, Any]) -> Secret | Parameter:
    """Return where the value of a variable is kept."""
    if "secret" in table:
        check_keys(table, ("key", "secret"))
        return Secret(table["secret"], table.get("key"))
    check_keys(table, ("parameter", "secret"))
    if "parameter" not in table:
        raise SettingsError('needs secret = "arn:aws:…" or parameter = "/name"')
    return Parameter(table["parameter"])


@contextmanager
def _within(*key: Key) -> Iterator[None]:
    """Let errors in the block say that what they are about is a part of this key's value."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError(error.problem, key=(*key, *error.key)) from error
