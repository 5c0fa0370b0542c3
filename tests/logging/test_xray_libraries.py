"""AWS X-Ray: libraries that it watches do what they do without it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from .traces import IN_LAMBDA, address_of_nobody, credentials
from .xray import ROOT, SAMPLED, SEGMENT, UNSAMPLED

if TYPE_CHECKING:
    from collections.abc import Callable

    from .traces import Daemon

pytestmark = pytest.mark.starts

#: A server that answers with the tracing header that it got, or after a while, or elsewhere.
SERVER = """
import http.server, threading
class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path.startswith("/wait"):
            waiting.wait()
        if self.path.startswith("/let"):
            waiting.set()
        path = self.path.partition("?")[0]
        self.send_response({"/elsewhere": 302, "/missing": 404}.get(path, 200))
        if path == "/elsewhere":
            self.send_header("Location", "/")
        body = str(self.headers["X-Amzn-Trace-Id"]).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *args):
        pass
waiting = threading.Event()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
server.handle_error = lambda *args: None
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}"
"""

#: What it prints is the same, whether it is traced or not.
SQLITE = """
import inspect, pathlib, pickle, sqlite3, tempfile, weakref
folder = pathlib.Path(tempfile.mkdtemp())
with sqlite3.connect(":memory:") as a:
    a.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)")
    print(a.executemany("INSERT INTO t (n) VALUES (?)", [(1,), (2,)]).rowcount, a.in_transaction)
b = sqlite3.connect(database=folder / "b")
a.backup(b)
b.backup(sqlite3.connect(str(folder / "c")), pages=1, progress=lambda *told: print(told))
print(list(b.iterdump()))
print(isinstance(a, sqlite3.Connection), isinstance(a.cursor(), sqlite3.Cursor))
print(repr(a).split(" at ")[0], repr(a.cursor()).split(" at ")[0], type(a).__qualname__)
b.row_factory = sqlite3.Row
print(dict(b.execute("SELECT n FROM t").fetchone()), *map(tuple, b.execute("SELECT n FROM t")))
b.execute("UPDATE t SET b = zeroblob(3)")
with b.blobopen("t", "b", 1) as blob:
    blob.write(b"abc")
print(b.execute("SELECT b FROM t").fetchone()[0])
print(b.executescript("CREATE TABLE u (n); INSERT INTO u VALUES (1)").connection is b)
cursor = b.cursor()
print(cursor.execute("SELECT :n", {"n": 3}) is cursor, cursor.fetchall()[0][0], cursor.description)
class Own(sqlite3.Connection):
    pass
class OwnCursor(sqlite3.Cursor):
    pass
print(type(sqlite3.connect(":memory:", factory=Own)), type(b.cursor(OwnCursor)))
print(type(b.cursor(factory=OwnCursor)))
print(type(b("SELECT 1")))
print(sqlite3.connect("file:x?mode=memory", uri=True).execute("SELECT 1").fetchall())
b.create_function("fail", 0, lambda: 1 / 0)
for wrong in (
    lambda: b.execute("nonsense"),
    lambda: b.execute("SELECT ?", ()),
    lambda: b.execute("INSERT INTO t (n) VALUES (1)"),
    lambda: b.execute("SELECT fail()"),
    lambda: b.execute(7),
    lambda: b.execute(),
    lambda: b.cursor(None),
    lambda: setattr(b, "anything", 1),
    lambda: sqlite3.connect(folder / "no" / "where"),
    lambda: sqlite3.connect(7.5),
    lambda: pickle.dumps(b),
    lambda: (b.close(), b.execute("SELECT 1")),
    lambda: b.backup(b),
    lambda: weakref.ref(b),
):
    try:
        wrong()
    except Exception as error:
        told = str(error).replace(str(folder), "").replace("sqlite3.Connection", "Connection")
        print(type(error), getattr(error, "sqlite_errorname", None), told)
