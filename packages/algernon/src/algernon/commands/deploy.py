"""`algernon deploy`: bring a system to AWS, or change it there."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..story.printing import warn
from .arguments import add_env, add_workers
from .consent import add_consent, check_consent
from .deploying import Watch, add_drop, add_stack, show, stack_place
from .project import modules_of, project_settings, tell_throttled

if TYPE_CHECKING:
    from ..settings import Settings

ROLE = "deploy"
HELP = "bring a system to AWS, or change it there"
DESCRIPTION = (
    "Build the workers' code for Lambda, show what changes, Task by Task, and have CloudFormation"
    " make it so. Nothing that holds messages is deleted or replaced, and messages of Tasks that go"
    " or move wait meanwhile. The next deployment goes on with one that was interrupted."
)
EXAMPLES = """\
algernon deploy worker:router --stack shop --region eu-west-1
algernon deploy worker:router --stack shop --plan
algernon deploy worker:router --stack shop --code-only --yes
algernon deploy worker:router --stack shop --drop mail\
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the workers, the stack, and how it is deployed."""
    add_workers(parser)
    add_env(parser)
    add_stack(parser)
    parser.add_argument(
        "--code-bucket",
        metavar="NAME",
        help="the bucket that the code goes through; by default one is made for all systems of the"
        " account and region",
    )
    parser.add_argument(
        "--code-only",
        action="store_true",
        help="leave all but the code as it is deployed, which takes seconds",
    )
    add_drop(parser)
    add_consent(parser, "deploy it")


def execute(options: argparse.Namespace) -> None:
    """Plan it, show the plan and, if that is wanted, carry it out."""
    from ..story.deployment import outcome_lines, plan_lines
    from ..system.build.build import build
    from ..system.deployment.deploy import Deployment
    from ..system.settings.environment import template_settings

    if options.code_only and options.drop:
        options.usage_error("--drop is for Tasks that go, and with --code-only none does")
    place = stack_place(options)
    settings = template_settings(project_settings(options), modules_of(options), dict(options.env))
    template = _template(options, settings)
    watch = Watch(options.stack, template["Metadata"]["Algernon"]["Tasks"])
    with watch.showing():
        deployment = Deployment(
            place,
            template,
            drop=options.drop,
            is_code_only=options.code_only,
            is_dry=options.plan,
            bucket=options.code_bucket,
            tell=warn,
            progress=watch,
        )
        code = build(options.targets, Path.cwd(), settings=settings, tell=warn)
        for note in (f"requirements: {code.source}", *code.notes):
            warn(note)
        plan = deployment.plan(code)
    show(plan_lines(plan, options.stack))
    if options.plan:
        return
    if options.drop or not plan.is_empty:
        check_consent(options, "Deploy it?")
    with watch.showing():
        outcome = deployment.carry_out(plan, code)
    show(outcome_lines(outcome, plan, options.stack))


def _template(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    from ..system.workers import import_workers
    from ..template import system_template

    workers = import_workers(options.targets, Path.cwd(), settings=settings)
    template: dict[str, Any] = system_template(
        workers, timeout=options.timeout, memory=options.memory, settings=settings
    )
    tell_throttled(workers, settings)
    return template
