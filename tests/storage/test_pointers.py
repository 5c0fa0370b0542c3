"""A pointer holds whatever an object is called, and is read back in every reader."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, Any

import pytest
from algernon_storage import MalformedPointerError, StoredData
from hypothesis import example, given, settings
from hypothesis import strategies as st

from .objects import keys, moncrief_parts, put_document

if TYPE_CHECKING:
    from ..conftest import LocalAWS

names = st.text(min_size=1, max_size=60) | st.text(
    st.sampled_from("#!/%.\\\n\r\t\x00 ?&=+é😀\ud800\udfff\u2028a"), min_size=1, max_size=60
)


@settings(max_examples=60)
@given(names)
@example("#")
@example("!")
@example("/")
@example("..")
@example("../../other")
@example("%")
@example("%2F")
@example("%ff")
@example("a#b!c/d.json")
@example("\ud83d\ude00")
@example("\ud800")
@example("line\nbreak")
@example(" ")
def test_any_name_comes_back(bucket: str, name: str) -> None:
    """Data under any name is retrieved, name included, and the key stays in its folder."""
    stored = StoredData(name, [name.encode("utf-8", "surrogatepass").hex()])
    stored.store(keep_existing=True)
    back = StoredData.retrieve(stored.pointer)
    assert (back.name, back.data) == (name, stored.data)


@given(names, st.sampled_from(["cache", "results-2"]))
def test_moncrief_takes_any_pointer_apart(name: str, folder: str) -> None:
    """A pointer has one '#', one '!' and one '/', wherever the name has more of them."""
    pointer = StoredData(name, 1, bucket="b", folder=folder, timestamp="1767323045.678901").pointer
    parts = moncrief_parts(pointer)
    assert (parts["bucket"], parts["folder"]) == ("b", folder)
    assert parts["timestamp"] == "1767323045.678901"
    assert parts["key"] == f"{folder}/{parts['name']}!1767323045.678901.json"


def test_names_that_look_alike_are_different_objects(aws: LocalAWS, bucket: str) -> None:
    """A name with a separator and one with its percent-encoding don't meet."""
    look_alikes = ["a/b", "a%2Fb", "a%252Fb", "a b", "a+b", "a%20b"]
    for number, name in enumerate(look_alikes):
        StoredData(name, number, timestamp="1").store()
    assert len(keys(aws, bucket)) == len(look_alikes)


def test_a_name_may_be_any_object(bucket: str) -> None:
    """A name that isn't text is called by its str()."""
    assert StoredData(17, 1).name == "17"


@pytest.mark.parametrize(("name", "fits"), [("x" * 1011, True), ("x" * 1012, False)])
def test_a_key_is_as_long_as_s3_allows(bucket: str, name: str, fits: bool) -> None:
    """A name whose key has 1024 bytes is stored, and one more raises an error that says so."""
    if fits:
        pointer = StoredData(name, 1, timestamp="1").store()
        assert len(pointer) == len(bucket) + 1 + 1024
        assert StoredData.retrieve(pointer).name == name
    else:
        with pytest.raises(MalformedPointerError, match=r"1025 bytes.*S3's 1024"):
            StoredData(name, 1, timestamp="1")


def test_an_encoded_name_counts_as_it_is_written() -> None:
    """What counts is the length of the key, in which a character beyond ASCII is longer."""
    with pytest.raises(MalformedPointerError, match="choose a shorter name"):
        StoredData("é" * 200, 1, bucket="b")


@pytest.mark.parametrize("folder", ["a/b/c", "/a/b/c/"])
def test_a_folder_may_be_nested(bucket: str, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """A folder may hold slashes; those around it don't count."""
    monkeypatch.setenv("CACHE_FOLDER_NAME", folder)
    pointer = StoredData("n", 1, folder=folder, timestamp="1").store()
    assert pointer == f"{bucket}#a/b/c/n!1.json"
    assert StoredData.retrieve(pointer).data == 1


@pytest.mark.parametrize(
    "option",
    [
        {"folder": "a#b"},
        {"folder": "a!b"},
        {"folder": "/"},
        {"folder": "a\nb"},
        {"folder": "a\udcff"},
        {"timestamp": "1#2"},
        {"timestamp": "1!2"},
        {"timestamp": "1/2"},
        {"timestamp": "1\n2"},
        {"timestamp": "\ud800"},
    ],
    ids=repr,
)
def test_folder_and_timestamp_cannot_break_a_pointer(option: dict[str, Any]) -> None:
    """A folder or timestamp that a reader couldn't tell from the rest is refused."""
    with pytest.raises(MalformedPointerError, match="choose another folder or timestamp"):
        StoredData("n", 1, bucket="b", **option)


def test_an_empty_name_is_refused() -> None:
    """Stored data needs a name."""
    with pytest.raises(MalformedPointerError, match="needs a name"):
        StoredData("", 1, bucket="b")


@pytest.mark.parametrize(
    "pointer",
    [
        "",
        "#",
        "b#",
        "b",
        "#cache/n!1.json",
        "b#cache/n.json",
        "b#cache/!1.json",
        "b#cache/n!.json",
        "b#cache/n!1",
        "b#cache/n!1.txt",
        "b#cache/n!1.json ",
        "b#cache/n!1.json\n",
        "b#cache/n!1/2.json",
        "b#cache/\ud800!1.json",
        "https://b.s3.amazonaws.com/cache/n!1.json",
        None,
        7,
        ["b#cache/n!1.json"],
    ],
    ids=repr,
)
def test_what_is_no_pointer_says_so(pointer: Any) -> None:
    """A text that isn't BUCKET#FOLDER/NAME!TIMESTAMP.json raises MalformedPointerError."""
    with pytest.raises(MalformedPointerError, match="is no pointer to stored data") as caught:
        StoredData.retrieve(pointer)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("filler", ["!", "a!", "/a!", "#", "a", ".json", "!.json/"])
def test_a_long_text_is_refused_at_once(filler: str) -> None:
    """A message can't keep a worker busy with a text that almost is a pointer."""
    text = "b#" + filler * (1_000_000 // len(filler)) + "?"
    begin = process_time()
    with pytest.raises(MalformedPointerError) as caught:
        StoredData.retrieve(text)
    assert process_time() - begin < 1
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("cache/a#b!1.json", "a#b"),
        ("cache/100%ff!1.json", "100%ff"),
        ("cache/100%!1.json", "100%"),
        ("cache/a!b!1.json", "a!b"),
        ("cache/über alles!1.json", "über alles"),
        ("cache/one/two!1.json", "two"),
        ("!/n!1.json", "n"),
    ],
)
def test_names_that_moncrief_leaves_as_they_are_are_read(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch, key: str, name: str
) -> None:
    """A key whose name wasn't percent-encoded is read, separators and all."""
    monkeypatch.setenv("CACHE_FOLDER_NAME", key.partition("/")[0])
    back = StoredData.retrieve(put_document(aws, bucket, key, [1]))
    assert (back.name, back.data) == (name, [1])
