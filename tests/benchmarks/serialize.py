"""algernon-serialize against its peers, all in one run: medians, as a table in Markdown.

The peers are python-rapidjson with hooks that write the same tags, as moncrief
7.0.0 does (it loses tuples), jsonpickle, and the plain json and orjson as the
limit. They are compared by the least time that each took of the processor, taking turns.
Nothing here fails on a time.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import statistics
import subprocess
import sys
import timeit
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import jsonpickle
import orjson
import rapidjson
from algernon_serialize import AlgObject, ajson, json_text, packing

from .timing import minima

ROUNDS = 15
PEERS = ["rapidjson with hooks", "jsonpickle", "json", "orjson"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Customer(AlgObject):
    """The object in the rich rows, with the parts that moncrief's hooks need besides."""

    def __init__(self, name: str, email: str) -> None:
        self._name = name
        self._email = email

    @classmethod
    def parse_json(cls, json_dict: Any) -> Customer:
        """Make a customer of the attributes."""
        return cls(json_dict["name"], json_dict["email"])

    @classmethod
    def from_json(cls, json_dict: Any) -> Customer:
        """Try the attributes as they are, and then without their underscores."""
        try:
            return cls.parse_json(json_dict)
        except KeyError:
            plain = {key.replace("_", "", 1): value for key, value in json_dict.items()}
            return cls.parse_json(plain)

    @property
    def state(self) -> dict[str, Any]:
        """The attributes."""
        return self.__dict__


def plain_rows(count: int) -> list[dict[str, Any]]:
    """Return rows of an inventory: eight fields that JSON has itself, a list among them."""
    return [
        {
            "id": number,
            "sku": f"A-{number:05d}",
            "name": f"Widget number {number}",
            "price": number * 1.25 + 0.5,
            "weight": 1.5,
            "stock": number % 97,
            "active": number % 3 == 0,
            "tags": ["new", "sale"],
        }
        for number in range(count)
    ]


def rich_rows(count: int) -> list[dict[str, Any]]:
    """Return orders: eight fields, of which four are an object, a set, a Decimal and a datetime."""
    return [
        {
            "id": number,
            "reference": f"2026-{number:06d}",
            "note": f"leave it with the neighbours at number {number}, please",
            "items": number % 7,
            "customer": Customer(f"Ada {number}", f"ada{number}@example.com"),
            "labels": {"paid", "gift", f"batch-{number // 100}"},
            "total": Decimal(number) / 4,
            "due": EPOCH + timedelta(days=20_000, minutes=number),
        }
        for number in range(count)
    ]


def tuple_rows(count: int) -> list[tuple[Any, ...]]:
    """Return rows as a database driver gives them."""
    return [(number, f"name {number}", number * 0.5) for number in range(count)]


#: What rows are made of, by the name of their shape. All but two of them JSON has itself.
SHAPES: dict[str, Any] = {
    "id, name, flag": [
        {"id": number, "name": f"name {number}", "flag": number % 3 == 0} for number in range(100)
    ],
    "… a float and a None": [
        {"id": number, "name": f"name {number}", "price": number * 1.25 + 0.5, "note": None}
        for number in range(100)
    ],
    "… a list": [
        {"id": number, "name": f"name {number}", "tags": ["new", "sale", f"batch {number}"]}
        for number in range(100)
    ],
    "… a dict": [
        {"id": number, "name": f"name {number}", "size": {"width": number, "height": 7}}
        for number in range(100)
    ],
    "long strings": [{"id": number, "text": "lorem ipsum " * 20} for number in range(100)],
    "not ASCII": [{"id": number, "name": f"Zoë Ångström €{number} 名前"} for number in range(100)],
    "floats": [number * 1.1 for number in range(1000)],
    "ints": [number * 7 for number in range(1000)],
    "three-tuples": tuple_rows(300),
    "rich rows": rich_rows(100),
}
# What else has these types knows nothing of ours; rapidjson writes a tuple as a list by itself.
HOOKED = ("three-tuples", "rich rows")


