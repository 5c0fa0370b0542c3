"""A local AWS: ministack as a child process, on a loopback port."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import LocalSystemError, MissingExtraError
from .deliveries import GO_ON, HOLD
from .kept_folder import KeptFolder
from .kept_state import NOT_SAVED
from .place import place_of_local_aws
from .temporary_folder import temporary_folder

HOST = "127.0.0.1"
REGION = "us-east-1"

# Below the ports that Linux and macOS give to outgoing connections, so that none is
# taken between its choice and ministack's start.
_PORTS = range(10_000, 32_000)
_START_SECONDS = 120
# On a busy machine, and of full queues.
_ANSWER_SECONDS = 60
_END_SECONDS = 5
_SAVE_SECONDS = 120

MINISTACK_SETTINGS = {
    "BIND_HOST": HOST,
    "MINISTACK_HOST": HOST,
    "MINISTACK_REGION": REGION,
    "LAMBDA_EXECUTOR": "local",
    # They would listen on ports of their own.
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    # Without a daemon it can't tidy away another ministack's containers.
    "DOCKER_HOST": "unix:///nonexistent/docker.sock",
    "LOG_LEVEL": "ERROR",
}

# The services that a system is made of, or is looked at through, as AWS SDKs and Tools
# Reference Guide, "Service-specific endpoints", writes their names in variables.
_SERVICES = (
    "CLOUDFORMATION",
    "CLOUDWATCH",
    "CLOUDWATCH_LOGS",
    "DYNAMODB",
    "EVENTBRIDGE",
    "IAM",
    "LAMBDA",
    "S3",
    "SCHEDULER",
    "SFN",
    "SNS",
    "SQS",
    "SSM",
    "STS",
    "XRAY",
)
_ENDPOINT_OF_A_SERVICE = "AWS_ENDPOINT_URL_"

# What is needed besides algernon's own requirements: modules, and the oldest versions with
# which a local system was tried, as the extra "local" asks for them.
_EXTRA = {
    "ministack": ("ministack", "1.5.33"),
}

# What a worker process needs of the developer's environment, and no more: Lambda
# hands over nothing of it, and AWS credentials may be among the rest.
_INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TZ")


class LocalAWS:
    """A local AWS that lives as long as its `with` block.

    Attributes:
        endpoint_url: Where all of its services answer.
        environ: The environment variables that lead boto3 to it, in whatever environment
            they are put: the endpoints, a region, made-up credentials in place of real
            ones, and what undoes settings that would lead elsewhere.

    Raises:
        MissingExtraError: ministack isn't installed, or is too old.
        LocalSystemError: It can't start, such as on a port that is taken.

    Example:
        >>> with LocalAWS() as aws:  # doctest: +SKIP
        ...     aws.client("s3").list_buckets()
    """

    def __init__(self, *, port: int | None = None) -> None:
        self._port = _free_port() if port is None else port
        self._kept: KeptFolder | None = None
        self._cleanup = ExitStack()
        self._unfinished_line = ""
        self.endpoint_url = f"http://{HOST}:{self._port}"
        self.environ: dict[str, str] = {}

    def __enter__(self) -> Self:
        _check_extra()
        if not _is_free(self._port):
            raise LocalSystemError(
                f"the port {self._port} on {HOST} is taken: choose another with --port (port=), or"
                " none to get a free one"
            )
        with ExitStack() as cleanup:
            self._folder = cleanup.enter_context(temporary_folder())
            self._needed = self._needed_environ()
            self.environ = {**self._undoing(), **self._needed}
            self._process = self._start()
            cleanup.callback(self._end)
            if self._kept:
                self._say(HOLD)
            output = self._output_file.open(encoding="utf-8", errors="replace")
            self._output = cleanup.enter_context(output)
            self._place = place_of_local_aws(self.environ)
            self._wait_until_healthy()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    def keep_in(self, folder: KeptFolder) -> None:
        """Let what it holds outlive it in a folder, and go on with what is there.

        To be called before its block, in which queues give no messages to functions before a block
        of `holding` has ended.
        """
        self._kept = folder

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Let no queue give messages to a function until the block ends; what runs goes on.

        Example:
            >>> with aws.holding():  # doctest: +SKIP
            ...     stack.update(template_url, parameters)
        """
        self._say(HOLD)
        try:
            yield
        finally:
            self._say(GO_ON)

    @property
    def process_environ(self) -> dict[str, str]:
        """The whole environment for a process that should know nothing but this AWS."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {**inherited, **self._needed, "TMPDIR": str(self._folder)}

    def client(self, service: str) -> Any:
        """Return a boto3 client for one of its services."""
        return self._place.client(service)

    def queued_messages(self) -> dict[str, list[dict[str, Any]]]:
        """Return what all queues hold, by their URLs, in hand or not, and take none of it.

        SQS can't say it of one moment: queues that are asked one after the other may all seem
        empty while a message goes from one to the next. ministack takes none while it answers
        this, and deletes a worker's only after it took what that sent: so where no queue holds
        anything, no worker sends any more.

        Raises:
            LocalSystemError: It has ended, or doesn't answer.
        """
        self.check()
        try:
            text = self._get("/_ministack/sqs/messages", timeout=_ANSWER_SECONDS)
        except (OSError, HTTPException) as error:
            # Its end closes its connections before it can be seen.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
            self.check()
            raise LocalSystemError(
                f"the local AWS on port {self._port} doesn't say what its queues hold: {error!r}"
            ) from error
        (regions,) = json.loads(text)["messages"].values()
        queues: dict[str, list[dict[str, Any]]] = regions[REGION]
        return queues

    def check(self) -> None:
        """Raise if ministack has ended.

        Raises:
            LocalSystemError: It has; the message has the end of its output.
        """
        status = self._process.poll()
        if status is not None:
            output = self._output_file.read_text(encoding="utf-8", errors="replace")
            last_lines = " | ".join(output.splitlines()[-5:])
            raise LocalSystemError(
                f"the local AWS on port {self._port} ended with status {status}:"
                f" {last_lines or 'it wrote nothing'}"
            )

    def new_output(self) -> list[str]:
        """Return the lines that ministack wrote since the last call.

        It writes errors only, such as that of a function it couldn't start.
        """
        *lines, self._unfinished_line = (self._unfinished_line + self._output.read()).split("\n")
        return lines

    @property
    def _output_file(self) -> Path:
        return self._folder / "ministack.log"

    def _needed_environ(self) -> dict[str, str]:
        """Return what leads to it where the environment says nothing of AWS."""
        config = self._folder / "aws-config"
        config.write_text("[default]\n", encoding="utf-8")
        others = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
        no_proxy = f"{others},{HOST}" if others else HOST
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_SESSION_TOKEN": "",
            "AWS_PROFILE": "default",
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": str(config),
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
        }

    def _undoing(self) -> dict[str, str]:
        """Return what undoes the settings that may be in an environment besides."""
        endpoints = {f"{_ENDPOINT_OF_A_SERVICE}{service}" for service in _SERVICES}
        endpoints |= {name for name in os.environ if name.startswith(_ENDPOINT_OF_A_SERVICE)}
        return {
            **dict.fromkeys(sorted(endpoints), self.endpoint_url),
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_USE_FIPS_ENDPOINT": "false",
            "AWS_USE_DUALSTACK_ENDPOINT": "false",
            # botocore looks at it before AWS_PROFILE.
            "AWS_DEFAULT_PROFILE": "default",
            "AWS_SECURITY_TOKEN": "",
            "AWS_CREDENTIAL_EXPIRATION": "",
        }

    def _start(self) -> subprocess.Popen[bytes]:
        settings = {
            **MINISTACK_SETTINGS,
            "GATEWAY_PORT": str(self._port),
            "S3_DATA_DIR": str(self._folder / "s3"),
            "STATE_DIR": str(self._folder / "state"),
        }
        if self._kept:
            settings |= {
                "PERSIST_STATE": "1",
                "STATE_DIR": str(self._kept.state),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(self._kept.objects),
            }
        with self._output_file.open("wb") as output:
            return subprocess.Popen(  # noqa: S603 - the settings are this module's
                [sys.executable, "-P", "-m", "algernon.local.leash", json.dumps(settings)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self.process_environ,
                # So that nobody else has the folder before all is saved there.
                pass_fds=[self._kept.lock] if self._kept else (),
                start_new_session=True,
            )

    def _say(self, word: bytes) -> None:
        """Tell the leash something; that ministack has ended shows when it is asked for more."""
        with suppress(BrokenPipeError):
            if pipe := self._process.stdin:
                pipe.write(word)
                pipe.flush()

    def _end(self) -> None:
        if self._kept and self._process.stdin:
            # As if this process had ended: it saves what it holds, and ends.
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_SAVE_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with self._process:
            pass
        if self._kept:
            self._check_saved(self._kept)

    def _check_saved(self, kept: KeptFolder) -> None:
        """Raise if it couldn't save what it held when it ended."""
        output = self._output_file.read_text(encoding="utf-8", errors="replace")
        if reason := re.search(rf"^{re.escape(NOT_SAVED)}(.*)", output, re.MULTILINE):
            raise LocalSystemError(
                f"what the system held at its end couldn't be saved in {kept.path}, so that the"
                f" next run with it goes on with what was saved before: {reason[1]}"
            )

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_healthy():
            self.check()
            if time.monotonic() > deadline:
                raise LocalSystemError(
                    f"the local AWS on port {self._port} didn't answer within {_START_SECONDS} s"
                )
            time.sleep(0.05)

    def _is_healthy(self) -> bool:
        try:
            self._get("/_ministack/health", timeout=5)
        except (OSError, HTTPException):
            return False
        return True

    def _get(self, path: str, *, timeout: float) -> bytes:
        """Return what ministack itself answers, which is no part of AWS.

        Raises:
            OSError: It doesn't answer in time.
            http.client.HTTPException: It answers something else.
        """
        with closing(HTTPConnection(HOST, self._port, timeout=timeout)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                raise HTTPException(f"{path} has the status {answer.status}")
            return answer.read()


def _free_port() -> int:
    while True:
        port = secrets.choice(_PORTS)
        if _is_free(port):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As a server does, so that connections that were closed lately don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _check_extra() -> None:
    for distribution, (module, oldest) in _EXTRA.items():
        if find_spec(module) is None:
            raise MissingExtraError(
                f"a local system needs {distribution}, which isn't installed: install the extra"
                " algernon[local], as algernon's README says",
                name=module,
            )
        if _numbers(installed := version(distribution)) < _numbers(oldest):
            raise MissingExtraError(
                f"a local system needs {distribution} {oldest} or newer, but {installed} is"
                " installed: install the extra algernon[local] again, as algernon's README says",
                name=module,
            )


def _numbers(release: str) -> list[int]:
    """Return the numbers that a version begins with."""
    leading = re.match(r"\d+(\.\d+)*", release)
    return [int(number) for number in leading[0].split(".")] if leading else []
