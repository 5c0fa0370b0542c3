"""What all tests share: no limits of time, and a local AWS for tests of single calls.

It is moto's, over real HTTP, and each of the processes that run tests has its own.
What the code under test asks of AWS goes through a proxy, which notes every
call and where a test says so delays, changes or loses the answer. A test's own
clients go straight to moto.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

import pytest
from hypothesis import HealthCheck, settings

from .waiting import PATIENCE
from .wire import Wire, proxy_to

ACCOUNT = "123456789012"
REGION = "eu-west-1"


# What people are told has the clock's times, and the zone of the machine is no fault.
os.environ["TZ"] = "UTC"
time.tzset()

# A slow machine is no fault, and all examples of a test may have the same fixtures.
settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("any machine")

#: Those that start a process or a server for a test. Other tests that do are marked so.
STARTING_FIXTURES = {"_moto", "command", "start_function"}

#: Folders of tests that mostly wait. They come first, so that no core waits for them at the end.
SLOWEST = ("tests/faults/", "tests/system/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start something through a fixture, and put the slowest first."""
    for item in items:
        if isinstance(item, pytest.Function) and not STARTING_FIXTURES.isdisjoint(
            item.fixturenames
        ):
            item.add_marker(pytest.mark.starts)
    items.sort(key=lambda item: not item.nodeid.startswith(SLOWEST))


#: The processes that were started, since the test that runs began.
_started: list[str] = []


def _note_start(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("os.fork", "os.posix_spawn", "subprocess.Popen"):
        _started.append(f"{event}{arguments[:1]}")


sys.addaudithook(_note_start)


@pytest.fixture(autouse=True)
def _starts_are_marked(request: pytest.FixtureRequest) -> Iterator[None]:
    _started.clear()
    yield
    if not request.node.get_closest_marker("starts"):
        assert _started == [], "a test that starts a process is marked with pytest.mark.starts"


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Write out half characters, which a process can't send to another in its report."""
    return _writable((yield))


def _writable(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {name: _writable(item) for name, item in value.items()}
        case list() | tuple():
            return type(value)(map(_writable, value))
        case _:
            return value


@dataclass(frozen=True)
class LocalAWS:
    """Where the local AWS listens.

    Attributes:
        url: For a test's own clients.
        proxy_url: For the code under test.
    """

    url: str
    proxy_url: str

    def client(self, service: str) -> Any:
        """Return a boto3 client of the test's own."""
        import boto3

        return boto3.client(service, endpoint_url=self.url)

    def topic_arn(self, name: str) -> str:
        """Return the ARN that a topic of this name has here."""
        return f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"

    def reset(self) -> None:
        """Forget everything."""
        request = Request(f"{self.url}/moto-api/reset", method="POST")
        urlopen(request, timeout=PATIENCE).close()


@pytest.fixture(autouse=True)
def _as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what other tests, and the modules that they import, did to the whole process."""
    for name in [*os.environ]:
        if name.startswith("ALGERNON_") or name == "CACHE_FOLDER_NAME":
            monkeypatch.delenv(name)
    # A process reads from where its ledgers are, among them those of the tests before.
    if buckets := sys.modules.get("algernon_storage.buckets"):
        monkeypatch.setattr(buckets, "_ledgers", set())
    # Whoever is decorated for logs watches the queue, and brings the root logger into shape.
    getattr(sys.modules.get("algernon_queue"), "observers", []).clear()
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.handlers = [one for one in root.handlers if type(one).__module__ == "_pytest.logging"]
    # The command quietens libraries, and tells its steps, for the process that it is.
    for name in ("algernon", "boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.getLogger("algernon").handlers.clear()


@pytest.fixture(scope="session")
def _moto() -> Iterator[tuple[LocalAWS, Wire]]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url, wire = f"http://{host}:{port}", Wire()
    proxy = proxy_to(url, wire)
    thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield LocalAWS(url, f"http://127.0.0.1:{proxy.server_port}"), wire
    proxy.shutdown()
    proxy.server_close()
    thread.join()
    server.stop()


@pytest.fixture(scope="module")
def module_url(_moto: tuple[LocalAWS, Wire]) -> str:
    """Where a local AWS listens that is empty before a module's first test.

    A server of the module's own wouldn't be: all of a process have the same stacks and queues.
    """
    local, _ = _moto
    local.reset()
    return local.url


@pytest.fixture
def aws(_moto: tuple[LocalAWS, Wire], monkeypatch: pytest.MonkeyPatch) -> LocalAWS:
    """A local AWS that is empty, and that the environment leads to."""
    local, wire = _moto
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", local.proxy_url)
    local.reset()
    wire.clear()
    return local


@pytest.fixture
def wire(aws: LocalAWS, _moto: tuple[LocalAWS, Wire]) -> Wire:
    """The way from the code under test to AWS, so far without a call."""
    return _moto[1]


@pytest.fixture
def bucket(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> str:
    """The worker's own bucket, there and empty."""
    name = "worker-bucket"
    aws.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", name)
    return name


@pytest.fixture
def used_bucket(aws: LocalAWS, bucket: str, wire: Wire) -> str:
    """The worker's own bucket, empty, which has proved to be S3's to a ledger before."""
    from algernon_storage import S3Ledger

    S3Ledger(folder="before").claim("4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11", 1)
    s3 = aws.client("s3")
    for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    wire.clear()
    return bucket
