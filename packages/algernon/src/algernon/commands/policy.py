"""`algernon policy`: print the IAM policy that somebody needs."""

from __future__ import annotations

import argparse
import json

from ..story.printing import warn
from .arguments import add_place
from .places import is_on_aws, place_of

HELP = "print the IAM policy that gives the rights to send, to operate, or to deploy"
DESCRIPTION = (
    "Print the IAM policy that gives the rights for a system on AWS: to send, which is for programs"
    " that send Tasks and get their results; to operate, which is for all that this command does"
    " with a system that is there; or to deploy, which is for making, changing and removing one."
    " With a region, a profile or a prefix, AWS is asked for the system's parts, and they are named"
    " one by one; without, they are patterns by the stack's name, and nothing is asked."
)
EXAMPLES = """\
algernon policy --for send --stack shop
algernon policy --for operate --stack shop --region eu-west-1
algernon policy --for deploy --stack shop\
"""

# What stands for the name of a stack that wasn't named.
_ANY_STACK = "STACK"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what for, and which system."""
    parser.add_argument(
        "--for",
        dest="role",
        choices=("deploy", "operate", "send"),
        required=True,
        help="deploy: deploy and destroy; operate: all other verbs; send: send, result, cancel,"
        " exec and env",
    )
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print the policy, and say on standard error what is to be known of it."""
    from ..system.parts import parts_by_name, parts_of
    from ..system.policy import MOST_CHARACTERS, policy

    if is_on_aws(options) and options.role == "deploy":
        options.usage_error(
            "--for deploy takes --stack alone: a deployment makes parts that AWS doesn't know yet,"
            " so its policy has patterns of their names"
        )
    if is_on_aws(options):
        parts = parts_of(place_of(options))
    else:
        if options.bucket is not None:
            options.usage_error("--bucket is for --prefix: a stack tells its own")
        parts = parts_by_name(options.stack or _ANY_STACK)
        if options.stack is None:
            warn(
                f"put your stack's name in for {_ANY_STACK}, or name it by --stack (in the bucket's"
                " name it is in small letters)"
            )
    document = policy(options.role, parts)
    print(json.dumps(document, indent=2))
    length = len(json.dumps(document, separators=(",", ":")))
    if length > MOST_CHARACTERS:
        warn(
            f"it has {length} characters, and a managed policy {MOST_CHARACTERS} at most: split it,"
            " or take the shorter one with patterns, by --stack alone"
        )
