"""What of ministack outlives it: saved in a folder, and read again at its next start.

S3's objects are written there by ministack as they come. All else is saved here: when ministack
ends with the process that started it, however that ended, and every few seconds besides, for where
it can't. ministack would save only when it is shut down by a signal of its own, and would start
with nothing where it can't read what it saved.

This is part of the process of ministack, whose functions it replaces.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any

# How much is lost if ministack itself is killed, or the machine stops.
_SECONDS = 5
# A stack that is being changed is waited for, and so is a queue that changes while it is copied.
_PATIENCE_SECONDS = 60
# What a function has in hand at the end is hidden at the next start, for as long as its queue says.
_BATCH_SECONDS = 3
_PAUSE_SECONDS = 0.02

_STANDING = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
_IN_PROGRESS = "_IN_PROGRESS"
#: What a line of ministack's output begins with that says why nothing was saved at the end.
NOT_SAVED = "not saved at the end: "
# Where URLs of queues are, which have the port of the run before. Whatever messages say stays.
_WITH_URLS = ("cloudformation", "lambda", "sqs")
_MESSAGES = "messages"
_QUEUE_URL = re.compile(r"http://127\.0\.0\.1:\d+(?=/\d{12}/)")


class KeptState:
    """The state of ministack in this process.

    Args:
        folder: Where it is kept, which is ministack's ``STATE_DIR``.
        endpoint_url: Where ministack answers this time.
    """

    def __init__(self, folder: Path, endpoint_url: str) -> None:
        self._folder = folder
        self._endpoint_url = endpoint_url
        self._saving = Lock()
        self._saved = ""

    def install(self) -> None:
        """Have ministack read it when it starts, and save it now and then."""
        from ministack import app

        app._load_persisted_state = self._restore
        Thread(target=self._save_now_and_then, daemon=True).start()

    def save_at_the_end(self) -> None:
        """Save it, once no stack is being changed, and batches that are soon done have ended."""
        from ministack.core.lambda_runtime import workers_in_use

        end = time.monotonic() + _BATCH_SECONDS
        while workers_in_use() and time.monotonic() < end:
            time.sleep(_PAUSE_SECONDS)
        end = time.monotonic() + _PATIENCE_SECONDS
        while any(status.endswith(_IN_PROGRESS) for status in _stack_statuses()):
            if time.monotonic() > end:
                return
            time.sleep(_PAUSE_SECONDS)
        try:
            self._save()
        except OSError as error:
            print(f"{NOT_SAVED}{error}", file=sys.stderr, flush=True)

    def _save_now_and_then(self) -> None:
        told = ""
        while True:
            time.sleep(_SECONDS)
            try:
                if _what_changes() != self._saved:
                    self._save()
                told = ""
            except OSError as error:
                # Tried again as long as it lasts, and told once.
                if told != (told := str(error)):
                    print(f"what the system holds can't be saved: {error}", file=sys.stderr)

    def _save(self) -> None:
        """Save it, unless it isn't that of a system that stands."""
        from ministack import app

        with self._saving:
            if not _stands():
                return
            changing = _what_changes()
            states = _copies([*app._build_persistence_save_dict()])
            # One that began to be changed meanwhile couldn't be gone on with.
            if _stands() and states:
                self._write(states)
                self._saved = changing

    def _write(self, states: dict[str, Any]) -> None:
        """Write all of it in place of what was saved before, or nothing of it.

        ministack's own function says nothing to its caller where the disk is full, say.
        """
        from ministack.core import persistence

        drafts = {self._folder / f"{service}.json.new": service for service in states}
        try:
            for draft, service in drafts.items():
                content = {
                    "__ministack_format__": persistence._state_format_version(service),
                    "payload": states[service],
                }
                with draft.open("w", encoding="utf-8") as file:
                    json.dump(content, file, default=persistence._json_default)
        except OSError:
            for draft in drafts:
                with suppress(OSError):
                    draft.unlink()
            raise
        for draft in drafts:
            draft.replace(draft.with_suffix(""))

    def _restore(self) -> None:
        """Read what was saved, or end: with half of it nobody could go on."""
        from ministack import app
        from ministack.core import persistence

        for service, module in app._state_map.items():
            if not (self._folder / f"{service}.json").exists():
                continue
            try:
                state = persistence.load_state(service)
                if state is None:
                    raise ValueError("it isn't what this version of ministack writes")  # noqa: TRY301
                if service in _WITH_URLS:
                    state = self._moved(state)
                app._get_module(module).load_persisted_state(state)
            except Exception as error:  # noqa: BLE001 - whatever it is, it has to end here
                print(f"{self._folder / service}.json can't be read: {error}", file=sys.stderr)
                sys.stderr.flush()
                os._exit(1)

    def _moved(self, value: Any) -> Any:
        """Return a value in which the URLs of queues have this run's port."""
        if isinstance(value, str):
            return _QUEUE_URL.sub(self._endpoint_url, value)
        if isinstance(value, dict):
            return {
                self._moved(key): each if key == _MESSAGES else self._moved(each)
                for key, each in value.items()
            }
        if isinstance(value, (list, tuple)):
            return type(value)(map(self._moved, value))
        if hasattr(value, "_data"):  # one of ministack's dicts by account and region
            value._data = self._moved(value._data)
        return value


def _stands() -> bool:
    statuses = _stack_statuses()
    return bool(statuses) and all(status in _STANDING for status in statuses)


def _stack_statuses() -> list[str]:
    cloudformation: Any = sys.modules.get("ministack.services.cloudformation")
    if cloudformation is None:
        return []
    stacks = [*cloudformation._stacks._data.values()]
    statuses = [str(stack["StackStatus"]) for stack in stacks]
    return [status for status in statuses if status != "DELETE_COMPLETE"]


def _what_changes() -> str:
    """Return as a text what changes while a system does its work, but for its objects and logs."""
    from ministack.core import persistence

    return json.dumps(_copies(["sqs", "cloudformation"]), default=persistence._json_default)


def _copies(services: list[str]) -> dict[str, Any]:
    """Return copies of what services hold, between two requests; none if ministack isn't ready."""
    from ministack import app

    def copy_all() -> dict[str, Any]:
        saving: dict[str, Callable[[], Any]] = app._build_persistence_save_dict()
        states = {name: saving[name]() for name in services if name in saving}
        return {name: state for name, state in states.items() if state is not None}

    async def copy_between_requests() -> dict[str, Any]:
        return copy_all()

    end = time.monotonic() + _PATIENCE_SECONDS
    while app._MAIN_LOOP is not None and time.monotonic() < end:
        # A thread of ministack's may change what is copied.
        with suppress(RuntimeError):
            copying = asyncio.run_coroutine_threadsafe(copy_between_requests(), app._MAIN_LOOP)
            return copying.result(_PATIENCE_SECONDS)
        time.sleep(_PAUSE_SECONDS)
    return {}