print(pickle.loads(pickle.dumps(sqlite3.connect)) is sqlite3.connect)
print(sqlite3.connect.__name__, inspect.isroutine(sqlite3.connect))
"""
REQUESTS = """
import pickle, requests, types
headers, frozen = {"A": "b"}, types.MappingProxyType({"A": "b"})
print(requests.get(URL, headers=headers).status_code, headers)
print(requests.get(URL, headers=frozen).request.headers)
print(requests.get(URL.encode()).status_code)
answer = requests.get(f"{URL}/elsewhere")
print(answer.status_code, [each.status_code for each in answer.history], answer.request.headers)
with requests.Session() as session:
    prepared = session.prepare_request(requests.Request("POST", URL, data="a", headers=headers))
    answer = session.send(prepared)
    print(answer.request is prepared, prepared.headers, headers)
    print(session.get(URL, hooks={"response": lambda got, **more: print(got.request.headers)}))
    print(session.get(f"{URL}/missing", stream=True).raw.read is None)
class Stubborn(Exception):
    __slots__ = ()
    def __setattr__(self, name, value):
        raise AttributeError(name)
    def __bool__(self):
        raise RuntimeError
    __str__ = __bool__
def fail(*args, **kwargs):
    raise Stubborn
class Failing(requests.adapters.HTTPAdapter):
    get_connection_with_tls_context = build_response = fail
failing = requests.Session()
failing.mount("http://", Failing())
nobody = requests.Request("GET", "http://127.0.0.1:1").prepare()
for wrong in (
    lambda: requests.get("nonsense"),
    lambda: requests.get("http://[::1"),
    lambda: requests.get(None),
    lambda: requests.get(),
    lambda: requests.Session().request("GET"),
    lambda: failing.get(URL),
    lambda: requests.Session().send(nobody),
    lambda: requests.get(f"{URL}/missing").raise_for_status(),
    lambda: requests.get(URL, timeout="soon"),
):
    try:
        wrong()
    except Exception as error:
        print(type(error), getattr(error, "request", None) is nobody, type(error).__mro__[1])
print(pickle.loads(pickle.dumps(requests.get(URL))).status_code)
"""
HTTPX = """
import asyncio, contextlib, httpx, inspect
from httpx import AsyncClient, Client
headers = {"A": "b"}
print(Client is httpx.Client, httpx.Client.__qualname__, httpx.AsyncClient.__qualname__)
def shown(headers):
    return {name: value for name, value in headers.items() if name not in ("host", "date")}
with httpx.Client(follow_redirects=True) as client:
    print(type(client._transport), isinstance(client, httpx.Client))
    answer = client.get(f"{URL}/elsewhere", headers=headers)
    print(answer.status_code, len(answer.history), shown(answer.request.headers), headers)
    request = client.build_request("POST", URL, content=iter([b"a"]))
    print(client.send(request).request is request, shown(request.headers))
    pool = client._transport._pool
print(pool.connections)
print(httpx.get(URL, headers=headers).status_code, shown(httpx.get(URL).request.headers))
print(httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(201))).get(URL))
async def main():
    async with httpx.AsyncClient() as client:
        print(type(client._transport), isinstance(client, httpx.AsyncClient))
        answers = await asyncio.gather(
            *(client.get(f"{URL}/wait/{n}", headers=headers) for n in range(3)),
            client.get(f"{URL}/let", headers=headers),
        )
        print([each.status_code for each in answers], shown(answers[0].request.headers))
        with contextlib.suppress(asyncio.CancelledError):
            waiting.clear()
            task = asyncio.create_task(client.get(f"{URL}/wait"))
            await asyncio.sleep(0)
            task.cancel()
            await task
        waiting.set()
        pool = client._transport._pool
        try:
            await client.get("http://127.0.0.1:1")
        except httpx.ConnectError as error:
            print(error, error.request.url)
    print(pool.connections)
asyncio.run(main())
for wrong in (
    lambda: httpx.get("nonsense"),
    lambda: httpx.get("http://127.0.0.1:1"),
    lambda: httpx.get(f"{URL}/missing").raise_for_status(),
    lambda: httpx.Client(timeout=0.05).get(f"{URL}/wait") if waiting.clear() is None else None,
):
    try:
        wrong()
    except Exception as error:
        print(type(error), str(error).replace(URL, ""))
