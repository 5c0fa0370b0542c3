"""Texts with lone surrogates, which UTF-8 can't hold."""

from __future__ import annotations


def is_utf8(text: str) -> bool:
    """Tell whether UTF-8 can hold a text, which is whether it has no surrogates."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode_surrogates(value: str) -> str:
    """Return the form of a str that UTF-8 can't hold."""
    # In JSON's own escapes, two surrogates in a row would come back as one character.
    return value.encode("utf-8", "surrogatepass").hex()


def decode_surrogates(form: str) -> str:
    """Return the str of a form.

    Raises:
        ValueError: It is none of a str with surrogates.
    """
    value = bytes.fromhex(form).decode("utf-8", "surrogatepass")
    if is_utf8(value):
        raise ValueError("it has no lone surrogate")
    return value
