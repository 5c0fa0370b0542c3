"""Values in a line: readable, whatever they are, and without credentials."""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import logging
import os
import time
import tracemalloc
from argparse import Namespace
from collections import ChainMap, OrderedDict, UserDict, defaultdict, deque, namedtuple
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from algernon_logging import bind, lambda_logged

from .lines import logged_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _json(json_lines: object) -> None:
    """Choose JSON."""


def shown(value: object) -> Any:
    """Return what a line shows of a value, the same as extra as where it is bound."""

    @lambda_logged
    def log() -> None:
        with bind(bound=value):
            logging.info("x", extra={"extra": value})

    (line,) = logged_by(log)
    assert line["bound"] == line["extra"]
    return line["bound"]


def name_of_type(value: object) -> str:
    """Return what a test of a value is called, without a look at the value."""
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name


class Colour(enum.Enum):
    """An enum."""

    RED = (1, "red")


class Level(enum.IntEnum):
    """An enum of ints."""

    HIGH = 2


class Word(str, enum.Enum):  # noqa: UP042 - the older way to have them
    """An enum of texts."""

    YES = "yes"


class Access(enum.Flag):
    """A flag."""

    READ = 1
    WRITE = 2


class Point(NamedTuple):
    """A named tuple."""

    x: int
    password: str


@dataclasses.dataclass
class Login:
    """A dataclass."""

    user: str
    password: str
    note: str = dataclasses.field(default="hidden", repr=False)


@dataclasses.dataclass(repr=False)
class Shy:
    """A dataclass that shows itself in its own way."""

    secret_place: str

    def __repr__(self) -> str:
        return "Shy(…)"


class Plain:
    """Any object."""

    def __repr__(self) -> str:
        return "<plain\n>"


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("text", "text"),
        (True, True),
        (0, 0),
        (-1.5, -1.5),
        (1e400, "inf"),
        (-1e400, "-inf"),
        (2**63, 2**63),
        (2**1024, hex(2**1024)),
        (-(10**9999), hex(-(10**9999))),
        (datetime(2026, 11, 24, 3, 11, 7, 204000, tzinfo=UTC), "2026-11-24T03:11:07.204000+00:00"),
        (date(2026, 11, 24), "2026-11-24"),
        (clock(3, 11), "03:11:00"),
        (timedelta(seconds=90), "0:01:30"),
        (Decimal("1.10"), "1.10"),
        (Decimal("NaN"), "NaN"),
        (Fraction(1, 3), "1/3"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
        (PurePosixPath("/a/b"), "/a/b"),
        (ZoneInfo("Europe/Paris"), "Europe/Paris"),
        (b"\x00\xff", "00ff"),
        (bytearray(b"\x01"), "01"),
        (memoryview(b"\x01"), "01"),
        (1 + 2j, "(1+2j)"),
        (range(3), "range(0, 3)"),
        (Colour.RED, [1, "red"]),
        (Level.HIGH, 2),
        (Word.YES, "yes"),
        (Access.READ | Access.WRITE, 3),
        ((1, (2,)), [1, [2]]),
        ({3}, [3]),
        (frozenset({3}), [3]),
        (deque([1, 2]), [1, 2]),
        (Point(1, "s3cret"), {"x": 1, "password": "***"}),
        (Login("ada", "s3cret"), {"user": "ada", "password": "***"}),
        (Shy("x"), "Shy(…)"),
        (Login, repr(Login)),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (UserDict(token="s3cret"), {"token": "***"}),
        (ChainMap({"a": 1}, {"b": 2}), {"a": 1, "b": 2}),
        ({1: "a", None: "b", (1, 2): "c", Level.HIGH: "d", date(2026, 1, 2): "e"},
         {"1": "a", "null": "b", "[1,2]": "c", "2": "d", "2026-01-02": "e"}),
        ({1: "a", "1": "b", "1_": "c"}, {"1": "a", "1_1": "b", "1_": "c"}),
        ({10**9999: 1}, {hex(10**9999): 1}),
        ({"a": None}, {"a": None}),
        (ValueError("no"), "ValueError('no')"),
        (Plain(), "<plain\n>"),
        (int, "<class 'int'>"),
    ],
    ids=name_of_type,
)  # fmt: skip
def test_values_have_a_readable_form(value: object, form: object) -> None:
    """A value of any kind is shown as plain JSON in its usual notation."""
    assert shown(value) == form


def test_nan_is_a_text() -> None:
    """What JSON has no number for is a text."""
    assert shown([float("nan"), {"a": float("inf")}]) == ["nan", {"a": "inf"}]


