"""Why objects of a class can't be sent, and what to do."""

from __future__ import annotations

from .errors import with_article
from .fields import is_dataclass_itself
from .models import is_attrs_class, is_enum, is_namedtuple, is_pydantic_model, is_struct
from .registry import superseded
from .scalars import ENCODERS
from .survey import CONTAINERS, PLAIN

_HOW = "ajson.register(…, encode=…, decode=…)"

# What an object of a library's class can be made into, by the library and the class's name.
_CONVERSIONS = {
    ("numpy", "datetime64"): 'what its .astype("datetime64[us]").item() gives, a datetime',
    ("numpy", "timedelta64"): 'what its .astype("timedelta64[us]").item() gives, a timedelta',
    ("numpy", "generic"): "what its .item() gives, which is a value of Python's own",
    ("numpy", "ndarray"): "what its .tolist() gives, which is a list of Python's own values",
    ("pandas", "DataFrame"): 'what its .to_dict("records") gives, of values of Python\'s own',
    ("pandas", "Index"): "what its .tolist() gives, which is a list of Python's own values",
    ("pandas", "NAType"): "None in its place",
    ("pandas", "NaTType"): "None in its place",
    ("pandas", "Period"): "what its .to_timestamp().to_pydatetime() gives, or its text",
    ("pandas", "Series"): "what its .tolist() gives, which is a list of Python's own values",
    ("pandas", "Timedelta"): (
        "what its .to_pytimedelta() gives, which is a datetime.timedelta, to the microsecond"
    ),
    ("pandas", "Timestamp"): (
        "what its .to_pydatetime() gives, which is a datetime.datetime, to the microsecond"
    ),
}


def advice_for(kind: type) -> str:
    """Return why objects of a class that isn't registered can't be sent, and what to do."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind in superseded:
        return (
            f"another class has since been defined as {superseded[kind]}, so that this {name} would"
            " come back as that one: give either a name of its own, by ajson.register(cls, name=…)"
        )
    bases = {(base.__module__.partition(".")[0], base.__name__): base for base in kind.__mro__}
    for what, is_one in (
        ("an Enum", is_enum(kind)),
        ("a pydantic model", is_pydantic_model(kind)),
        ("a msgspec Struct", is_struct(kind)),
        ("an attrs class", is_attrs_class(kind)),
        ("a dataclass", is_dataclass_itself(kind)),
        ("a namedtuple", is_namedtuple(kind)),
    ):
        if is_one:
            return f"{name} is {what} that isn't registered: put @ajson.register on it"
    for base, conversion in _CONVERSIONS.items():
        if base in bases:
            return f"ajson can't send {with_article(name)}: send {conversion}, or see {_HOW}"
    for parent in kind.__mro__[1:]:
        if parent in PLAIN or parent in CONTAINERS or parent in ENCODERS:
            return (
                f"{name} is a subclass of {parent.__name__}, as which it would come back: convert"
                f" it to {parent.__name__} first, or see {_HOW}"
            )
    return f"ajson can't send {with_article(name)}: make its class an AlgObject, or see {_HOW}"
