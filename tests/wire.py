"""A proxy on the way to a local AWS, which notes, delays, changes and loses calls."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier
from time import monotonic, sleep
from urllib.parse import parse_qs, urlsplit

# Less than a client waits for an answer before it calls again.
_ROUND_SECONDS = 45

_SIGNED_FOR = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")


@dataclass
class Call:
    """One call of an AWS API, as it came over the wire.

    Attributes:
        service: The service that it is signed for, such as ``"s3"``.
        operation: S3's HTTP method, or another service's name of the operation.
        path: The path, with its query.
        body: The body.
        headers: The headers, by their names in small letters.
        begin: When it came, in seconds of the monotonic clock.
        end: When it was answered.
    """

    service: str
    operation: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    begin: float
    end: float = 0.0

    @property
    def form(self) -> dict[str, str]:
        """The fields of a query API, such as SNS's."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True)
class Answer:
    """What AWS answers."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


#: What a test makes of a call: it gets the call and a function that hands it on to AWS, and
#: returns what to answer, or None to hang up without an answer.
Treatment = Callable[[Call, Callable[[], Answer]], Answer | None]


@dataclass
class Wire:
    """The way from the code under test to AWS.

    Attributes:
        calls: The calls so far, in the order in which they came.
        connections: How many connections were opened so far.
        delay: How long each call is held back on its way to AWS, in seconds.
        treatment: What is made of each call.
    """

    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    delay: float = 0.0
    treatment: Treatment | None = None
    _places: deque[Barrier] = field(default_factory=deque)

    def expect_rounds(self, *sizes: int) -> None:
        """Answer the next calls round by round: none of a round until all of it have come.

        Whoever makes the calls of a round one after the other gets no answer.
        """
        self._places = deque(round_ for size in sizes for round_ in [Barrier(size)] * size)

    def wait_for_the_round(self) -> None:
        """Wait until the others of a call's round have come, if it is one of a round."""
        with suppress(IndexError):
            self._places.popleft().wait(_ROUND_SECONDS)

    def counted(self) -> dict[str, int]:
        """Return how many calls there were of each operation, as ``{"s3 GET": 1}``."""
        names = [f"{call.service} {call.operation}" for call in self.calls]
        return {name: names.count(name) for name in names}

    def clear(self) -> None:
        """Forget the calls, and treat those to come as they are."""
        self.calls.clear()
        self.connections = 0
        self.delay = 0.0
        self.treatment = None
        self._places.clear()


def proxy_to(url: str, wire: Wire) -> ThreadingHTTPServer:
    """Return a server on a free port of 127.0.0.1, not yet running, that hands on to an AWS."""
    address = urlsplit(url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without it, a client that hasn't acknowledged the headers waits 40 ms for the body.
        disable_nagle_algorithm = True

        def setup(self) -> None:
            """Begin with a new connection."""
            super().setup()
            wire.connections += 1

        def handle_one_request(self) -> None:
            """Take a request, unless the client has hung up meanwhile."""
            with suppress(ConnectionError):
                super().handle_one_request()

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = self._call(body)
            wire.calls.append(call)
            sleep(wire.delay)
            wire.wait_for_the_round()
            treatment = wire.treatment
            answer = treatment(call, self._forward(body)) if treatment else self._forward(body)()
            call.end = monotonic()
            if answer is None:
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle  # noqa: N815

        def _call(self, body: bytes) -> Call:
            signed = _SIGNED_FOR.search(self.headers.get("Authorization", ""))
            service = signed[1] if signed else ""
            target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            action = re.search(rb"(?:^|&)Action=(\w+)", body) if service in {"sns", "sts"} else None
            operation = action[1].decode() if action else target or self.command
            headers = {name.lower(): value for name, value in self.headers.items()}
            return Call(service, operation, self.path, body, headers, monotonic())

        def _forward(self, body: bytes) -> Callable[[], Answer]:
            def forward() -> Answer:
                connection = HTTPConnection(address)
                try:
                    headers = {
                        name: value
                        for name, value in self.headers.items()
                        if name.lower() not in ("expect", "connection")
                    }
                    connection.request(self.command, self.path, body, headers)
                    response = connection.getresponse()
                    return Answer(response.status, response.getheaders(), response.read())
                finally:
                    connection.close()

            return forward

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Leave the test's output alone."""

    class Server(ThreadingHTTPServer):
        # A client may open twenty connections at once, and a queue of five makes some wait.
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    # A client keeps its connections for as long as the process lives.
    server.daemon_threads = True
    server.block_on_close = False
    return server
