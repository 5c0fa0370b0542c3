"""Extra fields of every type that ajson knows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from algernon_logging import bind, lambda_logged

from .lines import logged_by

pytest.importorskip(
    "algernon_serialize", reason="algernon-serialize isn't installed: its types are optional"
)

from algernon_serialize import AlgObject, ajson
from hypothesis import given, settings
from hypothesis import strategies as st

from ..serialize.values import Box, Crate, Money, Point, Seal, values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..conftest import LocalAWS
    from ..wire import Wire


@pytest.fixture(autouse=True)
def _json(json_lines: object) -> None:
    """Choose JSON."""


@lambda_logged
def log(value: Any) -> None:
    """Log a value wherever one can be."""
    logging.info("%s", "x", extra={"extra": value})
    logging.info({"message": value})
    with bind(bound=value):
        logging.info("x")


@given(values)
@settings(max_examples=500)
def test_whatever_the_value_a_line_is_strict_json(value: Any) -> None:
    """Every value that ajson can send is shown, the same wherever it is."""
    extra, message, bound = logged_by(lambda: log(value))
    if value is not None:
        assert extra["extra"] == bound["bound"] == message["message"]["message"]
        assert "can't be shown" not in str(extra) or "can't be shown" in repr(value)


@given(st.recursive(st.floats() | st.text() | st.integers(), st.lists))
def test_text_lines_are_whole_too(value: Any) -> None:
    """In text, a field of any value stays within its line and its column."""
    from algernon_logging.lines.text_lines import TextFormatter

    record = logging.LogRecord("shop", logging.INFO, "shop.py", 1, "sold", None, None)
    with bind(field=value):
        line = TextFormatter().format(record)
    assert line.splitlines() == [line]
    assert len(line.split("\t")) == 8


class Account(AlgObject):
    """An object with a credential."""

    def __init__(self, user: str, api_key: str) -> None:
        self._user = user
        self._api_key = api_key


class Reduced(Account):
    """An object that says itself what is to be seen of it."""

    def to_json(self) -> Mapping[str, Any]:
        """Return the user alone."""
        return {"user": self._user}


class Failing(AlgObject):
    """An object that can't be written."""

    def to_json(self) -> Mapping[str, Any]:
        """Fail."""
        raise RuntimeError


class Broken(AlgObject):
    """An object that is written as something else than its attributes."""

    def to_json(self) -> Any:
        """Return no mapping."""
        return 3


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (Box([1], label="a"), {"_content": [1], "label": "a"}),
        (Crate((1,), "a"), {"content": [1], "label": "a"}),
        (Money(1), {"amount": 1, "currency": "EUR"}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Seal("abc"), {"text": "abc", "length": 3}),
        (Account("ada", "s3cret"), {"_user": "ada", "_api_key": "***"}),
        (Reduced("ada", "s3cret"), {"user": "ada"}),
        (Failing(), "<a Failing that can't be shown>"),
        (Broken(), "<a Broken that can't be shown>"),
        ([Failing(), Box(Failing())], ["<a Failing that can't be shown>"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_are_shown_by_their_attributes(value: Any, form: Any) -> None:
    """AlgObjects, dataclasses and named tuples are shown by their attributes, masked."""
    extra, message, bound = logged_by(lambda: log(value))
    if isinstance(form, list):
        form = [*form, {"_content": form[0], "label": ""}]
    assert extra["extra"] == bound["bound"] == message["message"]["message"] == form


def test_an_object_that_contains_itself_ends() -> None:
    """An AlgObject in a cycle, which ajson refuses to send, is shown once."""
    box = Box(None)
    box._content = [box]
    extra, *_ = logged_by(lambda: log(box))
    assert extra["extra"]["_content"] == ["<a Box that contains itself>"]


def test_stored_data_is_never_stored_by_logging_it(
    aws: LocalAWS, bucket: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """StoredData, and what inherits from it or holds it, is shown as what it is, and no more."""
    storage = pytest.importorskip("algernon_storage")

    class Report(storage.StoredData):  # type: ignore[name-defined, misc]
        """Stored data of one's own kind."""

        @property
        def owner(self) -> str:
            """Whose it is."""
            return "ada"

    for inline in ("0", "1000"):
        monkeypatch.setenv("ALGERNON_INLINE_BYTES", inline)
        for value in (
            storage.StoredData("march", {"rows": ["s3cret"]}),
            storage.StoredData("march", {"rows": ["s3cret"]}, deduplicate=True),
            Report("march", {"rows": ["s3cret"]}),
        ):
            for holder in (value, [value], {"a": value}, Box(value), Crate(value), Money(value)):
                for line in logged_by(lambda holder=holder: log(holder)):  # type: ignore[misc]
                    assert "s3cret" not in str(line)
                extra, *_ = logged_by(lambda holder=holder: log(holder))  # type: ignore[misc]
                assert "march" in str(extra["extra"])
    assert wire.calls == []
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=bucket)


def test_logging_a_value_does_not_change_it() -> None:
    """What was logged is sent afterwards as if it hadn't been."""
    value = {"a": (1, {2}), "password": "s3cret", "box": Box([1])}
    before = ajson.dumps(value)
    logged_by(lambda: log(value))
    assert ajson.dumps(value) == before