print(inspect.iscoroutinefunction(httpx.AsyncHTTPTransport.handle_async_request))
"""
BOTO = """
import boto3, botocore.exceptions, pickle
from botocore.config import Config
sqs = boto3.client("sqs")
print(sorted(sqs.list_queues()))
print(sorted(sqs._make_api_call(operation_name="ListQueues", api_params={})))
dynamodb = boto3.client("dynamodb")
once = Config(retries={"total_max_attempts": 1})
nobody = boto3.client("sqs", endpoint_url="http://127.0.0.1:1", config=once)
for wrong in (
    lambda: sqs.get_queue_url(QueueName="nobody's"),
    lambda: sqs.get_queue_url(),
    lambda: sqs.get_queue_url(QueueName=7),
    lambda: dynamodb.get_item(TableName="none", Key={}),
    lambda: sqs._make_api_call("Nonsense", {}),
    lambda: sqs._make_api_call(),
    lambda: nobody.list_queues(),
):
    try:
        wrong()
    except Exception as error:
        print(type(error), error)
        print(sorted(getattr(error, "response", {})))
"""
SQLALCHEMY = """
import sqlalchemy
from sqlalchemy.orm import Session
engine = sqlalchemy.create_engine("sqlite://")
with Session(engine) as session, Session() as unbound:
    print(session.execute(sqlalchemy.text("SELECT :n"), {"n": 1}).scalar_one())
    print(session.scalars(sqlalchemy.select(sqlalchemy.literal(2))).all())
    for wrong in (
        lambda: session.execute(sqlalchemy.text("nonsense")),
        lambda: session.execute("SELECT 1"),
        lambda: unbound.execute(sqlalchemy.text("SELECT 1")),
        lambda: session.connection().execute(),
    ):
        try:
            wrong()
        except Exception as error:
            print(type(error), error)
"""
PROGRAMS = {
    "sqlite3": SQLITE,
    "requests": SERVER + REQUESTS,
    "httpx": SERVER + HTTPX,
    "boto3": BOTO,
    "sqlalchemy": SQLALCHEMY,
}
TRACED = """
from algernon_logging import lambda_logged

@lambda_logged
def handler(event, context):
    exec(PROGRAM, globals())
"""


@pytest.fixture
def run(run: Callable[..., str]) -> Callable[..., str]:
    """Run code in a new process, which takes itself for a Lambda function."""
    return functools.partial(run, AWS_LAMBDA_LOG_LEVEL="WARN", **IN_LAMBDA)


@pytest.mark.parametrize("library", PROGRAMS)
def test_a_watched_library_behaves_as_ever(
    library: str, run: Callable[..., str], daemon: Daemon, request: pytest.FixtureRequest
) -> None:
    """What a program sees of a library is the same without tracing, and however it is traced."""
    pytest.importorskip(library, reason=f"{library} isn't installed")
    environment = {}
    if library == "boto3":
        environment = credentials(request.getfixturevalue("aws"))
    code = f"PROGRAM = {PROGRAMS[library]!r}{TRACED}handler({{}}, None)"
    as_ever = run(code, **environment, ALGERNON_TRACING="off")
    assert "Traceback" not in as_ever
    for how in (
        {"_X_AMZN_TRACE_ID": SAMPLED},
        {"_X_AMZN_TRACE_ID": SAMPLED, "AWS_XRAY_DAEMON_ADDRESS": address_of_nobody()},
        {"_X_AMZN_TRACE_ID": UNSAMPLED},
        {},
    ):
        assert run(code, **environment, **how) == as_ever
    assert {document["namespace"] for document in daemon.received()} <= {"aws", "remote"}


#: Each library's calls, of which one fails, and what is recorded of them.
RECORDED = {
    "sqlite3": (
        """
import sqlite3
connection = sqlite3.connect("file:memory?mode=memory&password=hidden", uri=True)
connection.execute("SELECT 1")
connection.cursor().executescript("SELECT 1")
connection.execute("nonsense")
""",
        [("file:memory", None, None, False)] * 2 + [("file:memory", None, None, True)],
    ),
    "requests": (
        f"""{SERVER}
import requests
print(requests.get(f"{{URL}}/elsewhere?token=hidden", auth=("me", "hidden")).text)
requests.get("http://me:hidden@127.0.0.1:1/")
""",
        [
            ("127.0.0.1", 302, "/elsewhere", False),
            ("127.0.0.1", 200, "/", False),
            ("127.0.0.1", None, "/", True),
        ],
    ),
    "httpx": (
        f"""{SERVER}
