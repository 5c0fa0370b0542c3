"""What can go wrong between an object and its JSON."""

from __future__ import annotations

from collections.abc import Iterable

# Of a path of hundreds of steps, its two ends tell enough.
_STEPS_SHOWN = 20
# So it is with a name that somebody else has chosen.
_CHARACTERS_SHOWN = 150


class SerializeError(Exception):
    """The root of every error that this package raises on purpose."""


class PathError(SerializeError):
    """The root of the errors that have a place inside a value.

    Attributes:
        problem: What is wrong, why, and what to do.
        path: Where, from the outermost value inwards: ``$.task_kwargs.rows[3]``.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self._steps: list[str] = []

    @property
    def path(self) -> str:
        """Where in the value or text it went wrong."""
        return "$" + "".join(reversed(self._steps))

    def inside(self, key: object) -> None:
        """Note, on the way out, the key or index by which a container holds the culprit."""
        self._steps.append(step(key))

    def at(self, steps: Iterable[str]) -> None:
        """Note the whole way from the outermost value inwards."""
        self._steps = list(reversed(list(steps)))

    def __str__(self) -> str:
        shown = self._steps
        if len(shown) > _STEPS_SHOWN:
            half = _STEPS_SHOWN // 2
            shown = [*shown[:half], "…", *shown[-half:]]
        return f"${''.join(reversed(shown))}: {self.problem}"


class UnserializableError(PathError, TypeError):
    """Raised when a value could not come back from JSON equal and of the same type."""


class NestingError(PathError, ValueError):
    """Raised when a value or a text nests too deeply, or a value contains itself."""


class MalformedTagError(PathError, ValueError):
    """Raised when a tagged value in a text hasn't the form that its tag asks for."""


class UnknownClassError(PathError, LookupError):
    """Raised when a text holds an object of a class that isn't imported here."""


class RebuildError(PathError, KeyError, TypeError, ValueError):
    """Raised when a class makes no object of what a text holds for it.

    What its `parse_json` or `upgrade` raised, or the `decode` that it is registered with, is
    the error's ``__cause__``. (What is a SerializeError already comes out by itself.) Before
    version 1.2 all of it did: so this is a KeyError, a TypeError and a ValueError too, for
    whoever waits for one of these.

    Attributes:
        cls: The class.
    """

    def __init__(self, problem: str, cls: type = object) -> None:
        super().__init__(problem)
        self.cls = cls


class MalformedJSONError(SerializeError, ValueError):
    """Raised when a text isn't JSON as RFC 8259 defines it."""


def step(key: object) -> str:
    """Return how a path writes that it goes on by a key or an index."""
    if type(key) is str and key.isidentifier():
        return f".{shown(key)}"
    try:
        # A slice is enough of a long one, and its repr takes no longer than that.
        text = repr(key[: 2 * _CHARACTERS_SHOWN] if type(key) is str else key)
    except Exception:  # noqa: BLE001 - a key's own, or Python's for an int of very many digits
        text = kind_name(type(key))
    return f"[{shown(text)}]"


def shown(text: str) -> str:
    """Return a text of others as an error may quote it: in one line, and not too long."""
    if len(text) > _CHARACTERS_SHOWN:
        half = _CHARACTERS_SHOWN // 2
        text = f"{text[:half]}…{text[-half:]}"
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


def kind_name(kind: type) -> str:
    """Return a type's name with its article: ``an int``, ``a dict``."""
    return with_article(kind.__name__)


def with_article(name: str) -> str:
    """Return a name with its article: ``an enum.EnumType``."""
    return f"an {name}" if name.startswith(tuple("aeioAEIO")) else f"a {name}"
