"""The environment variables that workers have in the end, on AWS and on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from ...errors import SettingsError
from .settings import Environment, Parameter, Secret, Settings, WorkerSettings
from .variables import check_local_name, check_variables, leads_away

_Value: TypeAlias = str | Secret | Parameter

# Where the topics are told on AWS, which aren't those of a local system.
_TOPICS_ON_AWS = "ALGERNON_TOPIC_PARAMETER_PREFIX"


class LocalValue(str):
    """The value on this machine of what AWS keeps elsewhere: there no environment has it."""

    __slots__ = ()


def with_env(settings: Settings, modules: Iterable[str], env: Mapping[str, str]) -> Settings:
    """Return settings in which all workers have some environment variables, whatever was said.

    Args:
        settings: What was said.
        modules: The workers' modules.
        env: The variables of all of them, in place also of those of one alone.

    Raises:
        SettingsError: A variable can't be one.

    Example:
        >>> settings = Settings(environment={"BANK_URL": "https://bank.example"})
        >>> with_env(settings, ["shop"], {"BANK_URL": "here"}).of_worker("shop").environment
        {'BANK_URL': 'here'}
    """
    # So that what is wrong is told of a variable, and not of one of each worker's.
    Settings(environment=env)
    return _with_environments(
        settings, {module: {**settings.of_worker(module).environment, **env} for module in modules}
    )


def template_settings(
    settings: Settings, modules: Iterable[str], env: Mapping[str, str]
) -> Settings:
    """Return the settings of a template in which all workers have some variables besides.

    Args:
        settings: Those of `pyproject.toml`.
        modules: The workers' modules.
        env: As in `with_env`.

    Raises:
        SettingsError: A variable can't be one, or is kept as a secret or parameter, of which the
            template would tell the value.

    Example:
        >>> settings = Settings(environment={"BANK_URL": "https://bank.example"})
        >>> here = template_settings(settings, ["shop"], {"BANK_URL": "https://other.example"})
        >>> here.of_worker("shop").environment
        {'BANK_URL': 'https://other.example'}
    """
    modules = list(modules)
    for module in modules:
        kept = settings.of_worker(module).environment
        for name in env:
            if isinstance(value := kept.get(name), Secret | Parameter):
                raise SettingsError(
                    f"is kept as the {_kept_as(value)}, and its value would stand in the template"
                    " for all to read: leave it out, since the worker reads it when it starts. A"
                    f" module that needs one when it is imported finds it in this command's own"
                    f" environment: {name}=… algernon template …",
                    key=(name,),
                )
    return with_env(settings, modules, env)


def local_settings(settings: Settings, modules: Iterable[str], env: Mapping[str, str]) -> Settings:
    """Return the settings with which a system of some workers runs on a local AWS.

    Each worker's environment has plain values, for which nothing of AWS is asked. What is only
    on AWS is left out: a network, keys, layers, a bucket that is there, alarms, a boundary,
    variables whose names begin with ``AWS_`` or end in ``_proxy``, in any case, which could lead
    to the real one or elsewhere, and ``ALGERNON_TOPIC_PARAMETER_PREFIX``, which would lead away
    from the topics here.

    Args:
        settings: Those of `pyproject.toml`.
        modules: The workers' modules.
        env: As in `with_env`.

    Raises:
        SettingsError: A variable of `env` can't be one, or is one of AWS's or of a proxy; or
            secrets and parameters have no value, and the message names all of these.

    Example:
        >>> settings = Settings(environment={"API_KEY": Parameter("/shop/api-key")})
        >>> here = local_settings(settings, ["shop"], {"API_KEY": "of my own"})
        >>> here.of_worker("shop").environment
        {'API_KEY': 'of my own'}
    """
    for name in check_variables(env, "environment"):
        check_local_name(name, name)
    modules = list(modules)
    given = with_env(settings, modules, env)
    environments = {
        module: {
            name: _here(value, settings.of_worker(module).environment.get(name))
            for name, value in given.of_worker(module).environment.items()
            if name in env or not (leads_away(name) or name == _TOPICS_ON_AWS)
        }
        for module in modules
    }
    without_value = {
        name: value
        for environment in environments.values()
        for name, value in environment.items()
        if not isinstance(value, str)
    }
    if without_value:
        raise SettingsError(_what_is_missing(without_value))
    own = _with_environments(settings, environments).workers
    return replace(
        settings,
        environment={},
        workers={module: replace(own[module], layers=None) for module in modules},
        layers=(),
        vpc=None,
        permissions_boundary=None,
        alarms=None,
        bucket=None,
        kms_key=None,
        debug=None,
        log_format=None,
    )


def _here(value: _Value, on_aws: _Value | None) -> _Value:
    """Return a variable's value, marked where on AWS it is kept elsewhere."""
    is_kept_there = isinstance(on_aws, Secret | Parameter)
    return LocalValue(value) if is_kept_there and isinstance(value, str) else value


def _with_environments(settings: Settings, environments: Mapping[str, Environment]) -> Settings:
    own = {
        module: replace(settings.workers.get(module, WorkerSettings()), environment=environment)
        for module, environment in environments.items()
    }
    return replace(settings, workers={**settings.workers, **own})


def _what_is_missing(without_value: Mapping[str, Secret | Parameter]) -> str:
    names = [f"{name} (the {_kept_as(value)})" for name, value in sorted(without_value.items())]
    first = min(without_value)
    return (
        "a local system asks nothing of AWS, so these environment variables have no value here:"
        f" {', '.join(names)}. Give each one for this machine: in a file, with --env-file FILE, by"
        f' --env {first}=VALUE, or in a program by LocalSystem(…, env={{"{first}": …}})'
    )


def _kept_as(value: Secret | Parameter) -> str:
    return f"secret {value.arn}" if isinstance(value, Secret) else f"parameter {value.name}"
