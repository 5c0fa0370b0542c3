"""A worker's death by SIGKILL, from its own hand, at moments that the seed chooses."""

from __future__ import annotations

import os
import re
import signal
from typing import Any
from urllib.parse import unquote

from algernon_storage import aws_client

from .journal import Journal
from .settings import Settings

BEFORE_EFFECT = "in the handler, before its effect"
AFTER_EFFECT = "in the handler, after its effect"
BEFORE_PUBLISH = "between upload and publish"
AFTER_PUBLISH = "between publish and the rest of the batch"
BEFORE_WRITE = "before an object of a group is written"
AFTER_WRITE = "after an object of a group was written"
BEFORE_ANSWER = "between the end of the batch and the answer"
FROM_OUTSIDE = "at any moment, from outside"
BY_LAMBDA = "by the local Lambda itself"

IN_A_TASK = (BEFORE_EFFECT, AFTER_EFFECT)
AROUND_PUBLISHING = (BEFORE_PUBLISH, AFTER_PUBLISH)
AROUND_WRITING = (BEFORE_WRITE, AFTER_WRITE)

# What joins hang on: headers and blocks, leaves, nodes, verdicts, and what notes how far it is.
_OF_A_GROUP = re.compile(r"/([^/!]+!(?!claim)[^/]+)\.json$")


class Killer:
    """Kills the process it is in.

    Args:
        settings: What it draws its chances from.
        journal: Where each death is noted, right before it.
    """

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._batch: list[tuple[str, int]] = []
        self._is_hooked = False

    def begin(self, batch: list[tuple[str, int]]) -> None:
        """Take note of a batch: the identity of each message, and how often it was received."""
        self._batch = batch
        if not self._is_hooked:
            # Botocore tells of each call before it is signed, and after it was answered.
            events = aws_client("sns").meta.events
            events.register("before-call.sns.PublishBatch", self._before_publishing)
            events.register("after-call.sns.PublishBatch", self._after_publishing)
            if self._settings.kill_chances.get(BEFORE_WRITE):
                events = aws_client("s3").meta.events
                events.register("before-call.s3.PutObject", self._before_writing)
                events.register("after-call.s3.PutObject", self._after_writing)
            self._is_hooked = True

    def visit(self, moment: str, *occasion: object) -> None:
        """Die, if this is the moment."""
        if self._settings.chances(moment, *occasion).random() < self._settings.kill_chances[moment]:
            self._journal.note("kill", moment=moment, victim=os.getpid())
            os.kill(os.getpid(), signal.SIGKILL)

    def visit_in_batch(self, moment: str) -> None:
        """Die, if this is the moment in the life of the batch."""
        self.visit(moment, *self._batch)

    def _before_publishing(self, **_: Any) -> None:
        self.visit_in_batch(BEFORE_PUBLISH)

    def _after_publishing(self, **_: Any) -> None:
        self.visit_in_batch(AFTER_PUBLISH)

    def _before_writing(self, *, params: Any, context: dict[str, Any], **_: Any) -> None:
        written = _OF_A_GROUP.search(unquote(params["url_path"]))
        if written:
            context["written"] = written[1]
            self.visit(BEFORE_WRITE, *self._batch, written[1])

    def _after_writing(self, *, context: dict[str, Any], **_: Any) -> None:
        if "written" in context:
            self.visit(AFTER_WRITE, *self._batch, context["written"])
