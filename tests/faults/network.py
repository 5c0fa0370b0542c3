"""A bad network: a proxy between the worker and AWS, as a process of its own.

``python -m tests.faults.network SETTINGS``: it prints its port, and ends with its
standard input.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Thread
from time import sleep
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from ..wire import Answer, Call, Wire, proxy_to
from .journal import Journal
from .settings import Settings

DROP_REQUEST = "dropped on its way there"
DROP_ANSWER = "dropped on its way back"
DELAY = "delayed by 50 to 500 ms"
DUPLICATE = "executed twice"
THROTTLE = "throttled as a whole"
THROTTLE_ENTRIES = "throttled for some entries"

FAULTS = (DROP_REQUEST, DROP_ANSWER, DELAY, DUPLICATE, THROTTLE, THROTTLE_ENTRIES)

# Publishing is one call in fifty, and what the promises hang on.
_PUBLISHING_WEIGHT = 8

# Of the ledger: its record that a Task is done.
_DONE = re.compile(r"/([^/!]+)!done\.json$")

_THROTTLED = {
    "s3": (
        503,
        "application/xml",
        "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
    ),
    "sns": (
        400,
        "text/xml",
        "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>",
    ),
    "sqs": (
        400,
        "application/x-amz-json-1.0",
        '{"__type": "com.amazonaws.sqs#ThrottlingException", "message": "Rate exceeded"}',
    ),
}

# The keyword argument by which a Task gets the results of a group.
RESULTS = "results"

Forward = Callable[[], Answer]


class BadNetwork:
    """What is made of each call.

    Args:
        settings: What it draws its chances from.
        journal: Where it notes the faults, and what the ledger recorded as done.
        one_at_a_time: Whether calls are handed on one after the other.
    """

    def __init__(self, settings: Settings, journal: Journal, *, one_at_a_time: bool) -> None:
        self._settings = settings
        self._journal = journal
        self._chances = settings.chances("network")
        self._turn = Lock() if one_at_a_time else None

    def treat(self, call: Call, forward: Forward) -> Answer | None:
        """Hand a call on, more or less."""
        send = self._watched(call, forward)
        fault = self._fault(call)
        if fault is not None:
            self._journal.note("fault", fault=fault, call=f"{call.service} {call.operation}")
        if fault == DROP_REQUEST:
            return None
        if fault == THROTTLE:
            status, kind, body = _THROTTLED[call.service]
            return Answer(status, [("Content-Type", kind)], body.encode())
        if fault == THROTTLE_ENTRIES:
            return self._publish_some(call)
        if fault == DELAY:
            sleep(self._chances.uniform(0.05, 0.5))
        answer = send()
        if fault == DUPLICATE:
            answer = send()
        return None if fault == DROP_ANSWER else answer

    def _fault(self, call: Call) -> str | None:
        is_publishing = call.operation == "PublishBatch"
        drawn = self._chances.random()
        for fault, chance in self._settings.fault_chances.items():
            if fault == THROTTLE_ENTRIES and not is_publishing:
                continue
            drawn -= chance * _PUBLISHING_WEIGHT if is_publishing else chance
            if drawn < 0:
                return fault
        return None

    def _watched(self, call: Call, forward: Forward) -> Forward:
        done = _DONE.search(unquote(urlsplit(call.path).path))

        def send() -> Answer:
            if self._turn is None:
                answer = forward()
            else:
                with self._turn:
                    answer = forward()
            if done and call.operation == "PUT" and answer.status == 200:
                self._journal.note("done", task_id=done[1], begin=call.begin)
            if call.operation == "PublishBatch" and answer.status == 200:
                self._note_joins(list(_entries(call.form)))
            return answer

        return send

    def _note_joins(self, published: list[dict[str, str]]) -> None:
        """Note the Tasks that get the results of groups, among some that SNS took."""
        for entry in published:
            message = json.loads(entry["Message"])
            if RESULTS in (message["task_kwargs"] or {}):
                self._journal.note("join", task_id=message["task_id"])

    def _publish_some(self, call: Call) -> Answer:
        """Publish some of the entries of a PublishBatch, and refuse the others."""
        entries = list(_entries(call.form))
        taken = [entry for entry in entries if self._chances.random() < 0.5]
        if len(taken) == len(entries):
            taken.pop()
        successful = []
        if taken:
            successful = self._sns().publish_batch(
                TopicArn=call.form["TopicArn"], PublishBatchRequestEntries=taken
            )["Successful"]
            self._note_joins(taken)
        refused = [entry for entry in entries if entry not in taken]
        body = (
            '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
            "<PublishBatchResult><Successful>"
            + "".join(
                f"<member><Id>{escape(one['Id'])}</Id>"
                f"<MessageId>{one['MessageId']}</MessageId></member>"
                for one in successful
            )
            + "</Successful><Failed>"
            + "".join(
                f"<member><Id>{escape(one['Id'])}</Id><Code>Throttled</Code>"
                "<Message>Rate exceeded</Message><SenderFault>false</SenderFault></member>"
                for one in refused
            )
            + "</Failed></PublishBatchResult><ResponseMetadata><RequestId>0</RequestId>"
            "</ResponseMetadata></PublishBatchResponse>"
        )
        return Answer(200, [("Content-Type", "text/xml")], body.encode())

    def _sns(self) -> Any:
        import boto3

        with _making_a_client:
            if "sns" not in _clients:
                _clients["sns"] = boto3.client("sns", endpoint_url=self._settings.aws_url)
            return _clients["sns"]


_clients: dict[str, Any] = {}
_making_a_client = Lock()


def _entries(form: dict[str, str]) -> Iterator[dict[str, str]]:
    number = 1
    prefix = "PublishBatchRequestEntries.member"
    while f"{prefix}.{number}.Id" in form:
        yield {name: form[f"{prefix}.{number}.{name}"] for name in ("Id", "Message")}
        number += 1


@contextmanager
def bad_network(
    settings: Path, environ: dict[str, str], *, one_at_a_time: bool = False
) -> Iterator[str]:
    """Run the proxy, and give its URL.

    Args:
        settings: The file of the settings. The proxy's own URL needn't be known there.
        environ: The environment that leads boto3 to AWS.
        one_at_a_time: Whether calls are handed on one after the other, because the AWS
            behind it doesn't keep conditional writes apart.
    """
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(settings), *(["turns"] if one_at_a_time else [])],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{json.loads(process.stdout.readline())}"
        finally:
            process.stdin.close()


def main(path: str, *turns: str) -> None:
    """Run the proxy until standard input ends."""
    settings = Settings.load(Path(path))
    network = BadNetwork(settings, Journal(Path(settings.journal)), one_at_a_time=bool(turns))
    wire = Wire(treatment=network.treat)
    server = proxy_to(settings.aws_url, wire)
    Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
