"""The mapping of attributes from which an object is rebuilt."""

from __future__ import annotations

from collections.abc import ItemsView, KeysView

from .errors import kind_name

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Mapping
    from typing import Any, Self

_ABSENT = object()
_get = dict.get


class MissingAttributeError(KeyError):
    """Raised when an object's attributes are asked for one that wasn't sent."""


class Attributes(dict[str, "Any"]):
    """An object's attributes, each under its name with and without a leading underscore.

    Where there are two of which one's name is the other's with an underscore, each is found
    under its own. Else a name stands for the attribute in either spelling, in whatever is
    done with it; iterating gives the spelling that was sent.
    """

    # By the name that was sent: the other spelling, under which it was set since.
    __slots__ = ("_set_as",)
    _set_as: dict[str, str]

    def __missing__(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise MissingAttributeError(name)
        # A call more for each attribute would be felt.
        other = name[1:] if name[:1] == "_" else "_" + name
        value = _get(self, other, _ABSENT)
        if value is _ABSENT:
            raise MissingAttributeError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or dict.__contains__(self, _other_spelling(name))

    def __setitem__(self, name: str, value: Any) -> None:
        sent = self._spelling(name)
        if sent != name:
            self._names_set()[sent] = name
        super().__setitem__(sent, value)

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or the default where there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return an attribute, which is set to the default where there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, name: str, *default: Any) -> Any:
        """Take an attribute out, as `dict.pop` does.

        One that was set under its other spelling since is kept under that, so that
        ``d["x"] = d["_x"]; del d["_x"]`` gives it another name.
        """
        sent = self._spelling(name)
        if not default and not dict.__contains__(self, sent):
            raise MissingAttributeError(name)
        value = super().pop(sent, *default)
        kept_as = self._names_set().pop(name, None)
        if kept_as is not None:
            super().__setitem__(kept_as, value)
        return value

    def update(self, *others: Any, **more: Any) -> None:
        """Set attributes, as `dict.update` does."""
        for name, value in dict(*others, **more).items():
            self[name] = value

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __or__(self, other: Mapping[str, Any]) -> Attributes:  # type: ignore[override]
        both = self.copy()
        both.update(other)
        return both

    def __ror__(self, other: Mapping[str, Any]) -> Attributes:  # type: ignore[override]
        both = Attributes(self)
        for name, value in other.items():
            both.setdefault(name, value)
        return both

    def copy(self) -> Attributes:
        """Return a copy, in which names are found in either spelling too."""
        return Attributes(self)

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        """Return the names as they were sent; asked for one, it knows both spellings."""
        return KeysView(self)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """Return names as they were sent, and values; asked for a pair, it knows both spellings."""
        return ItemsView(self)

    def _spelling(self, name: str) -> str:
        other = _other_spelling(name)
        is_other = dict.__contains__(self, other) and not dict.__contains__(self, name)
        return other if is_other else name

    def _names_set(self) -> dict[str, str]:
        try:
            return self._set_as
        except AttributeError:  # most are only looked at
            self._set_as = {}
            return self._set_as


def upgraded(sent: dict[str, Any], upgrade: Any) -> Attributes:
    """Return attributes in today's shape, by a class's `upgrade`.

    Where it returns a new mapping, with a name in both spellings of which one was sent, the
    later of the two counts, as it would if they were one: ``{"currency": "EUR", **sent}``
    gives what was sent, and ``{**sent, "currency": "EUR"}`` doesn't.

    Raises:
        TypeError: The class's `upgrade` returned no mapping.
    """
    given = Attributes(sent)
    current = upgrade(given)
    if type(current) is Attributes:
        return current
    try:
        names = dict(current)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"upgrade returns a mapping of attributes, but this one returned"
            f" {kind_name(type(current))}"
        ) from error
    result = Attributes()
    for name, value in names.items():
        other = _other_spelling(name)
        if other in names and not (name in sent and other in sent):
            dict.pop(result, other, None)
        dict.__setitem__(result, name, value)
    return result


def _other_spelling(name: Any) -> Any:
    if not isinstance(name, str):
        return name
    return name[1:] if name[:1] == "_" else "_" + name
