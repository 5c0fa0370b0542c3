"""Equal values have the same content, in whatever order and place their parts are."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from algernon_serialize import UnserializableError
from algernon_storage import StoredData, content_sha256

if TYPE_CHECKING:
    from ..wire import Wire


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([{"a": {1: 2, 3: 4}}], [{"a": {3: 4, 1: 2}}]),
        (StoredData("x", [1], bucket="b"), StoredData("y", [1], bucket="c", timestamp="0")),
        (
            {"rows": StoredData("x", {"a": 1, "b": [StoredData("n", 1, bucket="b")]}, bucket="b")},
            {"rows": StoredData("x", {"b": [StoredData("n", 1, bucket="b")], "a": 1}, bucket="b")},
        ),
        (StoredData.at("b#cache/x!0.json"), StoredData.at("b#cache/x!0.json")),
    ],
)
def test_equal_values_have_the_same_content(one: Any, other: Any, wire: Wire) -> None:
    """Neither the order of keys nor the place of stored data matters, and nothing is stored."""
    assert content_sha256(one) == content_sha256(other)
    assert wire.calls == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 2}),
        ([1, 2], [2, 1]),
        ((1, 2), [1, 2]),
        (StoredData("x", [1], bucket="b"), StoredData("x", [2], bucket="b", timestamp="0")),
        (StoredData("x", [1], bucket="b"), [1]),
        (StoredData.at("b#cache/x!0.json"), StoredData.at("b#cache/y!0.json")),
    ],
)
def test_different_values_have_different_content(one: Any, other: Any) -> None:
    """What isn't equal is told apart."""
    assert content_sha256(one) != content_sha256(other)


@pytest.mark.starts
def test_sets_have_the_same_content_in_every_process() -> None:
    """The order of a set, which Python draws anew in each process, doesn't matter."""
    program = (
        "from algernon_storage import content_sha256\n"
        "print(content_sha256([{'a', 'b', 'c', 'd', 'e'}, frozenset('uvwxyz')]))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1


def test_long_and_deep_values_have_a_content_too() -> None:
    """Beyond what is sorted, the text as it is written counts."""
    rows = [["x" * 1000]] * 2000
    assert content_sha256(rows) == content_sha256([["x" * 1000]] * 2000)
    deep: Any = []
    for _ in range(490):
        deep = [deep]
    assert content_sha256(deep) != content_sha256([deep])


def test_stored_data_is_stored_afterwards_as_ever(bucket: str) -> None:
    """Looking at the content of stored data leaves it as it was."""
    stored = StoredData("x", {"n": {1, 2}})
    content_sha256([stored])
    assert StoredData.retrieve(stored.store()).data == {"n": {1, 2}}


def test_what_cannot_be_sent_has_no_content() -> None:
    """A value that can't travel is refused."""
    with pytest.raises(UnserializableError):
        content_sha256([object()])
