"""Names of credentials, whose values no line shows."""

from __future__ import annotations

from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MASK = "***"

# A name's words, put together: without case, and without what may stand between them.
_CREDENTIALS = (
    "2facode",
    "accesscode",
    "accesskey",
    "accountkey",
    "activationcode",
    "adminkey",
    "aeskey",
    "apikey",
    "authcode",
    "authheader",
    "authkey",
    "authorization",
    "backupcode",
    "bearer",
    "clientassertion",
    "clientkey",
    "codeverifier",
    "confirmationcode",
    "connectionstr",
    "connectionuri",
    "connectionurl",
    "connstr",
    "cookie",
    "credential",
    "databaseuri",
    "databaseurl",
    "dburi",
    "dburl",
    "decryptionkey",
    "deploykey",
    "devicecode",
    "emailcode",
    "encryptionkey",
    "gpgkey",
    "hmackey",
    "jdbcurl",
    "jwt",
    "keymaterial",
    "licensekey",
    "logincode",
    "magiclink",
    "masterkey",
    "mfacode",
    "onetimecode",
    "otpcode",
    "otpseed",
    "pairingcode",
    "passcode",
    "passkey",
    "passphrase",
    "passwd",
    "password",
    "pgpkey",
    "pincode",
    "presigned",
    "privatekey",
    "pwd",
    "recoverycode",
    "resetcode",
    "rsakey",
    "samlresponse",
    "sasuri",
    "sasurl",
    "secret",
    "securitycode",
    "seedphrase",
    "sessid",
    "sessionid",
    "sessionkey",
    "sharedkey",
    "signature",
    "signeduri",
    "signedurl",
    "signingkey",
    "smscode",
    "sshkey",
    "sslkey",
    "storagekey",
    "subscriptionkey",
    "symmetrickey",
    "tfacode",
    "tlskey",
    "token",
    "totpseed",
    "twofactorcode",
    "unlockcode",
    "usercode",
    "verificationcode",
    "verifycode",
    "webhookkey",
    "webhookuri",
    "webhookurl",
)
# Too short to be looked for in the middle of a word.
_LAST_WORDS = frozenset(
    {
        "2fa",
        "auth",
        "cred",
        "creds",
        "csrf",
        "cvc",
        "cvv",
        "dsn",
        "hmac",
        "mfa",
        "mnemonic",
        "oauth",
        "otp",
        "pass",
        "pem",
        "pin",
        "sas",
        "sid",
        "sig",
        "tfa",
        "totp",
        "xsrf",
    }
)
# How a word may end that has no break before it, as in ``dbpass``, and words that end so by chance.
_ENDS = ("pass", "pw")
_ORDINARY_ENDS = ("bypass", "compass", "overpass", "surpass", "trespass", "underpass")
# A name that ends so tells something of a credential: a number is that, a text may be more.
_ABOUT = frozenset(
    {
        "age",
        "at",
        "attempted",
        "attempts",
        "average",
        "avg",
        "bits",
        "budget",
        "bytes",
        "chars",
        "cost",
        "count",
        "counts",
        "days",
        "delay",
        "details",
        "elapsed",
        "entropy",
        "errors",
        "estimate",
        "expiration",
        "expires",
        "expiry",
        "failed",
        "failures",
        "hours",
        "index",
        "interval",
        "iterations",
        "lag",
        "left",
        "len",
        "length",
        "lifetime",
        "limit",
        "limits",
        "max",
        "maximum",
        "mean",
        "median",
        "min",
        "minimum",
        "minutes",
        "ms",
        "offset",
        "path",
        "percent",
        "percentage",
        "position",
        "quota",
        "rate",
        "ratio",
        "received",
        "remaining",
        "retries",
        "rotations",
        "rounds",
        "saved",
        "score",
        "seconds",
        "secs",
        "sent",
        "size",
        "spent",
        "stats",
        "strength",
        "sum",
        "timeout",
        "total",
        "totals",
        "tries",
        "ttl",
        "type",
        "unused",
        "usage",
        "used",
        "uses",
        "version",
        "wasted",
    }
)
# As in ``tokens_in``, ``secrets_rotated`` and ``token_rate_per_hour``.
_COUNTED = frozenset(
    {"codes", "cookies", "credentials", "keys", "passwords", "per", "secrets", "tokens"}
)
# Words that have another in them by chance.
_ORDINARY = ("secretar", "tokenis", "tokeniz")
# Names from outside may be of any length and number, and what is kept of them isn't.
_MOST_KEPT = 64
# Of what a value tells in numbers, such as the kinds of tokens that were used.
_MOST_NUMBERS = 1000
_MOST_DEPTH = 3
_MOST_DIGITS = 20


def is_hidden(name: str, value: object) -> bool:
    """Tell whether a line hides a value: it may be a credential, by its name.

    How many tokens there are, or how long a password is, is a number, and no secret;
    a password may be a number too.

    Args:
        name: The name.
        value: The value, in its plain form.
    """
    look = _is_credential if len(name) <= _MOST_KEPT else _is_credential.__wrapped__
    numbers_are_harmless = look(name)
    if numbers_are_harmless is None:
        return False
    if value is None or type(value) in (bool, float):
        return False
    return not (numbers_are_harmless and _is_of_numbers(value, _MOST_DEPTH))


def is_text_hidden(name: str, text: str) -> bool:
    """Tell whether a line hides what stands beside a name in a text, maybe a number's digits."""
    return is_hidden(name, int(text) if text.isdecimal() and len(text) < _MOST_DIGITS else text)


def _is_of_numbers(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return (
            depth > 0
            and len(value) <= _MOST_NUMBERS
            and all(_is_of_numbers(each, depth - 1) for each in value)
        )
    return value is None or type(value) in (bool, float, int)


@lru_cache(maxsize=1000)
def _is_credential(name: str) -> bool | None:
    """Return None of an ordinary name, and of a credential's whether an int is harmless."""
    words = _words(name)
    squeezed = _without_ordinary("".join(words))
    while words and words[-1].isdecimal():
        words.pop()
    if not words:
        return None
    last = words[-1].rstrip("0123456789")
    is_credential = _names_credential(last)
    if is_credential or any(part in squeezed for part in _CREDENTIALS):
        return (
            last in _ABOUT
            or last.endswith("tokens")
            or not (is_credential or _COUNTED.isdisjoint(words))
        )
    return None


def _names_credential(word: str) -> bool:
    return (
        word in _LAST_WORDS
        or (word.endswith(_ENDS) and not word.endswith(_ORDINARY_ENDS))
        or any(part in _without_ordinary(word) for part in _CREDENTIALS)
    )


def _without_ordinary(text: str) -> str:
    for ordinary in _ORDINARY:
        text = text.replace(ordinary, "")
    return text


def _words(name: str) -> list[str]:
    """Return the words of a name such as ``api_key``, ``X-Api-Key`` or ``apiKey``."""
    spaced = "".join(
        f" {char}" if char.isupper() and before.islower() else char if char.isalnum() else " "
        for before, char in zip(f" {name}", name, strict=False)
    )
    return spaced.casefold().split()
