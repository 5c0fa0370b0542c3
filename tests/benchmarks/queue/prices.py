"""What AWS asks for a million requests, in US$, in us-east-1.

As published, looked up in November 2026, without free tiers and volume discounts:

- Amazon S3 pricing (https://aws.amazon.com/s3/pricing/), S3 Standard: GET and "all
  other requests", which HEAD is one of, $0.0004 a thousand; PUT $0.005 a thousand.
- Amazon SNS pricing (https://aws.amazon.com/sns/pricing/), standard topics: $0.50 a
  million requests. 64 KB of published data are one request (Amazon SNS FAQs), and
  batching makes it up to ten times cheaper (Amazon SNS Developer Guide, "Amazon SNS
  message batching"): a PublishBatch of ten messages that are 64 KB together is one.
  SNS asks nothing for delivery to SQS, SQS does.
- Amazon SQS pricing (https://aws.amazon.com/sqs/pricing/), standard queues: $0.40 a
  million requests, of 64 KB each, whatever the operation, empty receives included.
- AWS Lambda pricing (https://aws.amazon.com/lambda/pricing/), x86: $0.20 a million
  requests, $0.0000166667 a GB-second.
- AWS Systems Manager pricing (https://aws.amazon.com/systems-manager/pricing/):
  standard parameters at standard throughput cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

#: What one request may carry, in bytes, before it counts as two: SNS's and SQS's rule.
CHUNK = 64 * 1024

GB_SECOND = 0.0000166667

_OF_A_SERVICE = {"lambda": 0.20, "sns": 0.50, "sqs": 0.40, "ssm": 0.0}
_OF_S3 = {"GET": 0.40, "HEAD": 0.40, "PUT": 5.00}


def of_a_million(operation: str) -> float:
    """Return the price of a million requests, as ``"s3 GET"`` or ``"sqs SendMessage"``."""
    service, _, name = operation.partition(" ")
    return _OF_S3[name] if service == "s3" else _OF_A_SERVICE[service]


def of_calls(calls: Mapping[str, float], service: str) -> float:
    """Return the price of a million times these calls, those of one service alone."""
    return sum(
        count * of_a_million(operation)
        for operation, count in calls.items()
        if operation.startswith(f"{service} ")
    )
