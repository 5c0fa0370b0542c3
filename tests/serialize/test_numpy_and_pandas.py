"""Values of numpy and pandas aren't changed on the way: the error says what to send instead."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from algernon_serialize import UnserializableError, ajson

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")


@pytest.mark.parametrize(
    ("value", "way_out"),
    [
        (np.float64(1.5), r"\.item\(\)"),
        (np.float32(1.5), r"\.item\(\)"),
        (np.int64(1), r"\.item\(\)"),
        (np.bool_(True), r"\.item\(\)"),
        (np.str_("a"), r"\.item\(\)"),
        (np.bytes_(b"a"), r"\.item\(\)"),
        (np.datetime64("2026-01-01T00:00:00", "ns"), r'\.astype\("datetime64\[us\]"\)\.item\(\)'),
        (np.timedelta64(1, "ns"), r'\.astype\("timedelta64\[us\]"\)\.item\(\)'),
        (np.array([1, 2]), r"\.tolist\(\)"),
        (np.array(1.5), r"\.tolist\(\)"),
        (pd.Timestamp("2026-01-01"), r"\.to_pydatetime\(\)"),
        (pd.Timestamp("2026-01-01", tz="Europe/Paris"), r"\.to_pydatetime\(\)"),
        (pd.Timedelta(seconds=1), r"\.to_pytimedelta\(\)"),
        (pd.Period("2026-01"), r"\.to_timestamp\(\)"),
        (pd.NaT, "None in its place"),
        (pd.NA, "None in its place"),
        (pd.Series([1]), r"\.tolist\(\)"),
        (pd.Index([1]), r"\.tolist\(\)"),
        (pd.date_range("2026-01-01", periods=1), r"\.tolist\(\)"),
        (pd.DataFrame({"a": [1]}), r'\.to_dict\("records"\)'),
        (pd.Interval(0, 1), "see ajson.register"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_error_says_what_to_send_instead(value: Any, way_out: str) -> None:
    """A value that is a subclass of a float, a str or a datetime isn't sent as one."""
    for place in ([1, value], [1.5, "a", value]):
        with pytest.raises(UnserializableError, match=way_out) as caught:
            ajson.dumps({"rows": place})
        assert caught.value.path == f"$.rows[{len(place) - 1}]"
        assert "ajson.register(…, encode=…, decode=…)" in str(caught.value)


@pytest.mark.parametrize("key", [np.str_("a"), np.int64(1), np.float64(1.5), pd.Timestamp(0)])
def test_keys_and_items_of_sets_are_looked_at_too(key: Any) -> None:
    """A key that equals one of Python's own isn't taken for that."""
    for value in ({key: 1}, {"a": {key: 1}}, {key}, frozenset({key})):
        with pytest.raises(UnserializableError):
            ajson.dumps([value])


def test_what_the_error_says_works() -> None:
    """What it says to send comes back."""
    moment = pd.Timestamp("2026-01-01", tz=ZoneInfo("Europe/Paris"))
    values = [
        np.float64(1.5).item(),
        np.datetime64("2026-01-01T00:00:00", "ns").astype("datetime64[us]").item(),
        np.timedelta64(1000, "ns").astype("timedelta64[us]").item(),
        np.array([[1, 2]]).tolist(),
        moment.to_pydatetime(),
        pd.DataFrame({"a": [1, 2]}).to_dict("records"),
    ]
    assert ajson.loads(ajson.dumps(values)) == values


def test_such_a_class_can_be_registered() -> None:
    """Whoever wants the values themselves says how they are written."""
    ajson.register(np.float64, name="numpy:float64", encode=float, decode=np.float64)
    back = ajson.loads(ajson.dumps([np.float64(1.5), 2.5]))
    assert list(map(type, back)) == [np.float64, float]
