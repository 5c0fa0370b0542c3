"""The environment variables that lead a program to the place which the options of a verb mean."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from .places import find_local_system, is_on_aws, place_with_bucket_if_known


def leading_variables(options: argparse.Namespace) -> Mapping[str, str | None]:
    """Return what leads there: the value of each variable, or None where it is to be unset.

    Of AWS it holds no credentials. A program finds them as the command did, by the profile
    or, without one, in what is in its environment already.

    Raises:
        NoSystemError, LocalSystemError, CredentialsError, botocore.exceptions.ClientError: As of
            `place_with_bucket_if_known`.
        botocore.exceptions.NoRegionError: AWS is meant, and nothing names a region.
    """
    if is_on_aws(options):
        from ..system.named_aws import variables_on_aws

        return variables_on_aws(place_with_bucket_if_known(options), options.profile)

    from ..local.place import variables_of_system

    if options.bucket is not None:
        options.usage_error("--bucket is for --prefix: a stack tells its own")
    return variables_of_system(find_local_system(options))
