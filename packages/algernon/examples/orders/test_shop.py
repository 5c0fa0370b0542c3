import os

import pytest
from algernon_queue.testing import InMemorySystem
from archive import keep, kept
from shop import place_order, router


@pytest.fixture
def system():
    if "ON_LOCAL_AWS" in os.environ:
        local = pytest.importorskip("algernon.local")
        with local.LocalSystem("shop:router") as on_local_aws, on_local_aws.as_default():
            yield on_local_aws
    else:
        with InMemorySystem(router) as in_memory:
            yield in_memory


def test_a_busy_bank_is_asked_again(system):
    place_order.send(number=1, items=["book", "pen"], card="busy")
    system.run()
    assert kept("mails/1") == "Your order comes to 23 EUR."


def test_a_refused_card_ends_the_order(system):
    place_order.send(number=2, items=["pen"], card="expired")
    system.run()
    assert (kept("refusals/2"), kept("invoices/2")) == ("the card has expired", None)


def test_an_order_outlives_a_closed_bank(system):
    keep("bank", "closed")
    place_order.send(number=3, items=["book"], card="good")
    system.run()
    assert [(it.task, it.error) for it in system.dead_letters] == [("charge", "ConnectionError")]
    keep("bank", "open")
    assert system.redrive() == 1
    system.run()
    assert kept("invoices/3") == "20 EUR"
