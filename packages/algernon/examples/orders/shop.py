"""A shop's orders: the bank is asked for what they come to, then invoices and mails go out."""

from typing import Any

import bank
from algernon_queue import PipelineTermination, TaskRouter
from archive import keep

PRICES = {"book": 20, "pen": 3}

router = TaskRouter(failures="report")
handler = router.handler


@router.task
def order(number: int, items: list[str], card: str) -> dict[str, Any]:
    """Say what an order comes to."""
    return {"number": number, "total": sum(PRICES[item] for item in items), "card": card}


@router.task(retries=2, backoff=1)
def charge(number: int, total: int, card: str) -> dict[str, Any]:
    """Have the bank pay, or refuse the order if it won't."""
    try:
        bank.pay(card, total, key=f"order-{number}")
    except bank.RefusedError as error:
        refuse.send(number=number, reason=str(error))
        raise PipelineTermination from error
    return {"number": number, "total": total}


@router.task
def refuse(number: int, reason: str) -> None:
    """Note why an order is refused."""
    keep(f"refusals/{number}", reason)


@router.task
def invoice(number: int, total: int) -> dict[str, Any]:
    """Write the invoice of an order."""
    keep(f"invoices/{number}", f"{total} EUR")
    return {"number": number, "text": f"Your order comes to {total} EUR."}


@router.task
def mail(number: int, text: str) -> None:
    """Write to whoever ordered."""
    keep(f"mails/{number}", text)


place_order = order.then(charge, invoice, mail)
