"""Settings from a table of TOML."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from functools import partial
from typing import Any, TypeVar

from ...errors import SettingsError
from .settings import Alarms, Environment, Parameter, Secret, Settings, Vpc, WorkerSettings
from .unknown_keys import check_keys, likely_meant
from .values import Key, check_table, refuse
from .variables import check_variables

Kind = TypeVar("Kind", Settings, WorkerSettings, Vpc, Alarms)

_OF_ALL = "[tool.algernon]"
_NAMES_OF_ALL = [field.name for field in fields(Settings)]
_NAMES_OF_ONE = [field.name for field in fields(WorkerSettings)]


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
        environment=partial(_environment, tables=_tables_of_settings()),
        workers=_workers,
        statements=_statements,
        vpc=lambda value: _part(Vpc, value),
        alarms=lambda value: _part(Alarms, value),
    )


def _part(kind: type[Kind], table: object, **readers: Callable[[Any], object]) -> Kind:
    """Return a part of the settings, of whose values some are read otherwise than they stand."""
    values = dict(check_table(table, "settings"))
    if kind is Settings:
        _check_not_a_workers(values)
    check_keys(values, [field.name for field in fields(kind)])
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
            _check_own(module, table)
            workers[module] = _part(
                WorkerSettings,
                table,
                environment=partial(_environment, tables=_tables_of_settings(module)),
            )
    return workers


def _check_own(module: str, table: object) -> None:
    """Refuse what is no worker's own: a setting of all, or, to TOML, another worker's table.

    `workers.shop.mail` without quotes is a table `mail` in one of a worker `shop`.
    """
    for name, value in table.items() if isinstance(table, Mapping) else ():
        quoted = f"a module of a package stands in quotes, workers.{_quoted(f'{module}.{name}')}"
        if name in _NAMES_OF_ALL and name not in _NAMES_OF_ONE:
            or_module = f"; or, if it is a module, {quoted}" if isinstance(value, Mapping) else ""
            raise SettingsError(
                f"is no setting of one worker, but of all: write it under {_OF_ALL}{or_module}",
                key=(name,),
            )
        if isinstance(value, Mapping) and not likely_meant(name, _NAMES_OF_ONE):
            raise SettingsError(f"is no setting: {quoted}", key=(name,))


def _check_not_a_workers(table: Mapping[str, Any]) -> None:
    for name in _NAMES_OF_ONE:
        if name in table and name not in _NAMES_OF_ALL:
            raise SettingsError(
                "is a setting of one worker, not of all: write it under"
                ' [tool.algernon.workers."module"]',
                key=(name,),
            )


def _statements(value: object) -> object:
    if isinstance(value, Mapping):
        refuse(
            value,
            "a list of tables: write [[tool.algernon.statements]], in two brackets, above each",
        )
    return value


def _tables_of_settings(module: str | None = None) -> Mapping[str, str]:
    """Return in which table each setting stands, beside the variables of all or of one worker."""
    own = f"[tool.algernon.workers.{_quoted(module or 'module')}]"
    of_one, of_all = dict.fromkeys(_NAMES_OF_ONE, own), dict.fromkeys(_NAMES_OF_ALL, _OF_ALL)
    return {**of_one, **of_all} if module is None else {**of_all, **of_one}


def _environment(value: object, tables: Mapping[str, str]) -> Environment:
    variables: dict[str, Any] = {}
    for name, each in check_variables(value).items():
        with _within(name):
            if name in tables:
                raise SettingsError(
                    f"is a setting's name, not an environment variable's: write it under"
                    f" {tables[name]}, above the header of the environment, since to TOML all that"
                    " stands below a header is in its table"
                )
            variables[name] = _lookup(each) if isinstance(each, Mapping) else each
    return variables


def _lookup(table: Mapping[str, Any]) -> Secret | Parameter:
    """Return where the value of a variable is kept."""
    if "secret" in table and "parameter" in table:
        raise SettingsError("needs either secret or parameter, and has both")
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


def _quoted(name: str) -> str:
    """Return a name as one writes it in TOML, which any terminal can show."""
    return json.dumps(name, ensure_ascii=not name.isprintable())
