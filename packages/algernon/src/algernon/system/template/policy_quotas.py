"""What IAM admits of the workers' role: how many policies it has, and how long they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import TemplateError
from ..settings.settings import Settings
from .longest import length, longest

# IAM and AWS STS quotas: so many characters of a managed policy, and of all inline policies of a
# role, white space not counted; and so many managed policies of a role, unless AWS raises that.
LONGEST_POLICY = 6144
_LONGEST_INLINE_POLICIES = 10_240
_MOST_MANAGED_POLICIES = 10


def check_inline_policies(policies: Mapping[str, Any], settings: Settings) -> None:
    """Refuse more than the role may have in policies of its own.

    Args:
        policies: Their documents, by their names.
        settings: The system's.

    Raises:
        TemplateError: They are longer than that, in a stack with the longest names.
    """
    sizes = {name: length(longest(policy, settings)) for name, policy in policies.items()}
    if sum(sizes.values()) > _LONGEST_INLINE_POLICIES:
        raise TemplateError(
            f"the policies of the workers' role take up to {sum(sizes.values()):,} characters"
            f" ({', '.join(f'{name}: {size:,}' for name, size in sizes.items())}), but IAM has room"
            f" for {_LONGEST_INLINE_POLICIES:,} in all: write fewer statements, with patterns such"
            ' as "arn:…:table/shop-*", or put some into a managed policy of your own, and attach'
            " that to the role, which is the output WorkerRole. What the workers' environment"
            " names as secrets and parameters, state_machines and trusted_buckets counts as worker"
        )


def check_managed_policy(name: str, policy: Any, settings: Settings) -> None:
    """Refuse more than a managed policy has room for.

    Raises:
        TemplateError: It is longer than that, in a stack with the longest names.
    """
    size = length(longest(policy, settings))
    if size > LONGEST_POLICY:
        raise TemplateError(
            f"the policy {name} takes up to {size:,} characters, but IAM has room for"
            f" {LONGEST_POLICY:,}: name fewer state_machines, or patterns of them, and fewer"
            " trusted_buckets"
        )


def check_number_of_policies(names: Sequence[str]) -> None:
    """Refuse more managed policies than a role has.

    Raises:
        TemplateError: They are more.
    """
    if len(names) > _MOST_MANAGED_POLICIES:
        raise TemplateError(
            f"the workers' role needs {len(names)} managed policies ({names[0]} to {names[-1]}),"
            f" but IAM attaches {_MOST_MANAGED_POLICIES} to a role: give Tasks shorter names, of"
            " which more fit into one, or make two systems of them"
        )