import asyncio, httpx
print(httpx.get(f"{{URL}}/missing?token=hidden", auth=("me", "hidden")).text)
async def main():
    async with httpx.AsyncClient() as client:
        print((await client.get(URL)).text)
        await client.get("http://me:hidden@127.0.0.1:1/")
asyncio.run(main())
""",
        [
            ("127.0.0.1", 404, "/missing", False),
            ("127.0.0.1", 200, "/", False),
            ("127.0.0.1", None, "/", True),
        ],
    ),
    "sqlalchemy": (
        """
import sqlalchemy
engine = sqlalchemy.create_engine("sqlite://")
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("SELECT 1"))
    connection.execute(sqlalchemy.text("nonsense"))
""",
        [("sqlite", None, None, False), ("sqlite", None, None, True)],
    ),
}


@pytest.mark.parametrize("library", RECORDED)
def test_calls_are_recorded(library: str, run: Callable[..., str], daemon: Daemon) -> None:
    """Each call is a subsegment with its outcome and no secrets, which HTTP tells the server."""
    pytest.importorskip(library, reason=f"{library} isn't installed")
    program, expected = RECORDED[library]
    code = f"""PROGRAM = {program!r}{TRACED}
try:
    handler({{}}, None)
except Exception as error:
    print(type(error).__module__ != "aws_xray_sdk")
"""
    *headers, failed = run(code, _X_AMZN_TRACE_ID=SAMPLED).splitlines()
    assert failed == "True"
    documents = daemon.received()
    assert [
        (
            each["name"],
            each.get("http", {}).get("response", {}).get("status"),
            urlsplit(each["http"]["request"]["url"]).path or "/" if "http" in each else None,
            "cause" in each,
        )
        for each in documents
    ] == expected
    assert {(each["trace_id"], each["parent_id"]) for each in documents} == {(ROOT, SEGMENT)}
    assert "hidden" not in str(documents)
    answered = [each["id"] for each in documents if each.get("http", {}).get("response")]
    told = [f"Root={ROOT};Parent={name};Sampled=1" for name in answered]
    assert headers == told[len(told) - len(headers) :]


def test_libraries_that_would_change_are_left_alone(run: Callable[..., str]) -> None:
    """What the SDK would replace by objects of other types stays, until code asks the SDK."""
    code = """
import types, sys
for name in ("mysql", "mysql.connector", "pg8000", "psycopg", "psycopg2", "pymysql"):
    sys.modules[name] = module = types.ModuleType(name)
    module.__path__ = []
    module.connect = print
sys.modules["mysql"].connector = sys.modules["mysql.connector"]
from algernon_logging import lambda_logged
lambda_logged(print)
import mysql.connector, pg8000, psycopg, psycopg2, pymysql
modules = (mysql.connector, pg8000, psycopg, psycopg2, pymysql)
print({module.connect is print for module in modules})
from aws_xray_sdk.core import patch
patch(("pg8000",))
print(pg8000.connect is print)
"""
    assert run(code) == "{True}\nFalse\n"


def test_library_that_is_of_another_shape_is_imported(run: Callable[..., str]) -> None:
    """A version in which there is nothing to watch by the names that are known works as it is."""
    code = """
import pathlib, sys, tempfile
folder = pathlib.Path(tempfile.mkdtemp())
for name in ("httpx", "requests", "sqlalchemy"):
    (folder / f"{name}.py").write_text("version = 99")
sys.path.insert(0, str(folder))
from algernon_logging import lambda_logged
lambda_logged(print)
import httpx, requests, sqlalchemy
print(httpx.version, requests.version, sqlalchemy.version)
"""
    assert run(code) == "99 99 99\n"


def test_the_sdk_s_own_patch_is_not_put_on_top(run: Callable[..., str], daemon: Daemon) -> None:
    """Whoever patches with the SDK, before or after, has each call recorded once."""
    patch = "from aws_xray_sdk.core import patch_all; patch_all()"
    decorate = "from algernon_logging import lambda_logged; lambda_logged(print)"
    for first, second in ((patch, decorate), (decorate, patch)):
        code = f"""
import sqlite3
{first}
{second}
sqlite3.connect(":memory:").execute("SELECT 1")
"""
        assert run(code, _X_AMZN_TRACE_ID=SAMPLED) == ""
        assert [each["name"] for each in daemon.received()] == [":memory:"]