def test_os_environ_shows_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment, which on Lambda holds credentials, is shown without them."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    assert shown(os.environ)["AWS_SECRET_ACCESS_KEY"] == "***"


class Raises:
    """Fails whenever it is looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError


class Meta(type):
    """A metaclass that fails as well."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError

    @property
    def __module__(cls) -> str:  # type: ignore[override]
        raise RuntimeError


class RaisesMore(metaclass=Meta):
    """Fails when its class is looked at."""


class Lies:
    """Claims to be a dict."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """Lie."""
        return dict


class EvilFloat(float):
    """Becomes what JSON has no number for."""

    def __float__(self) -> float:
        return float("nan")

    __repr__ = None  # type: ignore[assignment]


class EvilInt(int):
    """Becomes no int."""

    def __int__(self) -> Any:
        return "x"

    __index__ = __repr__ = __str__ = __int__


class EvilStr(str):
    """Becomes no text."""

    __slots__ = ()

    def __str__(self) -> Any:
        return 3  # noqa: PLE0307

    __repr__ = __str__

    def __hash__(self) -> int:
        return hash("a")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


class EvilBytes(bytes):
    """Becomes nothing."""

    def __bytes__(self) -> bytes:
        raise RuntimeError

    hex = __repr__ = __bytes__  # type: ignore[assignment]


class EvilDate(datetime):
    """Has a notation of its own."""

    def isoformat(self, *args: Any) -> Any:
        """Return no text."""
        return 3


class EndlessList(list[Any]):
    """Never ends."""

    def __iter__(self) -> Iterator[int]:
        while True:
            yield 1


class EndlessDict(dict[Any, Any]):
    """Never ends either."""

    def items(self) -> Any:
        """Count."""
        return ((str(n), n) for n in iter(int, 1))


class Grows(list[Any]):
    """Becomes longer when it is looked at."""

    def __iter__(self) -> Iterator[Any]:
        yield Grows()
        yield Grows()


class deque_of_ones:  # noqa: N801 - it bears another's name
    """Bears the name of a known type, and isn't one."""


deque_of_ones.__name__ = deque_of_ones.__qualname__ = "deque"
fake = type("AlgObject", (), {"__module__": "algernon_serialize.alg_object"})


