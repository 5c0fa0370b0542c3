"""A shop that charges its orders overnight, of which three can't be charged."""

import os
from decimal import Decimal
from typing import Any

from algernon import TaskRouter, lambda_logged, send_tasks
from algernon_storage import aws_client
from botocore.exceptions import ClientError

router = TaskRouter(once=True)
handler = lambda_logged(router.handler)


class UnknownRateError(Exception):
    """Raised when nobody has said what a currency is worth."""


@router.task
def close_day(orders: int) -> None:
    """Charge each of the day's orders, and have an invoice written."""
    send_tasks(
        charge.then(invoice).request(
            number=number,
            amount="12,50" if number == 58 else f"{number}.50",
            currency="GBP" if number in (17, 101) else "EUR",
        )
        for number in range(orders)
    )


@router.task(retries=0)
def charge(number: int, amount: str, currency: str) -> dict[str, Any]:
    """Say what an order comes to in EUR."""
    return {"number": number, "total": Decimal(amount) * rate(currency)}


@router.task
def invoice(number: int, total: Decimal) -> None:
    """Write an invoice."""
    print(f"invoice {number}: {total:.2f} EUR")


@router.task
def set_rate(currency: str, value: str) -> None:
    """Note what a currency is worth."""
    aws_client("s3").put_object(Bucket=bucket(), Key=f"rates/{currency}", Body=value)


def rate(currency: str) -> Decimal:
    """Return what a currency is worth in EUR."""
    if currency == "EUR":
        return Decimal(1)
    try:
        found = aws_client("s3").get_object(Bucket=bucket(), Key=f"rates/{currency}")
    except ClientError as error:
        raise UnknownRateError(f"nobody has said what {currency} is worth") from error
    return Decimal(found["Body"].read().decode())


def bucket() -> str:
    """Return the system's bucket."""
    return os.environ["ALGERNON_BUCKET_NAME"]
