"""The plugin that pytest finds where algernon-queue is installed.

It isn't in the package, which would be imported with it: whoever runs tests without the
fixture would wait for all of the package at each start of pytest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from algernon_queue.testing import InMemorySystem


@pytest.fixture
def algernon_system() -> Iterator[InMemorySystem]:
    """An empty system in this process, without AWS, to which routers are added.

    Example:
        def test_an_order_is_priced(algernon_system):
            algernon_system.add(router)
            send_task("price", {"items": [1]})
            algernon_system.run()
    """
    from algernon_queue.testing import InMemorySystem

    with InMemorySystem() as system:
        yield system