# Made when they are wanted, since pytest looks at the values that it is given.
HOSTILE: dict[str, Callable[[], Any]] = {
    "raises": Raises,
    "raises in its class": RaisesMore,
    "lies": Lies,
    "float": lambda: EvilFloat(1.5),
    "int": lambda: EvilInt(3),
    "str": lambda: EvilStr("a"),
    "bytes": lambda: EvilBytes(b"a"),
    "date": lambda: EvilDate(2026, 1, 1),
    "endless list": EndlessList,
    "endless dict": EndlessDict,
    "grows": Grows,
    "no deque": deque_of_ones,
    "no AlgObject": fake,
    "no dataclass": lambda: SimpleNamespace(__dataclass_fields__={}),
    "half a dataclass": type("Half", (), {"__dataclass_fields__": {}}),
    "no named tuple": lambda: type("Named", (tuple,), {"_fields": 3})((1,)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_are_shown_somehow(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a value does when it is looked at, a line of limited length is written."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own would fail
    value = HOSTILE[name]()

    @lambda_logged
    def log() -> None:
        logging.info("x", extra={"a": value, "b": [value], "c": {"d": value}})
        with bind(e=value):
            logging.info({"f": value})

    first, second = logged_by(log)
    assert {"a", "b", "c"} <= first.keys()
    assert "e" in second
    assert len(str(first)) < 1_000_000


@pytest.mark.parametrize(
    ("name", "form"), [("float", 1.5), ("int", 3), ("str", "a"), ("bytes", "61")]
)
def test_numbers_and_texts_are_what_they_hold(name: str, form: object) -> None:
    """A number or text is shown as it is, whatever its class makes of it."""
    assert shown(HOSTILE[name]()) == form


@pytest.mark.parametrize("name", ["raises in its class", "float", "int", "str", "bytes"])
def test_hostile_keys_are_shown_somehow(name: str) -> None:
    """Whatever a key does when it is looked at, what is beside it is there."""
    assert shown({HOSTILE[name](): 1, "beside": 2})["beside"] == 2


def test_cycles_end() -> None:
    """What contains itself is shown once."""
    endless: list[Any] = [1]
    endless.append(endless)
    assert shown(endless) == [1, "<a list that contains itself>"]
    mapping: dict[str, Any] = {}
    mapping["a"] = {"b": mapping}
    assert shown(mapping) == {"a": {"b": "<a dict that contains itself>"}}


def test_what_is_there_twice_is_no_cycle() -> None:
    """The same object in two places is shown in both."""
    row = [1]
    assert shown([row, row]) == [[1], [1]]


def test_deep_values_are_cut() -> None:
    """What is nested deeper than anybody reads ends there."""
    value: Any = "bottom"
    for _ in range(100_000):
        value = [value]
    text = str(shown(value))
    assert "<a list that is nested too deep>" in text
    assert len(text) < 200


def test_small_values_that_stand_for_large_ones_are_cut() -> None:
    """A few lists in lists, which would be a line of terabytes, take no time."""
    value: Any = ["ha"]
    for _ in range(15):
        value = [value] * 10
    started = time.process_time()
    text = str(shown(value))
    assert time.process_time() - started < 5
    assert "<and more>" in text
    assert len(text) < 1_000_000


def test_long_values_are_whole() -> None:
    """A thousand rows are no reason to leave any out."""
    rows = [{"id": n, "name": f"row {n}"} for n in range(1000)]
    assert shown(rows) == rows


MASKED = [
    "password", "PASSWORD", "Password", "db_password", "dbPassword", "password1", "passwd",
    "pwd", "PWD", "db_pwd", "userPwd", "pass", "db_pass", "passphrase", "passcode",
    "secret", "client_secret", "clientSecret", "SECRET_KEY", "aws_secret_access_key",
    "AWS_SESSION_TOKEN", "aws_access_key_id", "AccessKeyId", "api_key", "api-key", "apiKey",
    "APIKEY", "X-Api-Key", "api.key", "api key", "Authorization", "proxy-authorization",
    "auth", "basic_auth", "bearer", "token", "access_token", "refreshToken", "id_token",
    "csrf-token", "cookie", "Set-Cookie", "cookies", "credential", "credentials",
    "private_key", "privateKey", "PRIVATE-KEY", "signing_key", "encryption_key", "ssh_key",
    "session_id", "sessionId", "signature", "X-Amz-Signature", "jwt", "otp", "pin", "user_pin",
    "pin_code", "connection_string", "connectionString", "presigned_url", "tokens", "dsn",
    "_password", "password_", "__secret__", "pass\u200bword", "\u017fecret",
    "auth_header", "authHeader", "auth_key", "x-auth-key", "db_pw", "pw", "dbpw", "dbpass",
    "userpass", "DBPass", "pass1", "pass_1", "password_2", "oauth2", "account_key", "AccountKey",
    "storage_key", "subscription_key", "Ocp-Apim-Subscription-Key", "client_key",
    "client-key-data", "hmac_key", "aes_key", "tls_key", "sig", "x-sig", "hmac", "code_verifier",
    "oauth_code", "verification_code", "csrf", "creds", "cvv", "pem", "license_key", "database_url",
    "database_uri", "DATABASE_URI", "databaseUri", "db_uri", "connection_uri", "jdbc_url",
    "mfa_code", "mfaCode", "MFA_CODE", "sms_code", "two_factor_code", "reset_code", "user_code",
    "login_code", "mfa", "totp_seed", "client_assertion", "PHPSESSID", "webhook_url", "sas_url",
    "secrets_password", "keys_pin", "per_user_password",
    "seed_phrase", "webhook_key", "password" * 100, "x" * 1000 + "_token",
]  # fmt: skip
NOT_MASKED = [
    "key",
    "keys",
    "primary_key",
    "partition_key",
    "object_key",
    "kms_key_id",
    "author",
    "authors",
    "authority",
    "authenticated",
    "user",
    "username",
    "name",
    "id",
    "session",
    "passenger",
    "compass",
    "bypass",
    "passed",
    "passing",
    "pass_count",
    "spin",
    "pinned",
    "shopping",
    "pint",
    "side",
    "keyboard",
    "monkey",
    "hotkey",
    "task_name",
    "task_id",
    "chain_id",
    "message_id",
    "receive_count",
    "request",
    "status",
    "footprint",
    "expires",
    "",
    "sort_key",
    "signal",
    "design",
    "assign",
    "significant",
    "overpass",
    "trespass",
    "public_key",
    "turkey",
    "1",
    "2026",
    "x" * 1000,
    "cookbook",
    "pass_count",
    "trace_id",
    "next_task_id",
    "tokenizer",
    "tokenization",
    "tokenised",
    "secretary",
    "country_code",
    "status_code",
    "postal_code",
    "uri",
    "url",
    "repository_uri",
]
ABOUT = [
    "token_count", "password_length", "secret_bytes", "api_key_version", "cookie_size",
    "private_key_path", "token_expiry", "password_type", "token_limit",
    "tokens_used", "tokens_in", "prompt_tokens_details", "completion_tokens_details",
    "promptTokensDetails", "token_usage", "tokens_per_minute", "tokens_remaining", "token_budget",
    "password_attempts", "failed_password_attempts", "passwordAttempts", "password_retries",
    "secrets_rotated", "passwords_checked", "api_keys_revoked", "cookies_deleted",
    "password_strength", "password_iterations", "secret_key_bits", "secret_rotations",
    "api_key_uses", "cookie_age", "total_tokens", "max_tokens_total",
]  # fmt: skip


@pytest.mark.parametrize("name", MASKED)
def test_what_looks_like_a_credential_is_masked(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name, wherever it is: bound, extra, in a dict, in a message."""
    for value in ("s3cret", 31337, b"s3cret", ["s3cret"], {"a": "s3cret"}, Login("s3cret", "b")):
        deep = {"deep": [{name: value}]}

        @lambda_logged
        def log(value: object = value, deep: object = deep) -> None:
            with bind(**{name: value}, bound=deep):
                logging.info({name: value}, extra={name: value, "extra": deep})

        with_bound, with_extra = logged_by(
            lambda log=log, value=value: (  # type: ignore[misc]
                log(),
                lambda_logged(logging.info)("x", extra={name: value}),
            )
        )
        is_number_of = name == "tokens" and isinstance(value, int)
        for line in (with_bound, with_extra):
            assert "s3cret" not in str(line)
            assert is_number_of or "31337" not in str(line)
        assert list(with_extra.values())[-1] == (value if is_number_of else "***")


@pytest.mark.parametrize("name", MASKED)
def test_what_looks_like_a_credential_is_masked_in_text(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In text too."""
    monkeypatch.delenv("AWS_LAMBDA_LOG_FORMAT")
    with bind(**{name: "s3cret"}, deep={name: ["s3cret"]}):
        lambda_logged(logging.info)({name: "s3cret"})
    error = capsys.readouterr().err
    assert "s3cret" not in error
    assert error.count("***") == 3


@pytest.mark.parametrize("name", NOT_MASKED)
def test_what_does_not_look_so_is_shown(name: str) -> None:
    """A name that only has some letters in common with a credential's hides nothing."""
    with bind(**{name: "value"}):
        (line,) = logged_by(lambda: lambda_logged(logging.info)({name: "value"}))
    assert line[name] == "value"
    assert line["message"] == {name: "value"}


@pytest.mark.parametrize("name", ABOUT)
def test_only_numbers_tell_something_of_a_credential(name: str) -> None:
    """What is named after a property of a credential is shown as a number, and as nothing else."""
    numbers = {"cached": 3, "audio": None, "by_day": [1, 2.5, {"n": 0}]}
    for number in (7, 1.5, True, None, numbers, [1, 2], {}):
        assert shown({name: number}) == {name: number}
    for value in ("s3cret", b"s3cret", ["s3cret"], {"a": "s3cret"}, {"a": 1, "b": [{"c": "s"}]}):
        assert shown({name: value}) == {name: "***"}


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({b"password": "s3cret", b"a\xff": 1}, {"password": "***", r"a\xff": 1}),
        ({("password",): "s3cret"}, {'["password"]': "***"}),
        ([("authorization", "s3cret"), ("host", "a")], [["authorization", "***"], ["host", "a"]]),
        ([(b"authorization", b"s3cret")], [[b"authorization".hex(), "***"]]),
        ([["Cookie", ["s3cret"]]], [["Cookie", "***"]]),
        (("max_tokens", 5), ["max_tokens", 5]),
        (["password", "s3cret", "x"], ["password", "s3cret", "x"]),
        ({"password": "s3cret", "a": 1}.items(), [["password", "***"], ["a", 1]]),
        (OrderedDict(token="s3cret").items(), [["token", "***"]]),
        (UserDict(token="s3cret").items(), [["token", "***"]]),
        ({"a": 1}.keys(), ["a"]),
        ([{"name": "x-api-key", "value": "s3cret"}], [{"name": "x-api-key", "value": "***"}]),
        ({"Value": "s3cret", "Key": "DbPassword"}, {"Value": "***", "Key": "DbPassword"}),
        ({"name": "colour", "value": "red"}, {"name": "colour", "value": "red"}),
        ({"name": "max_tokens", "value": 5}, {"name": "max_tokens", "value": 5}),
        (SimpleNamespace(user="ada", password="s3cret"), {"user": "ada", "password": "***"}),
        (Namespace(token="s3cret"), {"token": "***"}),
    ],
    ids=range(17),
)
def test_credentials_are_masked_in_every_shape(value: object, form: object) -> None:
    """A name and its value may be a pair, two members, a key of bytes, or an attribute."""
    assert shown(value) == form


def test_numbers_of_tokens_and_flags_are_no_secrets() -> None:
    """What can't be a credential, such as how many tokens there are, is shown."""
    value = {"max_tokens": 100, "prompt_tokens": 0, "secret": None, "has_token": True, "token": 1.5}
    assert shown(value) == value
    assert shown({"password": 1234, "pin": 0}) == {"password": "***", "pin": "***"}


def test_names_are_looked_at_once_and_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names from outside don't fill the memory, and are masked however many there were."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own keeps what it is given
    shown({"a": 1})
    tracemalloc.start()
    try:
        for n in range(100):
            assert shown({f"{n}_password" + "x" * 20_000: "s3cret"}).popitem()[1] == "***"
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000
    for start in range(0, 5_000, 1000):
        value = {f"password{n}": "s3cret" for n in range(start, start + 1000)}
        assert set(shown(value).values()) == {"***"}


Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - the older way to have them


def test_older_named_tuples_have_their_names() -> None:
    """A named tuple is known by its fields, however it was made."""
    assert shown(Pair(1, [Pair(2, 3)])) == {"left": 1, "right": [{"left": 2, "right": 3}]}


def test_objects_of_attrs_have_their_credentials_masked() -> None:
    """What attrs made is shown as its attributes, of which those that its `repr` hides are none."""
    attrs = pytest.importorskip("attrs")
    last_digit = attrs.field(default="4111", repr=lambda number: f"…{number[-1]}")
    hidden = attrs.field(default="3wTq", repr=False)
    names = {"user": attrs.field(), "password": attrs.field(), "session": attrs.field()}
    login_class = attrs.make_class("Login", {**names, "card": last_digit, "salt": hidden})
    form = {"user": "ada", "password": "***", "session": {"api_key": "***"}, "card": "…1"}
    login = login_class("ada", "3wTq", {"api_key": "3wTq"})
    assert shown([login]) == [form]
    assert shown({"secret": login}) == {"secret": "***"}


def test_objects_of_pydantic_have_their_credentials_masked() -> None:
    """A model is shown as its fields, of which those that its `repr` hides are none."""
    pydantic = pytest.importorskip("pydantic")
    if int(pydantic.VERSION.partition(".")[0]) < 2:
        pytest.skip("RootModel came with pydantic 2")
    login = pydantic.create_model(
        "Login",
        user=(str, ...),
        password=(str, ...),
        database=(pydantic.PostgresDsn, ...),
        pepper=(pydantic.SecretStr, ...),
        salt=(str, pydantic.Field(default="3wTq", repr=False)),
    )(user="ada", password="3wTq", database="postgres://ada:3wTq@db/shop", pepper="3wTq")
    form = shown(login)
    assert list(form) == ["user", "password", "database", "pepper"]
    assert (form["user"], form["password"]) == ("ada", "***")
    assert "://***@db/shop" in form["database"]
    assert "3wTq" not in str(form)
    assert shown(pydantic.RootModel[list](root=[login])) == {"root": [form]}


class Said:
    """Something that tells of itself."""

    def __init__(self, said: str) -> None:
        self.said = said

    def __repr__(self) -> str:
        return self.said


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("Login(user='ada', password='3wTq', n=1)", "Login(user='ada', password=***, n=1)"),
        ("<Login token=3wTq user=ada>", "<Login token=*** user=ada>"),
        (r"L(api_key=b'3w\'Tq', a=1)", "L(api_key=***, a=1)"),
        ("Settings({'db_pass': '3wTq', \"b\": 1})", "Settings({'db_pass': ***, \"b\": 1})"),
        ("L(pin=1234, max_tokens=5, secret=None)", "L(pin=***, max_tokens=5, secret=None)"),
        ("Engine(postgres://ada:3wTq@db/shop)", "Engine(postgres://***@db/shop)"),
        ("<object at 0x7f>", "<object at 0x7f>"),
    ],
    ids=range(7),
)
def test_what_other_objects_say_has_its_credentials_masked(said: str, form: str) -> None:
    """What a class says of an object is shown, but for what it names like a credential."""
    assert shown(Said(said)) == form
