"""A system that was made by hand on a local AWS that isn't ministack: topics, queues, workers."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zipfile import ZipFile

from ..conftest import REGION, LocalAWS

PREFIX = "shop-"
#: What leads the command there.
PLACE = ("--prefix", PREFIX, "--region", REGION)
#: How often a worker of such a system receives a message without running its Task.
EXTRA_RECEIVES = 2


@dataclass(frozen=True)
class Handmade:
    """The system, of which each Task has a topic, a queue and a dead-letter queue."""

    aws: LocalAWS

    def add_task(self, name: str, *, has_worker: bool = True, **attributes: str) -> None:
        """Make what a Task travels through.

        Args:
            name: The Task's name.
            has_worker: Whether a function takes its messages.
            attributes: Attributes of its queue, such as ``VisibilityTimeout``.
        """
        sqs: Any = self.aws.client("sqs")
        sns: Any = self.aws.client("sns")
        sqs.create_queue(QueueName=f"{name}-dead")
        policy = {"deadLetterTargetArn": self.arn(f"{name}-dead"), "maxReceiveCount": 7}
        sqs.create_queue(
            QueueName=name, Attributes={"RedrivePolicy": json.dumps(policy), **attributes}
        )
        topic = sns.create_topic(Name=f"{PREFIX}{name}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=self.arn(name))
        if has_worker:
            self.aws.client("lambda").create_event_source_mapping(
                EventSourceArn=self.arn(name), FunctionName=self.function, BatchSize=10
            )

    @cached_property
    def function(self) -> str:
        """The name of the function of all workers, which never runs."""
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = self.aws.client("iam").create_role(RoleName="w", AssumeRolePolicyDocument=trust)
        code = io.BytesIO()
        with ZipFile(code, "w") as archive:
            archive.writestr("shop.py", "")
        made = self.aws.client("lambda").create_function(
            FunctionName="shop-worker",
            Runtime="python3.12",
            Role=role["Role"]["Arn"],
            Handler="shop.handler",
            Code={"ZipFile": code.getvalue()},
            Environment={"Variables": {"ALGERNON_EXTRA_RECEIVES": str(EXTRA_RECEIVES)}},
        )
        return str(made["FunctionName"])

    def url(self, queue: str) -> str:
        """Return the URL of a queue."""
        return str(self.aws.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"])

    def arn(self, queue: str) -> str:
        """Return the ARN of a queue."""
        asked = self.aws.client("sqs").get_queue_attributes(
            QueueUrl=self.url(queue), AttributeNames=["QueueArn"]
        )
        return str(asked["Attributes"]["QueueArn"])

    def send(self, queue: str, *, times: int = 1, delay: int = 0) -> None:
        """Put messages into a queue, which no worker takes at once."""
        sqs: Any = self.aws.client("sqs")
        client: Any = self.aws.client("lambda")
        # moto runs the function when a message comes, for which it needs Docker.
        enabled = [each["UUID"] for each in self._mappings(queue) if each["State"] == "Enabled"]
        for mapping in enabled:
            client.update_event_source_mapping(UUID=mapping, Enabled=False)
        for _ in range(times):
            sqs.send_message(QueueUrl=self.url(queue), MessageBody="{}", DelaySeconds=delay)
        for mapping in enabled:
            client.update_event_source_mapping(UUID=mapping, Enabled=True)

    def mapping(self, queue: str) -> dict[str, Any]:
        """Return the event source mapping of a queue."""
        (mapping,) = self._mappings(queue)
        return mapping

    def _mappings(self, queue: str) -> list[dict[str, Any]]:
        found = self.aws.client("lambda").list_event_source_mappings(EventSourceArn=self.arn(queue))
        return [*found["EventSourceMappings"]]
