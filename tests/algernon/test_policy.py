"""`algernon policy` prints the rights that the command's verbs use: all of them, and no others."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from algernon.commands.main import command_parser, main
from algernon.system.policy import MOST_CHARACTERS
from algernon.system.rights import RIGHTS
from algernon.system.template.logical_ids import logical_id
from algernon.template import system_template
from algernon.worker import Worker
from algernon_queue import Group, Task
from algernon_serialize import ajson
from algernon_storage import Document, Outcomes, StoredData, reset

from ..conftest import ACCOUNT, REGION, LocalAWS
from ..wire import Answer, Call, Wire
from .asked import Asked, asked, refusal
from .moto_stack import make_stack, queue_arn
from .statements import allows

pytestmark = pytest.mark.starts

ON_AWS = ("--stack", "shop", "--region", REGION)

#: Verbs that ask AWS for nothing.
AT_HOME = {"new", "template", "run", "completion"}
#: Verbs that make and remove systems, which takes rights of a policy of its own.
MAKERS = {"deploy", "destroy"}
#: Verbs of whoever sends, and needs no more.
SENDERS = {"send", "result", "cancel", "exec", "env"}
#: What a verb can do without, and does.
GOES_WITHOUT = {
    ("logs", "cloudformation:ListStackResources"),
    ("send", "sns:ListTagsForResource"),
}
#: What isn't asked for here, but used: to give up an upload, to be told that nothing is there, and
#: of a bucket that is no part of the stack.
UNASKED = {"s3:AbortMultipartUpload", "s3:ListBucket", "cloudformation:DescribeStacks"}
#: What a verb needs of groups that are members of others, and for arguments that are large.
AT_TIMES = {
    "cancel": {"sns:Publish"},
    "dead redrive": {"s3:PutObject"},
    "dead run": {"s3:GetObject"},
}
#: The module of the Task `pay`.
PAYMENTS = """
from algernon import TaskRouter

router = TaskRouter()
handler = router.handler


@router.task
def pay(amount):
    return amount
"""


class Shop(NamedTuple):
    """A system on AWS that has something for each verb to look at.

    Attributes:
        bucket: Its bucket.
        dead_letter_queue: The URL of the dead-letter queue of `pay`.
        letter_id: The id of a Task in it.
        large_id: That of another, whose arguments are stored.
        result_id: The id of a Task whose result was kept.
        sent_id: That of one that hasn't begun.
        group_id: That of a group, of which a member lies in a dead-letter queue.
        chain_id: That of a chain, whose second Task may lie there, too.
        function: The name of its function.
    """

    bucket: str
    dead_letter_queue: str
    letter_id: str
    large_id: str
    result_id: str
    sent_id: str
    group_id: str
    chain_id: str
    function: str

    @property
    def context(self) -> Mapping[str, str]:
        """Condition keys: the function of whatever mapping a call is for."""
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function}"
        return {"lambda:FunctionArn": arn}


@pytest.fixture
def shop(aws: LocalAWS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The stack `shop` with the Task `pay`."""
    resources = make_system(aws)
    bucket = resources["Bucket"]
    monkeypatch.setenv("ALGERNON_TOPIC_PREFIX", "shop-")
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", bucket)
    reset()
    sent = Group([Task("pay", {"amount": number}) for number in range(2)], then="pay").send()
    result_id = str(uuid4())
    Outcomes(bucket=bucket, folder="cache").write(result_id, Document.around(b"3"), is_kept=True)
    stored = StoredData.at(StoredData("args", {"amount": 0}).store())
    large = {"task_kwargs": json.loads(ajson.dumps(stored))}
    for name in ("ALGERNON_TOPIC_PREFIX", "ALGERNON_BUCKET_NAME"):
        monkeypatch.delenv(name)
    reset()
    dead = resources[logical_id("DeadLetterQueue", "pay")]
    (tmp_path / "payments.py").write_text(PAYMENTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    chain_id = str(uuid4())
    letter_id, large_id = give_up(aws, dead), give_up(aws, dead, **large)
    give_up(aws, dead, callback=group_of(sent.group_id, bucket))
    log_chain(aws, chain_id, result_id, resources)
    yield Shop(
        bucket,
        dead,
        letter_id,
        large_id,
        result_id,
        str(uuid4()),
        sent.group_id,
        chain_id,
        resources["Worker"],
    )
    sys.modules.pop("payments", None)
    reset()


def make_system(aws: LocalAWS) -> dict[str, str]:
    """Make the stack, and return the names of its parts."""
    template = system_template([Worker("payments.handler", ("pay",), retries={})])
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = aws.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=trust)
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"ZipFile": "handler = print"},
            "Handler": "payments.handler",
            "Role": role["Role"]["Arn"],
            "Runtime": "python3.12",
        },
    }
    resources = make_stack(aws, template, {"Worker": function})
    # A mapping that is enabled would have it run a function.
    aws.client("lambda").create_event_source_mapping(
        EventSourceArn=queue_arn(resources[logical_id("Queue", "pay")]),
        FunctionName=resources["Worker"],
        Enabled=False,
    )
    return resources