def write_hook(value: Any) -> Any:
    """Write the tags as moncrief's hook does."""
    if isinstance(value, Customer):
        return {
            "_alg_class": type(value).__name__,
            "_alg_module": str(value.__module__),
            "value": value.state,
        }
    if isinstance(value, frozenset):
        return {"_alg_class": "frozenset", "value": [item for item in value]}  # noqa: C416
    if isinstance(value, set):
        return {"_alg_class": "set", "value": [item for item in value]}  # noqa: C416
    if isinstance(value, tuple):
        return {"_alg_class": "tuple", "value": value}
    if isinstance(value, datetime):
        if value.tzinfo is None or value.tzinfo != UTC:
            raise TypeError
        return {"_alg_class": "datetime", "value": {"tz": "UTC", "timestamp": value.timestamp()}}
    if isinstance(value, Decimal):
        return {"_alg_class": "decimal", "value": str(value)}
    raise TypeError


def read_hook(tree: dict[str, Any]) -> Any:
    """Read the tags as moncrief's hook does."""
    if "_alg_class" not in tree:
        return tree
    name, value = tree["_alg_class"], tree["value"]
    if name == "frozenset":
        return frozenset(item for item in value)
    if name == "set":
        return set(item for item in value)  # noqa: C401
    if name == "tuple":
        return tuple(item for item in value)
    if name == "datetime":
        if value["tz"] != "UTC":
            raise ValueError
        return EPOCH + timedelta(seconds=value["timestamp"])
    if name == "decimal":
        return Decimal(value)
    if "_alg_module" not in tree:
        return tree
    return getattr(importlib.import_module(tree["_alg_module"]), name).from_json(value)


def microseconds(function: Callable[[], object]) -> float:
    """Return the median time of a call."""
    calls = max(1, round(0.01 / timeit.timeit(function, number=1)))
    return statistics.median(timeit.repeat(function, number=calls, repeat=ROUNDS)) / calls * 1e6


@contextmanager
def without_orjson() -> Iterator[None]:
    """Let algernon-serialize find no orjson."""
    found = json_text._orjson
    json_text._orjson = lambda: None  # type: ignore[assignment]
    try:
        yield
    finally:
        json_text._orjson = found


@contextmanager
def without_ormsgpack() -> Iterator[None]:
    """Let algernon-serialize find no ormsgpack."""
    found = packing._packer
    packing._packer = lambda: None  # type: ignore[assignment]
    try:
        yield
    finally:
        packing._packer = found


def compare(name: str, value: Any) -> None:
    """Print the rows of one payload."""
    text = ajson.dumps(value)
    assert ajson.loads(text) == value
    pickled = jsonpickle.encode(value)
    peers: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "rapidjson with hooks": (
            lambda: rapidjson.dumps(value, default=write_hook),
            lambda: rapidjson.loads(text, object_hook=read_hook),
        ),
        "jsonpickle": (lambda: jsonpickle.encode(value), lambda: jsonpickle.decode(pickled)),
    }
    if name == "plain rows":
        peers["json"] = (lambda: json.dumps(value), lambda: json.loads(text))
        peers["orjson"] = (lambda: orjson.dumps(value).decode(), lambda: orjson.loads(text))
    functions = {"dumps": lambda: ajson.dumps(value), "loads": lambda: ajson.loads(text)}
    for position, (what, ours) in enumerate(functions.items()):
        own = {f"{what}, {name}": ours}
        if what == "dumps" and name == "plain rows":
            own["… without ormsgpack"] = without_ormsgpack()(ours)
        own["… without orjson"] = without_orjson()(ours)
        times = minima(own | {peer: both[position] for peer, both in peers.items()}, rounds=ROUNDS)
        for title in own:
            own_time = times[title]
            ratios = [f"{times[peer] / own_time:.2f}" if peer in peers else "" for peer in PEERS]
            print(f"| {title} | {own_time * 1e6:.0f} µs | {' | '.join(ratios)} |")


