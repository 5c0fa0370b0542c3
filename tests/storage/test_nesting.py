"""Stored data inside other values stores itself, and comes back when they are read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_serialize import AlgObject, NestingError, UnserializableError, ajson, rebuild_event
from algernon_storage import MalformedPointerError, MissingBucketError, StoredData
from botocore.exceptions import HTTPClientError

from .objects import keys, put_document

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire


class Report(AlgObject):
    """An object that keeps something large."""

    def __init__(self, title: str, rows: Any) -> None:
        self._title = title
        self._rows = rows

    @property
    def rows(self) -> Any:
        """What it keeps."""
        return self._rows

    @classmethod
    def parse_json(cls, json_dict: Any) -> Report:
        """Make one of its attributes."""
        return cls(json_dict["title"], json_dict["rows"])


def test_the_text_has_a_pointer_in_the_place_of_the_data(bucket: str) -> None:
    """A megabyte of data leaves a hundred bytes in the text, in the recorded form."""
    stored = StoredData("rows", "x" * 1_000_000, timestamp="1")
    assert json.loads(ajson.dumps([stored])) == [
        {
            "_alg_class": "StoredData",
            "_alg_module": "algernon.aws.snakes",
            "value": {"pointer": f"{bucket}#cache/rows!1.json"},
        }
    ]


def test_an_object_s_stored_data_comes_back(bucket: str, wire: Wire) -> None:
    """An AlgObject with a StoredData in it is rebuilt with an equal one."""
    report = Report("march", StoredData("rows", [(1, 2), {3}]))
    text = ajson.dumps(report)
    assert wire.counted() == {"s3 PUT": 1}
    back = ajson.loads(text)
    assert back == report
    assert back.rows.data == [(1, 2), {3}]
    assert wire.counted() == {"s3 PUT": 1, "s3 GET": 1}


def test_full_unpack_gives_the_data_itself(bucket: str) -> None:
    """With full_unpack, the data comes back in the place of the StoredData."""
    report = Report("march", StoredData("rows", [(1, 2), {3}], full_unpack=True))
    assert ajson.loads(ajson.dumps([report])) == [Report("march", [(1, 2), {3}])]


def test_stored_data_nests_in_stored_data(aws: LocalAWS, bucket: str) -> None:
    """Stored data inside stored data is an object of its own, and both come back."""
    inner = StoredData("inner", {"deep": (1,)}, full_unpack=True, timestamp="1")
    outer = StoredData("outer", {"inner": inner, "objects": [Report("a", inner)]}, timestamp="1")
    text = ajson.dumps({"outer": outer})
    assert keys(aws, bucket) == ["cache/inner!1.json", "cache/outer!1.json"]
    assert ajson.loads(text)["outer"].data == {
        "inner": {"deep": (1,)},
        "objects": [Report("a", {"deep": (1,)})],
    }


def test_each_is_stored_once(bucket: str, wire: Wire) -> None:
    """A StoredData that stands in a value twice, or in two texts, is written once."""
    stored = StoredData("rows", [1])
    assert ajson.dumps([stored, stored]) == ajson.dumps([stored, stored])
    assert wire.counted() == {"s3 PUT": 1}


def test_plain_json_of_a_pointer_costs_no_call(bucket: str, wire: Wire) -> None:
    """Without rebuilding, a pointer is left in place and S3 isn't asked."""
    text = ajson.dumps([StoredData("rows", [1])])
    assert ajson.loads(text, rebuild=False)[0]["_alg_class"] == "StoredData"
    assert wire.counted() == {"s3 PUT": 1}


def test_what_cannot_be_stored_cannot_be_sent(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value with stored data that can't be stored isn't written."""
    with pytest.raises(UnserializableError):
        ajson.dumps([StoredData("a", object())])
    with pytest.raises(MissingBucketError):
        ajson.dumps([StoredData("a", 1, bucket="nowhere")])


@pytest.mark.parametrize("value", [{}, {"pointer": None}, {"pointer": 5}, {"pointer": "x"}])
def test_a_tag_without_a_pointer_says_so(value: dict[str, Any]) -> None:
    """A StoredData's tag that holds no pointer raises MalformedPointerError."""
    tag = {"_alg_class": "StoredData", "_alg_module": "algernon.aws.snakes", "value": value}
    with pytest.raises(MalformedPointerError, match="is no pointer"):
        rebuild_event({"task_kwargs": {"rows": tag}})


def test_stored_data_that_leads_to_itself_ends(aws: LocalAWS, bucket: str) -> None:
    """An object whose data is a pointer to the same object raises an error."""
    pointer = f"{bucket}#cache/a!1.json"
    tag = {
        "_alg_class": "StoredData",
        "_alg_module": "algernon.aws.snakes",
        "value": {"pointer": pointer},
    }
    put_document(aws, bucket, "cache/a!1.json", [tag], full_unpack=True)
    # Python's stack may end inside botocore too, which then wraps the error.
    with pytest.raises((NestingError, RecursionError, HTTPClientError)):
        StoredData.retrieve(pointer)


def test_a_pointer_can_be_told_from_other_json() -> None:
    """pointer_in gives the pointer of a StoredData's tag, and of nothing else."""
    tag = {"_alg_class": "StoredData", "_alg_module": "algernon.aws.snakes"}
    assert StoredData.pointer_in({**tag, "value": {"pointer": "b#c/n!1.json"}}) == "b#c/n!1.json"
    others: list[Any] = [
        None,
        [],
        "b#c/n!1.json",
        {},
        {"pointer": "b#c/n!1.json"},
        {**tag, "value": {"pointer": 1}},
        {**tag, "value": "b#c/n!1.json"},
        {**tag, "_alg_module": "another", "value": {"pointer": "b#c/n!1.json"}},
        {**tag, "_alg_class": "Another", "value": {"pointer": "b#c/n!1.json"}},
    ]
    assert [StoredData.pointer_in(tree) for tree in others] == [None] * len(others)