def log_chain(aws: LocalAWS, chain_id: str, task_id: str, resources: Mapping[str, str]) -> None:
    """Log that a Task stored its result for another, which sent its own to one that hasn't run."""
    second, third = str(uuid4()), str(uuid4())
    line = {
        "timestamp": "2026-11-26T03:11:08.000Z",
        "level": "INFO",
        "message": "Task",
        "requestId": "r-1",
        "started_at": "2026-11-26T03:11:07.250Z",
        "message_bytes": 723,
        "logger": "algernon_logging",
        "task_name": "pay",
        "task_id": task_id,
        "chain_id": chain_id,
        "outcome": "done",
        "receive_count": 1,
        "duration_ms": 4.2,
        "result_bytes": 1,
        "next_task_name": "pay",
        "next_task_id": second,
    }
    of_second = {**line, "task_id": second, "result_bytes": None, "next_task_id": third}
    texts = [json.dumps(each) for each in (line, of_second)]
    now = int(time.time() * 1000)
    logs: Any = aws.client("logs")
    of_function = f"/aws/lambda/{resources['Worker']}"
    logs.create_log_group(logGroupName=of_function)
    for group in (resources["WorkerLogs"], of_function):
        logs.create_log_stream(logGroupName=group, logStreamName="a")
        events = [{"timestamp": now, "message": text} for text in texts]
        logs.put_log_events(logGroupName=group, logStreamName="a", logEvents=events)


def group_of(group_id: str, bucket: str) -> dict[str, Any]:
    """Return what makes a message a group's member."""
    return {"group": {"id": group_id, "index": 0, "bucket": bucket, "folder": "cache"}}


def give_up(aws: LocalAWS, dead_letter_queue: str, **others: Any) -> str:
    """Put a message into the dead-letter queue, and return its Task's id."""
    task_id = str(uuid4())
    message = {"task_name": "pay", "task_kwargs": {"amount": 0}, "callback": None, **others}
    letter = json.dumps({**message, "task_id": task_id})
    aws.client("sqs").send_message(QueueUrl=dead_letter_queue, MessageBody=letter)
    return task_id


def at(place: Sequence[str], line: Sequence[str]) -> Sequence[str]:
    """Return a command line that means a place: all that follows -- is a program's own."""
    verb, *more = line
    return [verb, *place, *more] if "--" in line else [*line, *place]


def by_prefix(shop: Shop) -> Sequence[str]:
    """Return the options that mean the same system without its stack."""
    return ("--prefix", "shop-", "--bucket", shop.bucket)