def compare_shapes() -> None:
    """Print how long each shape takes, side by side with what is there to compare."""
    print("\n| µs | dumps | rapidjson | orjson | loads | rapidjson | orjson |")
    print("|---|---|---|---|---|---|---|")
    for name, value in SHAPES.items():
        # With hooks where it has something to ask them, without where it is faster so.
        is_hooked = name in HOOKED
        text = ajson.dumps(value)
        functions = {
            "dumps": functools.partial(ajson.dumps, value),
            "dumps, rapidjson": functools.partial(
                rapidjson.dumps, value, default=write_hook if is_hooked else None
            ),
            "loads": functools.partial(ajson.loads, text),
            "loads, rapidjson": functools.partial(
                rapidjson.loads, text, object_hook=read_hook if is_hooked else None
            ),
        }
        if not is_hooked:
            functions["dumps, orjson"] = functools.partial(_dumps_by_orjson, value)
            functions["loads, orjson"] = functools.partial(orjson.loads, text)
        times = minima(functions, rounds=ROUNDS)
        cells = []
        for what in ("dumps", "loads"):
            own = times[what]
            cells.append(f"{own * 1e6:.1f}")
            for peer in ("rapidjson", "orjson"):
                time = times.get(f"{what}, {peer}")
                cells.append("" if time is None else f"{time * 1e6:.1f} ({own / time:.2f})")
        print(f"| {name} | {' | '.join(cells)} |")
    print("\nIn brackets: how many times as long as the peer we take.")


def _dumps_by_orjson(value: Any) -> str:
    return orjson.dumps(value).decode()


def import_milliseconds(modules: str) -> float:
    """Return the median time that an import takes in a new process."""
    program = (
        "import time; begin = time.perf_counter();"
        f"import {modules}; print((time.perf_counter() - begin) * 1000)"
    )
    # With compiled modules, as they are where they have been imported once.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", program]
    runs = [
        float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
        for _ in range(2 * ROUNDS)
    ]
    return statistics.median(runs)


def peak_ratio(function: Callable[[], object], text: str) -> float:
    """Return the most memory that a call holds at a time, as a multiple of the text."""
    gc.collect()
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / len(text)


def scale(name: str, rows: Callable[[int], list[Any]]) -> None:
    """Print what a hundred times the rows cost."""
    few, many = rows(200), rows(20_000)
    text_of_few, text_of_many = ajson.dumps(few), ajson.dumps(many)
    dumps = microseconds(lambda: ajson.dumps(many)) / microseconds(lambda: ajson.dumps(few))
    loads = microseconds(lambda: ajson.loads(text_of_many)) / microseconds(
        lambda: ajson.loads(text_of_few)
    )
    limit = microseconds(lambda: orjson.loads(text_of_many)) / microseconds(
        lambda: orjson.loads(text_of_few)
    )
    print(
        f"100 x the {name}: {dumps:.0f} x the time to dump, {loads:.0f} x to load"
        f" (orjson: {limit:.0f} x)"
    )
    peaks = [
        peak_ratio(lambda: ajson.dumps(many), text_of_many),
        peak_ratio(lambda: ajson.loads(text_of_many, rebuild=False), text_of_many)
        / peak_ratio(lambda: orjson.loads(text_of_many), text_of_many),
    ]
    print(f"peak memory, {name}: dumps {peaks[0]:.1f} x the text, loads {peaks[1]:.2f} x orjson's")


def main() -> None:
    """Print all figures."""
    warnings.simplefilter("ignore")
    libraries = ("orjson", "ormsgpack", "python-rapidjson")
    versions = [f"{library} {version(library)}" for library in libraries]
    print(f"Python {sys.version.split()[0]}, {', '.join(versions)}")
    print("How many times as long as algernon-serialize each peer takes:\n")
    print(f"| | algernon-serialize | {' | '.join(PEERS)} |")
    print("|---|---|---|---|---|---|")
    compare("plain rows", plain_rows(200))
    compare("rich rows", rich_rows(200))
    compare("300 three-tuples", tuple_rows(300))
    compare_shapes()

    base = import_milliseconds("json, dateutil.tz")
    own = import_milliseconds("algernon_serialize")
    print(f"\nimport algernon_serialize: {own:.1f} ms, {own / base:.2f} x json and dateutil.tz")
    scale("plain rows", plain_rows)
    scale("rich rows", rich_rows)


if __name__ == "__main__":
    main()
