"""Only forms that are written are read, and what an error says of others' is short and harmless."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Context, Decimal, localcontext
from pathlib import Path, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import TZPATH

import pytest
from algernon_serialize import (
    MalformedTagError,
    SerializeError,
    UnknownClassError,
    UnserializableError,
    ajson,
)

from .values import Access, Crate, Point

UUID_TEXT = "12345678-1234-5678-1234-567812345678"
NOON = "2026-01-02T12:00:00"


def tagged(name: str, form: Any) -> str:
    """Return the text of a tag."""
    return json.dumps({"_alg_class": name, "value": form})


def moment(zone: Any, iso: str = NOON, **more: Any) -> str:
    """Return the text of a datetime's tag."""
    return tagged("datetime", {"tz": zone, "iso": iso, **more})


STRANGE: dict[str, list[str]] = {
    "decimal": [
        *[
            "1_0",
            "\uff11\uff12",
            "\u0663",
            " 1",
            "1 ",
            "1\n",
            "+1",
            "1.",
            ".5",
            "01",
            "1e5",
            "1E5",
            "1E+05",
        ],
        *["inf", "-inf", "infinity", "nan", "NAN", "snan", "+NaN", "NaN01", "", "0x1", "1,5"],
    ],
    "uuid": [
        *[f"{{{UUID_TEXT}}}", f"urn:uuid:{UUID_TEXT}", UUID_TEXT.replace("-", "")],
        *[UUID_TEXT.replace("1", "+", 1), UUID_TEXT.replace("12", "1_", 1), f" {UUID_TEXT}"],
        *[
            "ABCDEF78-1234-5678-1234-567812345678",
            UUID_TEXT.replace("1", "\uff11"),
            f"{UUID_TEXT}-",
        ],
    ],
    "date": [
        "20260102",
        "2026-W01-5",
        "2026-1-2",
        " 2026-01-02",
        "2026-01-02T00:00",
        "\uff12\uff10\uff12\uff16-01-02",
    ],
    "bytes": ["QR==", "QQ", "QQ=", "Q Q=", "QQ==\n", "-_8=", "\uff31\uff31=="],
    "bytearray": ["QR==", "QQ==\n"],
    "str": ["EDA080", "ed a0 80", " eda080", "616263", "", "eda0", "ff"],
    "float": ["NaN", "Infinity", "+inf", " nan", "1.0", "-nan", "1_0"],
    "posixpath": ["a//b", "a/./b", "a/", "./a", ""],
    "pureposixpath": ["a//b", "", "a/."],
    "purewindowspath": ["a/b", "C:/x", "a\\\\b"],
}


@pytest.mark.parametrize(
    "text",
    [tagged(name, form) for name, forms in STRANGE.items() for form in forms]
    + [tagged("complex", form) for form in ([" 1.0", "2.0"], ["1", "2.0"], ["1_0.0", "0.0"])]
    + [
        tagged("complex", form)
        for form in (["1.0"], ["\uff11.0", "0.0"], ["+1.0", "0.0"], [1.0, 2.0])
    ]
    + [tagged("timedelta", form) for form in ([0, 86_400, 0], [0, -1, 0], [0, 0, 10**6])]
    + [tagged("timedelta", form) for form in ([True, 0, 0], [0.0, 0, 0], [0, 0], [10**10, 0, 0])]
    + [
        tagged("range", form)
        for form in ([0, True, 1], [0, 1.0, 1], [0, 1], [0, 1, 0], ["0", 1, 1])
    ]
    + [tagged("set", form) for form in ([1, 1], [1, True], [0, -0.0])]
    + [tagged("deque", {"items": [], "maxlen": form}) for form in (True, 1.0, -1, "1", 2**70)]
    + [tagged("time", {"tz": None, "iso": iso}) for iso in ("12", "T12:00:00", "120000", "12:00")]
    + [moment(None, iso) for iso in ("2026-01-02", "20260102T120000", "2026-01-02 12:00:00")]
    + [moment(None, iso) for iso in (NOON + "Z", NOON + ".0", NOON + ",5", NOON[:-3], f" {NOON}")]
    + [moment(None, fold=fold) for fold in (True, 1.0, 0, False, "1", None, 2)]
    + [moment({"timezone": parts, "name": None}) for parts in ([0, 3600], [0, 86_400, 0])]
    + [moment({"timezone": parts, "name": None}) for parts in ([0, -60, 0], [False, 60, 0])]
    + [moment({"dateutil": parts, "name": None}) for parts in ([0, -60, 0], [0, True, 0])]
    + [moment({"dateutil": [0, 60.0, 0], "name": None}), moment("utc"), moment(" UTC")]
    + [
        moment({"timezone": [10**12, 0, 0], "name": None}),
        moment({"dateutil": [2, 0, 0], "name": ""}),
    ]
    + [
        tagged("datetime", {"tz": "UTC", "timestamp": seconds})
        for seconds in (True, "0", 1e-7, 0.12345678901, 10**30, float("nan"))
    ],
)
def test_a_form_that_nobody_writes_is_malformed(text: str) -> None:
    """Python would make a value of it, but no writer wrote it: it is refused, with its path."""
    with pytest.raises(MalformedTagError) as caught:
        ajson.loads(f"[{text}]")
    assert caught.value.path.startswith("$[0]")


