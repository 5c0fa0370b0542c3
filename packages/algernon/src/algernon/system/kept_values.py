"""Environment variables that a worker reads from AWS when it starts, as its function has them set.

What is written here, and what its worker does of it, is what `algernon.secrets` reads in Lambda,
where nothing else of this package is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .settings.settings import Parameter, Secret

#: What Lambda calls in place of a worker's own handler, where values are read first.
READING_HANDLER = "algernon.secrets.handler"
_OWN_HANDLER = "ALGERNON_HANDLER"
#: The variable that says where the values of others are kept.
PLACES = "ALGERNON_SECRETS"


def start(handler: str, kept: Mapping[str, Secret | Parameter]) -> tuple[str, dict[str, str]]:
    """Return which handler Lambda is to call, and the variables by which that knows what to do.

    Args:
        handler: The worker's own.
        kept: Where the values of variables are kept, by the variables' names.

    Example:
        >>> start("shop.handler", {"API_KEY": Parameter("/shop/api-key")})[0]
        'algernon.secrets.handler'
        >>> start("shop.handler", {})
        ('shop.handler', {})
    """
    if not kept:
        return handler, {}
    places = {name: _place(value) for name, value in kept.items()}
    text = json.dumps(places, separators=(",", ":"))
    return READING_HANDLER, {_OWN_HANDLER: handler, PLACES: text}


def handler_of(configuration: Mapping[str, Any]) -> str | None:
    """Return a worker's own handler, whether or not it reads values first; None if it isn't told.

    Args:
        configuration: The function's, as Lambda answers GetFunctionConfiguration.

    Example:
        >>> variables = {"ALGERNON_HANDLER": "shop.handler", "ALGERNON_SECRETS": "{}"}
        >>> environment = {"Variables": variables}
        >>> handler_of({"Handler": "algernon.secrets.handler", "Environment": environment})
        'shop.handler'
    """
    handler: str | None = configuration.get("Handler")
    if handler != READING_HANDLER:
        return handler
    own: str | None = configuration.get("Environment", {}).get("Variables", {}).get(_OWN_HANDLER)
    return own


def kept_variables(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the variables whose values a function reads when it starts.

    There are none where it isn't told so, or by a text that can't be read, with which it
    doesn't start.

    Args:
        variables: The function's environment variables, as Lambda has them.

    Example:
        >>> kept_variables({"ALGERNON_SECRETS": '{"API_KEY":{"parameter":"/shop/api-key"}}'})
        ('API_KEY',)
    """
    try:
        places = json.loads(variables.get(PLACES, "{}"))
    except (ValueError, RecursionError):
        return ()
    return tuple(places) if isinstance(places, dict) else ()


def _place(value: Secret | Parameter) -> dict[str, str]:
    if isinstance(value, Parameter):
        return {"parameter": value.name}
    key = {} if value.key is None else {"key": value.key}
    return {"secret": value.arn, **key}
