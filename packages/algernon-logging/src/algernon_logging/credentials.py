"""Names of credentials, whose values no line shows."""

from __future__ import annotations

from functools import lru_cache

MASK = "***"

# A name's words, put together: without case, and without what may stand between them.
_CREDENTIALS = (
    "accesscode",
    "accesskey",
    "accountkey",
    "adminkey",
    "aeskey",
    "apikey",
    "authcode",
    "authheader",
    "authkey",
    "authorization",
    "backupcode",
    "bearer",
    "clientkey",
    "codeverifier",
    "connectionstr",
    "connstr",
    "cookie",
    "credential",
    "databaseurl",
    "dburl",
    "decryptionkey",
    "deploykey",
    "devicecode",
    "encryptionkey",
    "gpgkey",
    "hmackey",
    "jwt",
    "keymaterial",
    "licensekey",
    "magiclink",
    "masterkey",
    "otpcode",
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
    "rsakey",
    "secret",
    "securitycode",
    "seedphrase",
    "sessionid",
    "sessionkey",
    "sharedkey",
    "signature",
    "signedurl",
    "signingkey",
    "sshkey",
    "sslkey",
    "storagekey",
    "subscriptionkey",
    "symmetrickey",
    "tlskey",
    "token",
    "verificationcode",
    "webhookkey",
)
# Too short to be looked for in the middle of a word.
_LAST_WORDS = frozenset(
    {
        "auth",
        "cred",
        "creds",
        "csrf",
        "cvc",
        "cvv",
        "dsn",
        "hmac",
        "oauth",
        "otp",
        "pass",
        "pem",
        "pin",
        "sas",
        "sid",
        "sig",
        "totp",
        "xsrf",
    }
)
# How a word may end that has no break before it, as in ``dbpass``, and words that end so by chance.
_ENDS = ("pass", "pw")
_ORDINARY_ENDS = ("bypass", "compass", "overpass", "surpass", "trespass", "underpass")
# A name that ends so tells something of a credential: a number is that, a text may be more.
_ABOUT = frozenset(
    {"at", "bytes", "count", "expiry", "length", "limit", "path", "size", "ttl", "type", "version"}
)
# Names from outside may be of any length and number, and what is kept of them isn't.
_MOST_KEPT = 64


def is_hidden(name: str, value: object) -> bool:
    """Tell whether a line hides a value: it may be a credential, by its name.

    How many tokens there are, or how long a password is, is a number, and no secret;
    a password may be a number too.
    """
    look = _is_credential if len(name) <= _MOST_KEPT else _is_credential.__wrapped__
    numbers_are_harmless = look(name)
    if numbers_are_harmless is None:
        return False
    kind = type(value)
    if value is None or kind in (bool, float):
        return False
    return not (numbers_are_harmless and kind is int)


@lru_cache(maxsize=1000)
def _is_credential(name: str) -> bool | None:
    """Return None of an ordinary name, and of a credential's whether an int is harmless."""
    words = _words(name)
    squeezed = "".join(words)
    while words and words[-1].isdecimal():
        words.pop()
    if not words:
        return None
    last = words[-1].rstrip("0123456789")
    if (
        last in _LAST_WORDS
        or (last.endswith(_ENDS) and not last.endswith(_ORDINARY_ENDS))
        or any(part in squeezed for part in _CREDENTIALS)
    ):
        return last in _ABOUT or last.endswith("tokens")
    return None


def _words(name: str) -> list[str]:
    """Return the words of a name such as ``api_key``, ``X-Api-Key`` or ``apiKey``."""
    spaced = "".join(
        f" {char}" if char.isupper() and before.islower() else char if char.isalnum() else " "
        for before, char in zip(f" {name}", name, strict=False)
    )
    return spaced.casefold().split()
