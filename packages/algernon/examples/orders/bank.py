"""A bank in its test mode, in which the card says what becomes of a payment."""

from archive import keep, kept


class RefusedError(Exception):
    """Raised when the bank won't ever pay."""


def pay(card: str, total: int, key: str) -> None:
    """Have a card pay, once a key.

    Raises:
        RefusedError: The card has expired.
        ConnectionError: The bank is closed, or it is the first call of a busy one.
    """
    if card == "expired":
        raise RefusedError("the card has expired")
    is_first = kept(f"bank/{key}") is None
    keep(f"bank/{key}", f"{total} EUR")
    if kept("bank") == "closed" or (card == "busy" and is_first):
        raise ConnectionError("the bank doesn't answer")
