"""Mistakes that type checkers find when Tasks are sent: only they read it.

A comment that a checker has no need of is an error of its own, so each says that the
mistake beside it is found.
"""

from __future__ import annotations

from algernon_queue import Group, SentTask, wait_all

from .forms import Invoice, bill, late, note, pay, pay_again, price, router, total

# An argument is misspelt.
price.send(itmes=[1])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
price.request(itmes=[1])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
price.then(bill).send(itmes=[1])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
price.using(task_id=None).send(itmes=[1])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

# One has a wrong type.
price.send(items="three")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
price("three")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
bill.send(total="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
price.using(task_id=7)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]

# One is missing.
price.send()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
bill.request(currency="USD")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
note.send(fact=7)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

# One is the context, which is no argument of a message.
pay.send(context={}, number="7")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
pay_again.send(context={}, number="7")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
pay({}, "7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# A Task isn't one, or there is none.
price.then()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
price.then(print)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
price.then(len, bill)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
_ = price.sned  # type: ignore[attr-defined]  # pyright: ignore

# A Task returns what can't be the arguments of the next.
late.then(bill)  # type: ignore[misc]  # pyright: ignore
price.then(late, bill)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]

# A result is taken for another, or waited for as it can't be.
_invoice: Invoice = price.send([1]).result()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
_sent: SentTask[Invoice] = price.send([1])  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
price.send([1]).result(60)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
wait_all(price.send([1]))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# A member of a group, or what gets its results, isn't a Task, or has no arguments yet.
Group([price])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
Group([1, 2])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
Group(price.request([1]))  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
Group([], then=print)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
Group([], then=total.request(results=[]))  # type: ignore[call-overload, arg-type]  # pyright: ignore
Group([], failures="collect")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]

# An option of a Task is misspelt, or has a wrong type.
router.task(retires=3)  # type: ignore[call-overload]  # pyright: ignore
router.task(timeout="60")  # type: ignore[call-overload]  # pyright: ignore
router.task(3)  # type: ignore[call-overload]  # pyright: ignore
