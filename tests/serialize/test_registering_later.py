"""Classes may be found when the first object is written or read, and are registered then."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import ModuleType
from typing import Any

import pytest
from algernon_serialize import (
    RebuildError,
    SerializeError,
    UnknownClassError,
    UnserializableError,
    ajson,
    register_later,
)


def text_of(cls: type, **fields: Any) -> str:
    """Return the text of an object of a class, as a sender that registered it writes it."""
    return json.dumps(
        {"_alg_class": cls.__qualname__, "_alg_module": cls.__module__, "value": fields}
    )


@pytest.mark.parametrize("first", ["written", "read"])
def test_classes_are_asked_for_once_when_the_first_object_is_written_or_read(first: str) -> None:
    """Nothing is looked for before, nor for plain values; and whoever comes first finds all."""

    @dataclasses.dataclass
    class Line:
        sku: str

    class Colour(enum.Enum):
        RED = 1

    asked = []

    def find() -> list[type]:
        asked.append(first)
        return [Line, Colour]

    register_later(find)
    ajson.loads(ajson.dumps({"plain": [1, (2, 3)]}))
    assert asked == []
    if first == "read":
        assert ajson.loads(text_of(Line, sku="A-1")) == Line("A-1")
    assert ajson.loads(ajson.dumps([Line("A-1"), Colour.RED])) == [Line("A-1"), Colour.RED]
    assert asked == [first]


def test_what_is_registered_by_then_stays_as_it_is() -> None:
    """A class keeps the name that its program gave it, and the way in which it is written."""

    @dataclasses.dataclass
    class Line:
        sku: str

    register_later(lambda: [Line])
    ajson.register(Line, name="shop:Row", encode=lambda line: line.sku, decode=Line)
    text = ajson.dumps(Line("A-1"))
    assert json.loads(text) == {"_alg_class": "Row", "_alg_module": "shop", "value": "A-1"}
    with pytest.raises(UnknownClassError):
        ajson.loads(text_of(Line, sku="A-1"))


def test_what_cannot_be_registered_by_itself_is_left_alone() -> None:
    """Whoever sends an object of it is told, and others are registered all the same."""

    @dataclasses.dataclass
    class Demanding:
        sku: str
        password: dataclasses.InitVar[str]

    @dataclasses.dataclass
    class Line:
        sku: str

    class Mine:
        pass

    register_later(lambda: [Demanding, int, Mine, Line])
    assert ajson.loads(ajson.dumps(Line("A-1"))) == Line("A-1")
    for value in (Demanding("A-1", "s3cret"), Mine()):
        with pytest.raises(UnserializableError, match="register"):
            ajson.dumps(value)


def made_in(module: ModuleType, fields: list[str]) -> Any:
    """Return a dataclass of one name in a module, as its author would define it there."""
    cls = dataclasses.make_dataclass("Order", fields)
    cls.__module__, cls.__qualname__ = module.__name__, "Order"
    return cls


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """A module."""
    module = ModuleType(f"shop_of_{request.node.originalname}_{id(request)}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_of_two_classes_of_one_name_neither_is_sent_or_made(shop: Any) -> None:
    """Nobody can tell which one is meant until one of them has another name."""
    order, other = made_in(shop, ["number"]), made_in(shop, ["size"])
    register_later(lambda: [order])
    register_later(lambda: [other])
    for value in (order(1), other(1)):
        with pytest.raises(UnserializableError, match=r"ajson.register\(cls, name=…\)"):
            ajson.dumps([value])
    for fields in ({"number": 1}, {"size": 1}):
        with pytest.raises(RebuildError, match=r"Order is the name of two classes here") as caught:
            ajson.loads(text_of(order, **fields))
        assert isinstance(caught.value, SerializeError)
    ajson.register(order, name="shop:Order")
    ajson.register(other, name="shop:OtherOrder")
    assert ajson.loads(ajson.dumps([order(1), other(1)])) == [order(1), other(1)]


def test_a_class_of_a_reloaded_module_takes_the_place_of_the_former(shop: Any) -> None:
    """It is told by what stands in its module."""
    shop.Order = old = made_in(shop, ["number"])
    register_later(lambda: [old])
    ajson.dumps(old(1))
    shop.Order = new = made_in(shop, ["number"])
    register_later(lambda: [new])
    assert type(ajson.loads(ajson.dumps(new(1)))) is new
    with pytest.raises(UnserializableError, match="another class has since been defined"):
        ajson.dumps(old(1))


def test_a_class_of_a_function_that_is_called_again_takes_the_place_of_the_former() -> None:
    """So tests can define classes of their own."""

    def define() -> Any:
        @dataclasses.dataclass
        class Order:
            number: int

        register_later(lambda: [Order])
        return Order

    for cls in (define(), define()):
        ajson.dumps([1])
        last = cls
    assert type(ajson.loads(ajson.dumps(last(1)))) is last


def test_threads_wait_for_the_one_that_registers() -> None:
    """Whichever comes first, none finds a class missing that is being registered."""

    @dataclasses.dataclass
    class Line:
        sku: str

    barrier = Barrier(8)

    def find() -> list[type]:
        # What finds classes may write and read objects itself.
        assert ajson.dumps(["x"])
        with pytest.raises(UnserializableError):
            ajson.dumps(object())
        return [Line]

    def send(number: int) -> Any:
        barrier.wait()
        return ajson.loads(ajson.dumps(Line(str(number))))

    register_later(find)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(send, range(8))) == [Line(str(number)) for number in range(8)]


def test_a_name_that_a_class_has_left_is_free(shop: Any) -> None:
    """A class that was given another name since stands in no other's way."""
    order, other = made_in(shop, ["number"]), made_in(shop, ["size"])
    ajson.register(order)
    ajson.register(order, name="shop:Order")
    register_later(lambda: [other])
    assert ajson.loads(ajson.dumps([order(1), other(2)])) == [order(1), other(2)]


# The alarm ends a child that would wait for ever.
FORKED = """
import dataclasses, os, signal, threading
from algernon_serialize import ajson, register_later

@dataclasses.dataclass
class Line:
    sku: str

begun, ends = threading.Event(), threading.Event()

def find():
    if threading.current_thread() is not threading.main_thread():
        begun.set()
        ends.wait()
    return [Line]

register_later(find)
writer = threading.Thread(target=ajson.dumps, args=(Line("A-1"),))
writer.start()
begun.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    assert ajson.loads(ajson.dumps(Line("A-2"))) == Line("A-2")
    os._exit(0)
ends.set()
writer.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.starts
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_process_finds_classes_itself() -> None:
    """A process that is forked while a thread looks for classes doesn't wait for that thread."""
    # Python 3.12 warns of a fork beside other threads, which is what is tried here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "0\n"
