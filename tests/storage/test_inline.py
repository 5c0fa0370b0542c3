"""Data that is short enough travels inside the text instead of through S3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_serialize import AlgObject, ajson
from algernon_storage import (
    MalformedObjectError,
    MalformedPointerError,
    StorageSettingError,
    StoredData,
    UntrustedBucketError,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from .objects import keys

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire

#: The document of the data [1] is as long as this, in bytes.
LENGTH = len('{"data_string":[1],"full_unpack":false,"safe_mode":false}')


@pytest.fixture
def short_travels_inline(bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A worker that sends up to 1000 bytes inline; gives its bucket."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "1000")
    return bucket


class Counted(AlgObject):
    """An object that counts how often it is written."""

    written = 0

    def to_json(self) -> dict[str, Any]:
        """Count."""
        Counted.written += 1
        return {}

    @classmethod
    def parse_json(cls, json_dict: Any) -> Counted:
        """Make another."""
        return cls()


@pytest.mark.parametrize(
    ("setting", "inline"),
    [(None, False), ("", False), ("0", False), (LENGTH - 1, False), (LENGTH, True), (10**9, True)],
)
def test_the_setting_is_the_longest_document_that_travels_inline(
    bucket: str, wire: Wire, monkeypatch: pytest.MonkeyPatch, setting: object, inline: bool
) -> None:
    """A document of up to ALGERNON_INLINE_BYTES travels inline; by default none does."""
    if setting is not None:
        monkeypatch.setenv("ALGERNON_INLINE_BYTES", str(setting))
    stored = StoredData("n", [1])
    assert stored.travels_inline is inline
    (tag,) = json.loads(ajson.dumps([stored]))
    assert tag["value"].keys() == {"inline" if inline else "pointer"}
    assert wire.counted() == ({} if inline else {"s3 PUT": 1})
    assert ajson.loads(ajson.dumps([stored])) == [stored]


@pytest.mark.usefixtures("short_travels_inline")
def test_inline_data_has_the_documented_form(bucket: str) -> None:
    """Data to be unpacked stands there alone, and other data with the pointer that it would have.

    Neither is stored.
    """
    unpacked = StoredData("n", (1,), full_unpack=True)
    tag = {"_alg_class": "StoredData", "_alg_module": "algernon.aws.snakes"}
    pair = {"_alg_class": "tuple", "value": [1]}
    assert json.loads(ajson.dumps(unpacked)) == {
        **tag,
        "value": {"inline": {"data_string": pair, "full_unpack": True}},
    }
    packed = StoredData("n", (1,), timestamp="1")
    assert json.loads(ajson.dumps(packed)) == {
        **tag,
        "value": {
            "inline": {
                "data_string": pair,
                "full_unpack": False,
                "pointer": f"{bucket}#cache/n!1.json",
            }
        },
    }


@pytest.mark.usefixtures("short_travels_inline")
def test_inline_data_can_be_stored_by_hand(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """store() always stores, also what came inline; from then on a pointer travels."""
    stored = StoredData("n", [1], timestamp="1")
    back = ajson.loads(ajson.dumps(stored))
    assert (back, back.travels_inline, keys(aws, bucket)) == (stored, True, [])
    assert back.store() == stored.store() == f"{bucket}#cache/n!1.json"
    assert not stored.travels_inline
    assert StoredData.pointer_in(json.loads(ajson.dumps(stored))) == stored.pointer
    assert StoredData.retrieve(stored.pointer).travels_inline is False


@pytest.mark.usefixtures("short_travels_inline")
def test_short_data_in_long_data_is_not_stored(aws: LocalAWS, bucket: str) -> None:
    """What is nested in stored data travels inside of it, if it is short enough."""
    inner = StoredData("inner", {1, 2}, full_unpack=True)
    outer = StoredData("outer", [inner, "x" * 1000], full_unpack=True, timestamp="1")
    text = ajson.dumps(outer)
    assert keys(aws, bucket) == ["cache/outer!1.json"]
    assert ajson.loads(text) == [{1, 2}, "x" * 1000]


def test_the_document_is_written_once(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is asked for, the text of the data is made once."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "10")
    monkeypatch.setattr(Counted, "written", 0)
    stored = StoredData("n", Counted(), deduplicate=True)
    assert not stored.travels_inline
    for _ in range(2):
        assert stored.pointer in ajson.dumps([stored, stored])
        assert not stored.travels_inline
        stored.store()
    assert Counted.written == 1


@pytest.mark.parametrize("setting", ["-1", "1.5", "1e3", "a lot", " 5", "٣", "1_000", "9" * 5000])
def test_what_is_no_number_of_bytes_says_so(
    bucket: str, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """A setting that is no number of bytes raises StorageSettingError, and nothing is sent."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", setting)
    with pytest.raises(StorageSettingError, match="ALGERNON_INLINE_BYTES is") as caught:
        ajson.dumps([StoredData("n", 1)])
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "inline",
    [
        None,
        5,
        [],
        {},
        {"data_string": 1},
        {"full_unpack": True},
        {"data_string": 1, "full_unpack": 1},
        {"data_string": 1, "full_unpack": None},
        {"data_string": 1, "full_unpack": False},
    ],
    ids=repr,
)
def test_other_inline_values_say_so(inline: object) -> None:
    """An inline value that no StoredData wrote raises MalformedObjectError."""
    tag = {"_alg_class": "StoredData", "_alg_module": "algernon.aws.snakes"}
    with pytest.raises(MalformedObjectError, match="inline value"):
        ajson.loads(json.dumps({**tag, "value": {"inline": inline}}))


@pytest.mark.parametrize(
    ("pointer", "error"),
    [
        ("x", MalformedPointerError),
        (1, MalformedPointerError),
        ("b#c/n!1.json", UntrustedBucketError),
    ],
)
def test_an_inline_pointer_is_checked_too(
    bucket: str, pointer: object, error: type[Exception]
) -> None:
    """A StoredData can't come from a text with a bucket that isn't trusted."""
    value = {"inline": {"data_string": 1, "full_unpack": False, "pointer": pointer}}
    tag = {"_alg_class": "StoredData", "_alg_module": "algernon.aws.snakes", "value": value}
    with pytest.raises(error):
        ajson.loads(json.dumps(tag))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=60)
@given(values, st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["0", "60", "100000"]))
def test_options_never_change_the_data(
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    data: Any,
    full_unpack: bool,
    compress: bool,
    deduplicate: bool,
    limit: str,
) -> None:
    """Whatever the options, stored data comes back as it was, from a text and by its pointer."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", limit)
    stored = StoredData(
        "n", data, full_unpack=full_unpack, compress=compress, deduplicate=deduplicate
    )
    text = ajson.dumps({"it": stored})
    assert ajson.loads(text) == {"it": data if full_unpack else stored}
    assert StoredData.retrieve(stored.store()) == stored