@pytest.mark.parametrize("form", [True, 1.0, "1", None, [1]])
def test_a_flag_is_read_of_an_int_only(form: Any) -> None:
    """What merely equals a Flag's value, or no member has, is malformed."""
    with pytest.raises(MalformedTagError):
        ajson.loads(ajson.dumps(Access.READ).replace(":1}", f":{json.dumps(form)}}}"))


@pytest.mark.parametrize("capitals", [0, 1])
def test_a_decimal_is_read_whatever_the_context(capitals: int) -> None:
    """A Decimal is written and read the same under any context, also an exponent's small e."""
    values = [Decimal("1E+3"), Decimal("-1.5E-20"), Decimal("sNaN12"), Decimal("-Infinity")]
    texts = [ajson.dumps(value) for value in values]
    with localcontext(Context(prec=2, capitals=capitals, traps=[])):
        assert [ajson.dumps(value) for value in values] == texts
        assert [str(ajson.loads(text)) for text in texts] == [str(value) for value in values]
        with pytest.raises(MalformedTagError):
            ajson.loads(tagged("decimal", "one"))
    assert ajson.loads(tagged("decimal", "1e+3")) == Decimal("1E+3")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # What moncrief, and versions 1.0 and 1.1 of this package, wrote.
        (tagged("datetime", {"tz": "UTC", "timestamp": 0}), datetime(1970, 1, 1, tzinfo=UTC)),
        (
            tagged("datetime", {"tz": "UTC", "timestamp": 253402214400.5}),
            datetime(9999, 12, 31, 0, 0, 0, 500_000, UTC),
        ),
        (
            tagged("datetime", {"tz": "UTC", "timestamp": 1e-06}),
            datetime(1970, 1, 1, 0, 0, 0, 1, UTC),
        ),
        (moment("UTC"), datetime(2026, 1, 2, 12, tzinfo=UTC)),
        (moment({"timezone": [0, 0, 0], "name": None}), datetime(2026, 1, 2, 12, tzinfo=UTC)),
        (
            moment({"timezone": [-1, 86_399, 0], "name": "x"}),
            datetime(2026, 1, 2, 12, tzinfo=timezone(timedelta(seconds=-1), "x")),
        ),
        (moment(None, fold=1), datetime(2026, 1, 2, 12, fold=1)),
        (tagged("time", {"tz": "UTC", "iso": "12:00:00.000001"}), time(12, 0, 0, 1, UTC)),
        (tagged("decimal", "1E+3"), Decimal("1E+3")),
        (tagged("decimal", "-0.00"), Decimal("-0.00")),
        (tagged("uuid", UUID_TEXT), UUID(UUID_TEXT)),
        (tagged("posixpath", "."), Path()),
        (tagged("purewindowspath", "C:\\x"), PureWindowsPath("C:\\x")),
        (tagged("str", "61eda080"), "a\ud800"),
    ],
)
def test_every_form_that_was_written_is_still_read(text: str, value: Any) -> None:
    """What old versions wrote is read as ever."""
    back = ajson.loads(text)
    assert (type(back), str(back) if type(back) is Decimal else back) == (
        type(value),
        str(value) if type(value) is Decimal else value,
    )


NASTY = [
    "a\nERROR forged line",
    "\x1b[31mred",
    "\u202eesrever",
    "\x00\x7f\x85\u2028",
    "x" * 100_000,
]


@pytest.mark.parametrize("name", NASTY, ids=["line", "colour", "direction", "control", "length"])
@pytest.mark.parametrize(
    "where",
    [
        lambda name: {"_alg_class": name, "_alg_module": "m", "value": 1},
        lambda name: {"_alg_class": "C", "_alg_module": name, "value": 1},
        lambda name: {"_alg_class": name, "value": 1},
        lambda name: {"_alg_class": "set", "value": [], name: 1},
        lambda name: {name: {"_alg_class": "set", "value": 1}},
        lambda name: {"a": {name: [{"_alg_class": "decimal", "value": "x"}]}},
        lambda name: json.loads(moment({"zoneinfo": name})),
        lambda name: json.loads(moment({"dateutil": name})),
        lambda name: {"_alg_class": "dict", "value": [[name, {"_alg_class": "set", "value": 1}]]},
        lambda name: {
            "_alg_class": "Crate",
            "_alg_module": Crate.__module__,
            "value": {"content": 1, name: 2},
        },
        lambda name: {
            "_alg_class": "Point",
            "_alg_module": Point.__module__,
            "value": {"x": {"_alg_class": name, "_alg_module": name, "value": 1}},
        },
        lambda name: {"_alg_class": "Colour", "_alg_module": Point.__module__, "value": name},
    ],
)
def test_an_error_quotes_names_in_one_short_line(name: str, where: Any) -> None:
    """A name out of a text can't forge a line of a log, nor flood it."""
    with pytest.raises((SerializeError, TypeError)) as caught:
        ajson.loads(json.dumps(where(name)))
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500


