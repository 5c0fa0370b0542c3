"""`algernon pause`: let the messages of Tasks wait."""

from __future__ import annotations

import argparse

from .switching import add_switch, switch

HELP = "let the messages of Tasks wait in their queues"
DESCRIPTION = (
    "Let the messages of Tasks wait in their queues, in the local system that runs or, given a"
    " region or profile, on AWS: their event source mappings are disabled. It returns when that"
    " holds; batches that a worker has in hand by then run to their end. What waits for longer than"
    " its queue keeps messages is lost, without a word. algernon resume ends it, and a deployment"
    " of the stack may."
)
EXAMPLES = "algernon pause resize --stack shop --region eu-west-1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the Tasks, and where their system is."""
    add_switch(parser)


def execute(options: argparse.Namespace) -> None:
    """Pause them."""
    switch(options, is_enabled=False)
