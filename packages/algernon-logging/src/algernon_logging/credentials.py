"""Names of credentials, whose values no line shows."""

from __future__ import annotations

from functools import lru_cache

MASK = "***"

# A name's words, put together: without case, and without what may stand between them.
_CREDENTIALS = (
    "accesskey",
    "apikey",
    "authorization",
    "bearer",
    "connectionstring",
    "cookie",
    "credential",
    "encryptionkey",
    "jwt",
    "masterkey",
    "otpcode",
    "passcode",
    "passkey",
    "passphrase",
    "passwd",
    "password",
    "pincode",
    "presigned",
    "privatekey",
    "pwd",
    "secret",
    "sessionid",
    "sharedkey",
    "signature",
    "signedurl",
    "signingkey",
    "sshkey",
    "token",
)
# Too short to be looked for in the middle of a word.
_LAST_WORDS = frozenset({"auth", "dsn", "otp", "pass", "pin", "sas", "sid", "totp"})
# A name that ends so tells something of a credential, and not the credential.
_ABOUT = frozenset(
    {"at", "bytes", "count", "expiry", "length", "limit", "path", "size", "ttl", "type", "version"}
)


@lru_cache(maxsize=1000)
def is_credential(name: str) -> bool:
    """Tell whether a value of this name shouldn't be seen."""
    words = _words(name)
    squeezed = "".join(words)
    return (
        bool(words)
        and words[-1] not in _ABOUT
        and (words[-1] in _LAST_WORDS or any(part in squeezed for part in _CREDENTIALS))
    )


def is_hidden(name: str, value: object) -> bool:
    """Tell whether a line hides a value: it may be a credential, by its name."""
    return is_credential(name) and not _is_harmless(name, value)


def _words(name: str) -> list[str]:
    """Return the words of a name such as ``api_key``, ``X-Api-Key`` or ``apiKey``."""
    spaced = "".join(
        f" {char}" if char.isupper() and before.islower() else char if char.isalnum() else " "
        for before, char in zip(f" {name}", name, strict=False)
    )
    return spaced.casefold().split()


def _is_harmless(name: str, value: object) -> bool:
    # How many tokens there are is a number, and no secret. A password may be one.
    kind = type(value)
    if value is None or kind in (bool, float):
        return True
    return kind is int and _words(name)[-1].endswith("tokens")