def test_the_sender_s_error_quotes_keys_in_one_short_line() -> None:
    """So it is with the path to what can't be sent."""
    for key in NASTY:
        with pytest.raises(UnserializableError) as caught:
            ajson.dumps({key: {(key, 1): object()}})
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500


SECRET = "my-secret-4711"


@pytest.mark.parametrize(
    "text",
    [
        moment({"zoneinfo": SECRET}),
        moment({"zoneinfo": f"Europe/{SECRET}"}),
        moment({"dateutil": SECRET}),
        moment(SECRET),
        moment(None, SECRET),
        moment(None, fold=SECRET),
        *[tagged(name, SECRET) for name in STRANGE if "path" not in name],
        *[tagged(name, SECRET) for name in ("windowspath", "complex", "range", "set")],
        tagged("complex", [SECRET, "0.0"]),
        tagged("range", [SECRET, 0, 1]),
        tagged("timedelta", [4711471147114711, 0, 0]),
        moment({"timezone": [4711, 0, 0], "name": SECRET}),
        tagged("datetime", {"tz": "UTC", "timestamp": 4711e300}),
        tagged("deque", {"items": [SECRET], "maxlen": 0}),
        tagged("set", [SECRET, SECRET]),
        tagged("dict", [[SECRET, 1], [SECRET, 2]]),
        json.dumps({"_alg_class": "Colour", "_alg_module": Point.__module__, "value": SECRET}),
    ],
)
def test_an_error_shows_nothing_of_a_value(text: str) -> None:
    """A value that couldn't be read, which may be a secret, is in no error and in no cause."""
    with pytest.raises(MalformedTagError) as caught:
        ajson.loads(text)
    assert "4711" not in "".join(traceback.format_exception(caught.value))


def test_a_class_is_named_as_ever() -> None:
    """The name of an ordinary class that isn't imported is shown as it is written."""
    text = '{"_alg_class":"f.<locals>.Größe","_alg_module":"shop.prices","value":1}'
    with pytest.raises(UnknownClassError, match=r"shop\.prices:f\.<locals>\.Größe is no class"):
        ajson.loads(text)


@pytest.mark.starts
def test_a_zone_s_name_imports_no_module(tmp_path: Path) -> None:
    """A zone is only read if it is one of the database's, be it files or the package tzdata."""
    zones = tmp_path / "tzdata" / "zoneinfo"
    for package in (tmp_path / "tzdata", zones, zones / "Good", zones / "Evil"):
        package.mkdir()
        (package / "__init__.py").write_text("print(__name__)\n" if package.name == "Evil" else "")
    paris = next(
        Path(root, "Europe/Paris") for root in TZPATH if Path(root, "Europe/Paris").exists()
    )
    (tmp_path / "tzdata" / "zones").write_text("Good/Place\n")
    (zones / "Good" / "Place").write_bytes(paris.read_bytes())
    program = """if True:
        import sys
        from algernon_serialize import MalformedTagError, ajson
        for name in ("Evil/Place", "Good/Place", "Evil/Sub/Place", "Good/Missing"):
            form = '{"tz":{"zoneinfo":"%s"},"iso":"2026-07-01T00:00:00"}' % name
            try:
                print(ajson.loads('{"_alg_class":"datetime","value":%s}' % form).utcoffset())
            except MalformedTagError:
                print("refused")
        print([name for name in sys.modules if "Evil" in name])
        """
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "PYTHONTZPATH": "", "PYTHONPATH": str(tmp_path)},
    )
    assert run.stdout == "refused\n2:00:00\nrefused\nrefused\n[]\n", run.stderr


def test_a_zone_of_pytz_is_refused() -> None:
    """What would come back with another type of zone, as pytz's UTC did, can't be sent."""
    pytz = pytest.importorskip("pytz")
    for zone in (pytz.utc, pytz.UTC, pytz.timezone("Europe/Paris"), pytz.FixedOffset(60)):
        for value in (datetime(2026, 1, 1, tzinfo=zone), time(1, tzinfo=zone)):
            with pytest.raises(UnserializableError, match=r"^\$\[0\]: the time zone .* convert"):
                ajson.dumps([value])