def lines_of(verb: str, shop: Shop) -> Sequence[Sequence[str]]:
    """Return command lines with which a verb does all that it can, but for where."""
    known: dict[str, Sequence[Sequence[str]]] = {
        "send": (["pay"], ["pay", "--wait", "--timeout", "0", "--kwargs", json.dumps({"a": LONG})]),
        "result": ([shop.result_id], [shop.group_id, "--timeout", "0"]),
        "cancel": ([shop.sent_id], [shop.group_id]),
        # The test goes on only where there is none to become.
        "exec": (["--", "no-such-program"],),
        "env": ([],),
        "group": ([shop.group_id],),
        "trace": ([shop.chain_id, "--kwargs", "--json"],),
        "logs": ([], ["pay", "--failed"]),
        "dead list": ([],),
        "dead show": ([shop.large_id],),
        "dead run": ([shop.letter_id],),
        "dead export": (["letters.jsonl", "--overwrite", "--limit", "1"],),
        "dead import": (["letters.jsonl", "--yes"],),
        "dead discard": (["--limit", "1", "--yes"],),
        "dead redrive": (["--canary", "--limit", "1", "--yes", "--within", "1"],),
        "status": (["--groups"],),
        "tasks": ([],),
        "pause": (["pay"],),
        "resume": (["pay"],),
        "policy": (["--for", "operate"],),
    }
    lines = [[*verb.split(), *line] for line in known[verb]]
    # What is paused already isn't paused again, and what is there isn't put back.
    letter = ["--id", shop.letter_id, "--export", f"{uuid4()}.jsonl"]
    before: dict[str, Sequence[Sequence[str]]] = {
        "pause": (["resume", "pay"],),
        "resume": (["pause", "pay"],),
        "dead import": (
            ["dead", "export", "letters.jsonl", "--overwrite", "--id", shop.letter_id],
            ["dead", "discard", "--yes", *letter],
        ),
    }
    return [*before.get(verb, ()), *lines]


#: More than a message holds.
LONG = "long " * 100_000


