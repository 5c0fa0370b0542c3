"""The envelope in which SNS brings a message to a queue."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from .sqs_message import Attributes


def notification(
    topic_arn: str, message: str, attributes: Attributes, *, message_id: str, millis: int
) -> str:
    """Return what SNS makes of a message, where its topic hasn't raw message delivery.

    Source: Amazon SNS Developer Guide, "HTTP/HTTPS notification JSON format".

    Args:
        topic_arn: The ARN of its topic.
        message: Its text.
        attributes: What goes beside it.
        message_id: The id that SNS gave it.
        millis: When SNS took it, in milliseconds since 1970.
    """
    moment = datetime.fromtimestamp(millis / 1000, UTC)
    urls = f"https://sns.{topic_arn.split(':')[3]}.amazonaws.com"
    envelope: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": topic_arn,
        "Message": message,
        "Timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SignatureVersion": "1",
        "Signature": "EXAMPLE" + "A" * 335 + "==",
        "SigningCertURL": f"{urls}/SimpleNotificationService.pem",
        "UnsubscribeURL": f"{urls}/?Action=Unsubscribe&SubscriptionArn={topic_arn}:{uuid4()}",
    }
    if attributes:
        envelope["MessageAttributes"] = {
            name: {"Type": value["DataType"], "Value": _text(value)}
            for name, value in attributes.items()
        }
    return json.dumps(envelope, ensure_ascii=False, indent=2, separators=(",", " : "))


def _text(attribute: Mapping[str, Any]) -> str:
    if "StringValue" in attribute:
        return str(attribute["StringValue"])
    return b64encode(attribute["BinaryValue"]).decode()
