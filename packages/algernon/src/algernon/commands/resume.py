"""`algernon resume`: have the messages of Tasks taken again."""

from __future__ import annotations

import argparse

from .switching import add_switch, switch

HELP = "have the messages of Tasks that were paused taken again"
DESCRIPTION = (
    "Have the messages of Tasks that were paused taken to their workers again, in the local system"
    " that runs or, given a region or profile, on AWS: their event source mappings are enabled. It"
    " returns when that holds."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the Tasks, and where their system is."""
    add_switch(parser)


def execute(options: argparse.Namespace) -> None:
    """Resume them."""
    switch(options, is_enabled=True)
