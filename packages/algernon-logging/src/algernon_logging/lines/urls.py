"""URLs in texts, whose credentials no line shows."""

from __future__ import annotations

import re

from .credentials import MASK, is_text_hidden

# RFC 3986, 3.2.1: up to the last @ before a path; and passwords with a /, ? or # of their own,
# which isn't allowed, but understood by many. What begins with a port is none.
_USERINFO = re.compile(
    r'(?<=://)(?:[^\s/?#"<>\\]+@'
    r"""|(?!\[)[^\s:/?#@"<>\\]*:(?!/|\d+(?:[/?#,;)\s"'>]|$))(?:(?!://)[^\s"<>\\])+@)"""
)
# A pair of a query, a fragment, a path's parameters or a connection string. An apostrophe may be
# of the value, or end what quotes the URL; a semicolon too, or come before another pair.
_PAIR = re.compile(
    r"""(?:^|(?<=[?&#;]))([^\s=&?#;,"'<>(){}\\]{1,100}=)"""
    r"""((?:[^\s&#;"'<>\\]|;(?![\w.%-]{1,100}=)|'(?=\w))+)"""
)
# What isn't a credential elsewhere, and is where it stands in a URL.
_QUERY_KEYS = frozenset({"appid", "code", "key"})


def without_credentials(text: str) -> str:
    """Return a text whose URLs have no user, password or well-known secret in their query.

    Example:
        >>> without_credentials("GET https://ada:3wTq@example.com/orders?api_key=3wTq&page=2")
        'GET https://***@example.com/orders?api_key=***&page=2'
    """
    if "://" in text:
        text = _USERINFO.sub(f"{MASK}@", text)
    if "=" in text:
        text = _PAIR.sub(_masked, text)
    return text


def _masked(pair: re.Match[str]) -> str:
    name = _decoded(pair[1][:-1])
    if name.casefold() in _QUERY_KEYS or is_text_hidden(name, pair[2]):
        return f"{pair[1]}{MASK}"
    return pair[0]


def _decoded(name: str) -> str:
    if "%" not in name:
        return name
    return re.sub("%([0-7][0-9A-Fa-f])", lambda code: chr(int(code[1], 16)), name)