def verbs(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    """Give all verbs of the command, such as `dead list`."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, verb in action.choices.items():
                yield from verbs(verb, f"{before} {name}".lstrip())
            return
    yield before


VERBS = sorted(set(verbs(command_parser())) - AT_HOME - MAKERS)


def run(wire: Wire, *arguments: str) -> tuple[int, set[Asked]]:
    """Run the command; return its exit status, and what it asked AWS for that takes a right."""
    wire.calls.clear()
    status = main(arguments)
    # Everybody has the right to ask who they are.
    return status, {
        what
        for call in wire.calls
        for what in asked(call)
        if what.action != "sts:GetCallerIdentity"
    }


def printed_policy(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """Return the statements of the policy that the command prints."""
    capsys.readouterr()
    assert main(["policy", *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["Version"] == "2012-10-17"
    statements: list[dict[str, Any]] = document["Statement"]
    return statements


def test_every_verb_has_its_rights() -> None:
    """Whoever adds a verb says which rights it needs, or that it deploys, or asks AWS nothing."""
    assert set(RIGHTS) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_policy_of_an_operator_allows_what_a_verb_asks_for(
    aws: LocalAWS, shop: Shop, wire: Wire, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By patterns of names and by ARNs alike; and the verb's rights are the ones that it uses."""
    by_name = printed_policy(capsys, "--for", "operate", "--stack", "shop")
    all_used: set[str] = set()
    for where in (ON_AWS, by_prefix(shop)):
        used: set[Asked] = set()
        for line in lines_of(verb, shop):
            give_up(aws, shop.dead_letter_queue)
            asked_for = run(wire, *at(where, line))[1]
            # Others only prepare for it.
            used |= asked_for if line[: len(verb.split())] == verb.split() else set()
        by_arns = printed_policy(capsys, "--for", "operate", *where)
        for policy in (by_arns, by_name) if where == ON_AWS else (by_arns,):
            assert [what for what in used if not allows(policy, what, shop.context)] == []
        all_used |= {what.action for what in used}

    rights = {right.action for right in RIGHTS[verb]} - AT_TIMES.get(verb, set()) - UNASKED
    assert all_used - UNASKED == rights


@pytest.mark.parametrize("verb", ["send", "result", "exec", "env"])
def test_the_policy_of_a_sender(
    shop: Shop, wire: Wire, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It allows to send and to get results; without its second part, to send."""
    policy = printed_policy(capsys, "--for", "send", "--stack", "shop")
    sending = [statement for statement in policy if statement["Sid"].startswith("Send")]

    for line in lines_of(verb, shop):
        assert [what for what in run(wire, *at(ON_AWS, line))[1] if not allows(policy, what)] == []
    assert all(allows(sending, what) for what in run(wire, "send", "pay", *ON_AWS)[1])
    assert {statement["Sid"] for statement in policy} == {
        *("SendTopics", "SendObjects", "ResultObjects", "ResultBucket", "ResultStack")
    }


@pytest.mark.parametrize("verb", VERBS)
def test_each_right_that_is_missing_is_named(
    aws: LocalAWS, shop: Shop, wire: Wire, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other is denied: a line names it, and what prints the policy that gives it.

    So it is where the verb goes on without, but for that which only checks what else is fine.
    """
    *before, line = lines_of(verb, shop)
    give_up(aws, shop.dead_letter_queue)
    _, used = run(wire, *at(ON_AWS, line))
    for action in sorted({what.action for what in used}):
        for other in before:
            run(wire, *at(ON_AWS, other))
        # What was taken while a right was missing may be hidden.
        give_up(aws, shop.dead_letter_queue)
        wire.treatment = denying(action)
        capsys.readouterr()
        status, _ = run(wire, *at(ON_AWS, line))
        output = capsys.readouterr()
        wire.treatment = None

        if (verb, action) in GOES_WITHOUT:
            continue
        assert action in output.out + output.err
        if status != 0:
            told = output.err.splitlines()[-1]
            assert f"AWS denies the right {action}" in told
            role = "send" if verb in SENDERS else "operate"
            assert f"algernon policy --for {role} --stack shop prints" in told


def denying(action: str) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Return what denies an action, and hands on all other calls."""

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        what = next((each for each in asked(call) if each.action == action), None)
        if what is None:
            return forward()
        message = (
            f"User: arn:aws:iam::{ACCOUNT}:user/me is not authorized to perform: {action} on"
            f" resource: {what.resource} because no identity-based policy allows {action}"
        )
        return refusal(call, "AccessDenied", message)

    return treat


def test_without_a_stack_a_placeholder_stands_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard error says so, and standard output can be piped."""
    assert main(["policy", "--for", "send"]) == 0

    output = capsys.readouterr()
    assert '"arn:aws:sns:*:*:STACK-*"' in output.out
    assert json.loads(output.out)
    assert output.err.startswith("algernon: put your stack's name in for STACK")


def test_a_policy_that_is_too_long_says_so(
    aws: LocalAWS, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a system with many Tasks, named one by one; that of patterns is always short."""
    sns, sqs = aws.client("sns"), aws.client("sqs")
    for number in range(80):
        topic = sns.create_topic(Name=f"shop-{number}")["TopicArn"]
        sqs.create_queue(QueueName=f"shop-{number}")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:shop-{number}"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    assert main(["policy", "--for", "operate", "--prefix", "shop-", "--bucket", "b"]) == 0
    assert main(["policy", "--for", "operate", "--stack", "shop"]) == 0

    (line,) = capsys.readouterr().err.splitlines()
    assert f"a managed policy {MOST_CHARACTERS} at most" in line


def test_a_log_group_is_given_as_aws_checks_it(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the ARN that ends with :*, since the other gives no right to read lines."""
    policy = printed_policy(capsys, "--for", "operate", *by_prefix(shop))

    (lines,) = (each for each in policy if each["Sid"] == "OperateLogGroup")
    (arn,) = lines["Resource"]
    assert re.fullmatch(rf"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/shop-\S+:\*", arn)


def test_a_folder_of_ones_own(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is the one that the environment names, as for whoever sends from it."""
    monkeypatch.setenv("CACHE_FOLDER_NAME", "results")

    policy = printed_policy(capsys, "--for", "send", *by_prefix(shop))

    (objects,) = (each for each in policy if each["Sid"] == "ResultObjects")
    assert objects["Resource"] == [f"arn:aws:s3:::{shop.bucket}/results/*"]
    assert not [each for each in policy if each["Sid"] == "ResultStack"]
