"""Give bytes of all kinds to `ajson.loads`, as a fuzzer makes them up from texts with all tags.

Whatever the bytes are, they are read or refused, by an error of the package or by
one of the classes in the text, and alike with orjson and ormsgpack and without them. What
is read can be written, or is refused, and comes back the same. What is handed on without
being rebuilt is read as if it hadn't been on the way.

From the root of the project: ``python -m tests.serialize.fuzzing.fuzz_texts --seconds 600``
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import traceback
from collections import OrderedDict, deque
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PureWindowsPath
from typing import Any
from uuid import UUID

import atheris

with atheris.instrument_imports(include=["algernon_serialize"]):
    from algernon_serialize import NestingError, SerializeError, ajson, scalars
    from algernon_serialize.encoding import MAX_DEPTH
    from algernon_serialize.registry import by_name

from .. import values as kinds
from .all_ways import ContractError, check_value, in_all_ways, same

WIRE = Path(__file__).parents[1] / "moncrief-7.0.0.json"

SEEDS: list[Any] = [
    [None, True, -1, 0.5, 1e-7, 1e300, 2**64, 10**30, "é€😀", {"a": [{}]}],
    [float("nan"), float("inf"), -0.0],
    "\ud800",
    {"_alg_class": "set", "value": [1]},
    {1: 2, (1, 2): None, "_alg_class": 3},
    OrderedDict(a=1),
    deque([1, (2,)], 3),
    {1, frozenset({(2, "x")})},
    [(1, "a"), (2, "b")],
    [Decimal("1.50"), Decimal("sNaN")],
    [UUID(int=1), b"\x00\xff", bytearray(b"x"), 1 + 2j, range(1, 9, 2)],
    [date(2026, 1, 2), timedelta(-1, 2, 3), Path("a/b"), PureWindowsPath("C:\\x")],
    [datetime(2026, 1, 2, 3, 4, 5, 6, zone) for zone in kinds.ZONES],
    [datetime(1970, 1, 1, 0, 0, 0, 1, UTC), time(1, 2, fold=1), time(1, tzinfo=UTC)],
    [kinds.Colour.RED, kinds.Access(3), kinds.Level.LOW, kinds.Point(1), kinds.Money(2)],
    [*kinds.Order.Status, *kinds.Payment.Status, kinds.Cart(3), kinds.Shelf[int](4)],
    [kinds.Name("Ada"), kinds.Crate([1]), kinds.Seal("x"), kinds.Box({1: kinds.Box(None)})],
]

STRANGE_ZONES: list[Any] = [
    {"zoneinfo": "Evil/Module"},
    {"zoneinfo": "a.b/c"},
    {"dateutil": "my-secret-4711"},
    {"timezone": [0, 0, 0], "name": None},
    {"timezone": [0, 86_400, 0], "name": "x"},
    {"dateutil": [True, 0, 0], "name": "a\nb"},
]


def _tag(name: str, form: Any) -> bytes:
    return json.dumps({"_alg_class": name, "value": form}).encode()


def _object(name: str, form: Any) -> bytes:
    tag = {"_alg_class": name, "_alg_module": kinds.__name__, "value": form}
    return json.dumps(tag).encode()


def _colliding(count: int) -> list[int]:
    return [number * (2**61 - 1) for number in range(count)]


BARE = [
    b"[NaN,Infinity,-Infinity,1e400,18446744073709551616,-0]",
    b'{"_alg_class":"set","_alg_class":"tuple","value":[1]}',
    b'{"\\u005falg_class":"tuple","value":["\\ud800","\\ud83d\\ude00"]}',
    b'{"a":1,"a":{"_alg_class":"x"}}',
    b'{"_alg_class":"set","value":[{"_alg_class":"tuple","value":[]}],"x":{"_alg_class":1}}',
    b"\xef\xbb\xbf[1]",
    b'{"_alg_class":"tuple","value":[1],"value":[2]}',
    b'[{"_alg_class":"tuple","value":[1],"v\\u0061lue":[2]},"value",{"value":1,"value":2}]',
    b'["\\u00e9",{"_alg_class":"decimal","value":"1","value":"2"},NaN]',
    b"[" * 500 + b'"\\u00e9"' + b"]" * 500,
    b"[" * 501 + b"12345678901234567890123" + b"]" * 501,
    b'{"a":' * 500 + b'{"_alg_class":"decimal","value":"1"}' + b"}" * 500,
    *(_tag(name, _colliding(count)) for name in ("set", "frozenset") for count in (128, 150)),
    _tag("dict", [[number, 1] for number in _colliding(150)]),
    _tag("set", [{"_alg_class": "decimal", "value": str(number)} for number in _colliding(9)]),
    *(_tag("decimal", form) for form in ("1_0", "\uff11", " 1", "1e5", "inf", "a\nb")),
    _tag("uuid", "urn:uuid:12345678-1234-5678-1234-567812345678"),
    _tag("uuid", "+2345678-1234-5678-1234-567812345678"),
    *(_tag("date", form) for form in ("20260102", "2026-W01-5")),
    *(_tag("bytes", form) for form in ("QR==", "QQ==\n")),
    *(_tag("complex", form) for form in (["1", " 2.0"], ["nan", "-0.0"])),
    *(_tag("timedelta", form) for form in ([0, -1, 0], [True, 0, 0])),
    *(_tag("time", {"tz": None, "iso": "01:00:00", "fold": fold}) for fold in (1, True, 1.0)),
    *(_tag("datetime", {"tz": zone, "iso": "2026-01-02T03:04:05"}) for zone in STRANGE_ZONES),
    _tag("datetime", {"tz": "UTC", "timestamp": 1e-7}),
    _object("Box", {"content": 1, "_content": 2, "label": "x"}),
    *(_object(name, "PAID") for name in ("Order.Status", "Payment.Status", "Status")),
    _object("Cart", {"count": 3}),
    _object("Cart", {"_count": 3, "total": 6}),
    _object("Cart", [None]),
    *(_object("Money", form) for form in ({}, {"amount": 1, "colour\n": 2}, {"_amount": 1})),
    _object("Point", {"x": 1}),
    _object("Point", [1, 2]),
    json.dumps({"a\nb": {"_alg_class": "x\u2028", "_alg_module": "y" * 300, "value": 1}}).encode(),
]


def check(text: bytes) -> None:
    """Check what becomes of a text.

    Raises:
        ContractError: It isn't as the head of this module says.
    """
    for rebuild in (True, False):
        try:
            value = in_all_ways(ajson.loads, text, rebuild=rebuild)
        except ContractError:
            if _is_too_deep_for_some_parser(text):
                return
            raise
        if isinstance(value, Exception):
            if not isinstance(value, SerializeError):
                raise ContractError("loads raises an error that isn't of this package") from value
        elif rebuild:
            check_value(value)
        else:
            _check_handing_on(text, value)


def _check_handing_on(text: bytes, unread: Any) -> None:
    handed_on = in_all_ways(ajson.dumpb, unread)
    if isinstance(handed_on, Exception):
        if not isinstance(handed_on, SerializeError):
            raise ContractError("dumpb raises an error that isn't of this package") from handed_on
        return
    if ajson.dumpb(ajson.loads(handed_on, rebuild=False)) != handed_on:
        raise ContractError(f"{handed_on!r} is handed on as something else")
    try:
        value = ajson.loads(text)
    except Exception:  # noqa: BLE001 - also what a parse_json raises
        return
    if not same(ajson.loads(handed_on), value):
        raise ContractError(f"{text!r} is handed on as {handed_on!r}")


def _is_too_deep_for_some_parser(text: bytes) -> bool:
    # A text without tags is read as deep as its parser goes, which isn't the same for both.
    brackets = text.count(b"[") + text.count(b"{")
    return brackets > MAX_DEPTH and isinstance(_error_of(text), NestingError | None)


def _error_of(text: bytes) -> Exception | None:
    try:
        ajson.loads(text)
    except SerializeError as error:
        return error
    return None


def words() -> list[bytes]:
    """Return what texts are made of: keys, the names of tags and classes, parts of numbers."""
    tags = {tag for tag, _ in scalars.ENCODERS.values()} | {*scalars.DECODERS}
    tags |= {"deque", "dict", "frozenset", "ordereddict", "set", "tuple", "uuid", "posixpath"}
    keys = ["_alg_class", "_alg_module", "value", "tz", "iso", "fold", "timestamp", "items"]
    keys += ["maxlen", "zoneinfo", "dateutil", "timezone", "name", "UTC", "nan", "inf"]
    names = [name for pair in by_name for name in pair]
    quoted = [json.dumps(word).encode() for word in [*tags, *keys, *names]]
    return [
        *sorted(set(quoted)),
        b"1e-5",
        b"NaN",
        b"99999999999999999999",
        b"\\ud800",
        b"\\u005f",
        b"null",
        b"true",
        b"2305843009213693951",
        b"1_0",
    ]


def seeds() -> list[bytes]:
    """Return texts to start from: all tags, and what moncrief wrote."""
    wires = [vector["wire"].encode() for vector in json.loads(WIRE.read_text())["vectors"]]
    return [*BARE, *wires, *(ajson.dumpb(seed) for seed in SEEDS)]


def _check_or_exit(text: bytes) -> None:
    try:
        check(text)
    except BaseException:  # noqa: BLE001 - whatever it is, the input is what counts
        traceback.print_exc()
        print(f"failing input: {text!r}", flush=True)
        # The fuzzer would end with a code of its own.
        os._exit(1)


def main() -> None:
    """Fuzz for so many seconds; end with 1 at the first input that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="how long; 600 by default")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-texts-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds()):
        _check_or_exit(seed)
        (corpus / str(number)).write_bytes(seed)
    dictionary = folder / "dictionary"
    lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in words())
    dictionary.write_text("".join(f'"{line}"\n' for line in lines))
    arguments = [
        sys.argv[0],
        f"-max_total_time={options.seconds}",
        f"-dict={dictionary}",
        f"-artifact_prefix={folder}/",
        "-max_len=4000",
        "-timeout=30",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup(arguments, _check_or_exit)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
