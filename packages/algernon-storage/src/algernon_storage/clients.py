"""The AWS clients of this process, each made anew when what it was made from has changed."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple

# One batch of ten is claimed and fetched at once, or stored at once in two parts each.
_CONNECTIONS = 20

# AWS SDKs and Tools Reference Guide, "Environment variables": those that say where a client
# calls, and as whom. Each service has an endpoint's variable of its own besides.
_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)

_Values = tuple[str | None, ...]


def aws_client(service: str) -> Any:
    """Return the process's boto3 client for a service.

    It is made on first use, from the environment as boto3 reads it: by boto3's default
    session where the process has imported boto3, and else, in half the time, without
    importing it. It is made anew when the default session is another one, when
    the variables have changed that say where AWS is and who calls it (endpoint,
    region, profile, credentials), and in a child process after a fork. So don't
    keep it: ask for it whenever you call AWS.

    A default session that was set up with options of its own, by
    ``boto3.setup_default_session(…)``, always stays what clients come from.

    Nothing of AWS is imported before the first client, since all of it is cold-start
    time.

    Args:
        service: boto3's name of the service, such as ``"s3"``.

    Raises:
        botocore.exceptions.NoRegionError: The environment names no region.

    Example:
        ``aws_client("s3").list_buckets()``
    """
    return _sources[-1].get(service)


def reset() -> None:
    """Forget the AWS clients of this process, and what was learnt by them.

    The next call of each service makes a new client. That is needed only where no
    environment variable tells that something has changed: a configuration file
    was written anew, say.

    Example:
        ``algernon_storage.reset()``
    """
    for source in _sources:
        source.forget()


@contextmanager
def aws_clients_from(make: Callable[[str], Any]) -> Iterator[None]:
    """Have `aws_client` return clients of one's own within the block, in every thread.

    What is learnt by clients within the block is forgotten with it, and what was known
    before is known again after it. Blocks may lie within one another; the innermost is
    asked first.

    Args:
        make: Returns the client for a service, by boto3's name of it. It is asked
            whenever a client is asked for, so it keeps those that are to be the
            same. None leaves the service to what is asked without this block.

    Example:
        >>> with aws_clients_from({"s3": "my own"}.get):
        ...     aws_client("s3")
        'my own'
    """
    source = _GivenClients(make, _sources[-1])
    _sources.append(source)
    try:
        yield
    finally:
        # The last one is another where blocks of two threads overlap.
        _sources.remove(source)


def learnt() -> dict[Any, Any]:
    """Return what was learnt by the clients, which is forgotten with them."""
    return _sources[-1].learnt


class _MadeClient(NamedTuple):
    client: Any
    default_session: Any
    variables: tuple[str, ...]
    values: _Values

    @property
    def is_current(self) -> bool:
        # Every call of AWS comes by here: it costs a hundredth of one.
        return self.default_session is _default_session() and self.has_its_settings

    @property
    def has_its_settings(self) -> bool:
        return self.values == _values_of(self.variables)


class _Clients:
    """The clients of this process by service, and the sessions that they come from."""

    def __init__(self) -> None:
        # boto3 documents that making clients, unlike using them, isn't thread-safe.
        self._making = Lock()
        self._made: dict[str, _MadeClient] = {}
        # What boto3's default session was made from, as far as that is known: one that
        # somebody else made is relied on if no variable has changed since this package was
        # imported, and it calls by the key that there is now.
        self._default_session: tuple[Any, _Values | None] = None, _values_of(_VARIABLES)
        # What clients come from where boto3's default session may be out of date.
        self._session_beside: tuple[Any, _Values | None] = None, None
        # What they come from where the process has no boto3.
        self._own_session: tuple[Any, _Values | None] = None, None
        # A child's copies of its parent's clients, which share the parent's connections:
        # they are neither used nor closed there.
        self._of_the_parent: list[_MadeClient] = []
        self._collects_garbage_later = False
        self.learnt: dict[Any, Any] = {}

    def get(self, service: str) -> Any:
        made = self._made.get(service)
        if made is None or not made.is_current:
            with self._making:
                made = self._made.get(service)
                if made is None or not made.is_current:
                    made = self._made[service] = _kept(made) or self._make(service)
        return made.client

    def forget(self) -> None:
        with self._making:
            self._made.clear()
            self.learnt = {}
            self._default_session = self._session_beside = self._own_session = None, None

    def begin_anew_after_fork(self) -> None:
        # It may have been held by a thread that isn't here.
        self._making = Lock()
        self._collect_garbage_again()
        self._of_the_parent.extend(self._made.values())
        self.forget()

    def _make(self, service: str) -> _MadeClient:
        with self._garbage_left_alone():
            from botocore.config import Config

            values = _values_of(_VARIABLES)
            config = Config(max_pool_connections=_CONNECTIONS)
            client = self._making_of(values)(service, config=config)
        # AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
        service_id = client.meta.service_model.service_id.replace(" ", "_").upper()
        endpoint = (f"AWS_ENDPOINT_URL_{service_id}",)
        return _MadeClient(
            client, _default_session(), _VARIABLES + endpoint, values + _values_of(endpoint)
        )

    @contextmanager
    def _garbage_left_alone(self) -> Iterator[None]:
        """Collect no garbage for a tenth of a second, in which models of services are read.

        Nothing of them is garbage, and Python would look through them again and again.
        """
        self._collects_garbage_later = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            self._collect_garbage_again()

    def _collect_garbage_again(self) -> None:
        if self._collects_garbage_later:
            gc.enable()
        self._collects_garbage_later = False

    def _making_of(self, values: _Values) -> Callable[..., Any]:
        """Return what makes clients: boto3's default session, unless it may be out of date.

        A session keeps its credentials and its profile, whatever the environment says later.
        """
        boto3 = _imported_boto3()
        making: Callable[..., Any]
        if boto3 is not None:
            making = self._session(boto3, values).client
        else:
            if self._own_session[1] != values:
                from .sessions import new_session

                self._own_session = new_session(), values
            making = self._own_session[0].create_client
        return making

    def _session(self, boto3: Any, values: _Values) -> Any:
        default = boto3.DEFAULT_SESSION
        if default is None:
            boto3.setup_default_session()
            default = boto3.DEFAULT_SESSION
            self._default_session = default, values
        elif self._default_session[0] is None:
            known = self._default_session[1]
            is_known = known is not None and _calls_as_the_environment_says(default)
            self._default_session = default, known if is_known else None
        if self._default_session == (default, values) or _has_options(default):
            return default
        if self._session_beside[1] != values:
            self._session_beside = boto3.Session(), values
        return self._session_beside[0]


class _GivenClients:
    """Clients that somebody gives, and for the other services those from without."""

    def __init__(self, make: Callable[[str], Any], others: _Clients | _GivenClients) -> None:
        self._make = make
        self._others = others
        self.learnt: dict[Any, Any] = {}

    def get(self, service: str) -> Any:
        client = self._make(service)
        return self._others.get(service) if client is None else client

    def forget(self) -> None:
        self.learnt = {}


def _kept(made: _MadeClient | None) -> _MadeClient | None:
    """Return a client that was made without boto3, where boto3 has only made its session since."""
    if made is None or made.default_session is not None or not made.has_its_settings:
        return None
    default = _default_session()
    if default is None or _has_options(default):
        return None
    return made._replace(default_session=default)


def _default_session() -> Any:
    """Return boto3's default session, if there is one, without importing boto3."""
    return getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)


def _imported_boto3() -> Any:
    """Return boto3, if the process has imported all of it."""
    boto3 = sys.modules.get("boto3")
    return boto3 if hasattr(boto3, "setup_default_session") else None


def _has_options(session: Any) -> bool:
    """Tell whether a session was given anything, unlike the one that boto3 makes by itself."""
    core = session._session
    if core.instance_variables() or core.get_default_client_config() is not None:
        return True
    credentials = session.get_credentials()
    return credentials is not None and credentials.method == "explicit"


def _calls_as_the_environment_says(session: Any) -> bool:
    credentials = session.get_credentials()
    is_of_environment = credentials is not None and credentials.method == "env"
    key = credentials.access_key if is_of_environment else None
    return bool(key == os.environ.get("AWS_ACCESS_KEY_ID"))


def _values_of(variables: tuple[str, ...]) -> _Values:
    return tuple(map(os.environ.get, variables))


_clients = _Clients()
#: Who is asked for clients: the last one, and by it those before.
_sources: list[_Clients | _GivenClients] = [_clients]
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_clients.begin_anew_after_fork)
