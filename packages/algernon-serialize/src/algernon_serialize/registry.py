"""The classes whose objects may be rebuilt from a text.

A class gets in by being defined as an AlgObject or by being registered, and in
no other way: reading a text looks names up here, so it can neither import a
module nor reach any other callable.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable, Iterable
    from typing import Any


class Registration:
    """A class, the name it has in a text, and the way there and back.

    Attributes:
        cls: The class.
        module: The first part of its name.
        name: The second part.
        encode: Turns an object of the class into a value that can be written.
        decode: Turns that value, rebuilt, into an object.
        is_foreign: Whether code of others than this package runs in `encode`.
    """

    __slots__ = ("cls", "decode", "encode", "is_foreign", "module", "name")

    def __init__(
        self,
        cls: type,
        module: str,
        name: str,
        encode: Callable[[Any], Any],
        decode: Callable[[Any], Any],
        *,
        is_foreign: bool,
    ) -> None:
        self.cls = cls
        self.module = module
        self.name = name
        self.encode = encode
        self.decode = decode
        self.is_foreign = is_foreign


#: What is registered for a class itself, whatever its parents are.
by_class: dict[type, Registration] = {}
#: What answers to a name in a text: its module and its class.
by_name: dict[tuple[str, str], Registration] = {}
#: Classes that lost their name to another, and the name.
superseded: dict[type, str] = {}


def register(registration: Registration, older_names: Iterable[str] = ()) -> None:
    """Let objects of a class be written under its name, and rebuilt under older ones too.

    The newest class of a name wins, since reloading a module defines its
    classes again. The other can't be written any more: it would come back as
    the one that has its name now.

    Raises:
        ValueError: An older name hasn't the form ``"module:Class"``.
    """
    own_name = (registration.module, registration.name)
    for name in (own_name, *map(split_name, older_names)):
        previous = by_name.get(name)
        # A class that is registered under another name since is still written under that.
        is_current = previous is not None and by_class.get(previous.cls) is previous
        if previous is not None and is_current and (previous.module, previous.name) == name:
            del by_class[previous.cls]
            superseded[previous.cls] = ":".join(name)
        by_name[name] = registration
    by_class[registration.cls] = registration
    superseded.pop(registration.cls, None)


def split_name(name: str) -> tuple[str, str]:
    """Return the module and the class of a name in the form ``"module:Class"``.

    Raises:
        ValueError: It hasn't that form.
    """
    module, colon, cls = name.partition(":")
    if not (module and colon and cls):
        raise ValueError(
            f"{name!r} hasn't the form 'module:Class', by both of which a text names an object"
        )
    return module, cls
