from archive import kept
from shop import invoice, mail, router


def test_an_invoice_is_mailed(algernon_system):
    algernon_system.add(router)
    invoice.then(mail).send(number=1, total=20)
    algernon_system.run()
    assert kept("mails/1") == "Your order comes to 20 EUR."
