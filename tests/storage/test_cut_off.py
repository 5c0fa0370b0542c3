"""An answer that is cut off, or damaged, is asked for again."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import boto3
import botocore.session
import pytest
from algernon_storage import DamagedObjectError, OffloadedPayload, StoredData
from botocore.config import Config
from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from ..wire import Wire

BODY = b'{"data_string":[1,2,3],"full_unpack":true,"safe_mode":false}'
POINTER = "worker-bucket#cache/n!0.json"

#: For how many seconds the client waits for more: longer than a busy machine ever stands still,
#: or as short as a test may wait for its end.
PATIENT, IMPATIENT = 60.0, 2.0

#: How an answer ends: given the connection, with the headers and half of the body sent.
Ending = Callable[[socket.socket], None]


def hang_up(connection: socket.socket) -> None:
    """End the connection."""
    connection.shutdown(socket.SHUT_RDWR)


def break_down(connection: socket.socket) -> None:
    """End the connection as a host does that knows nothing of it any more."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()


def stall(connection: socket.socket) -> None:
    """Send nothing more, until the client has lost its patience."""
    connection.settimeout(60)
    connection.recv(1)


def damage(connection: socket.socket) -> None:
    """Send something else in the place of the second half."""
    connection.sendall(b"?" * (len(BODY) - len(BODY) // 2))


@contextmanager
def s3_that_ends(ending: Ending, times: int) -> Iterator[list[str]]:
    """Serve the body on 127.0.0.1, with so many answers that end wrongly; gives who asked."""
    asked: list[str] = []

    class S3(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.send_header("x-amz-meta-sha256", sha256(BODY).hexdigest())
            self.end_headers()
            if len(asked) > times:
                self.wfile.write(BODY)
            else:
                self.wfile.write(BODY[: len(BODY) // 2])
                ending(self.connection)
                self.close_connection = True

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True

        def finish(self) -> None:
            try:
                super().finish()
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Leave the test's output alone."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), S3)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    session = botocore.session.get_session()
    patience = IMPATIENT if ending is stall else PATIENT
    session.set_default_client_config(Config(read_timeout=patience))
    with pytest.MonkeyPatch.context() as settings:
        boto3_session = boto3.Session(botocore_session=session)
        settings.setattr(boto3, "DEFAULT_SESSION", boto3_session)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            settings.setenv(name, "local")
        settings.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        settings.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        settings.setenv("ALGERNON_BUCKET_NAME", "worker-bucket")
        yield asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("ending", "times"),
    [(stall, 1), *((each, times) for each in (hang_up, break_down, damage) for times in (1, 3))],
)
def test_a_body_that_ends_wrongly_is_read_again(ending: Ending, times: int) -> None:
    """A body that is cut off, late or damaged, a few times over, is asked for again."""
    with s3_that_ends(ending, times) as asked:
        assert StoredData.retrieve(POINTER).data == [1, 2, 3]
        assert len(asked) == times + 1


@pytest.mark.parametrize("ending", [hang_up, break_down, stall])
def test_a_body_that_never_comes_is_an_error(ending: Ending) -> None:
    """After a few tries, the error of a body that is cut off comes through."""
    with s3_that_ends(ending, 100) as asked:
        with pytest.raises(BotoCoreError):
            StoredData.retrieve(POINTER)
        assert len(asked) == 4


def test_a_body_that_is_damaged_each_time_is_an_error() -> None:
    """After a few tries, a body that isn't what was written raises DamagedObjectError."""
    with s3_that_ends(damage, 100) as asked:
        with pytest.raises(DamagedObjectError, match="each of the 4 times"):
            StoredData.retrieve(POINTER)
        assert len(asked) == 4


def test_an_extended_client_s_payload_is_read_again() -> None:
    """What an extended client keeps in S3 is asked for again too."""
    with s3_that_ends(hang_up, 1) as asked:
        assert OffloadedPayload("worker-bucket", "cache/c32b").read() == BODY.decode()
        assert len(asked) == 2


def test_what_is_not_there_is_asked_for_once(bucket: str, wire: Wire) -> None:
    """Only what may come right is asked for again: nothing that S3 has said for certain."""
    with pytest.raises(LookupError):
        StoredData.retrieve(f"{bucket}#cache/n!0.json")
    assert wire.counted() == {"s3 GET": 1}
