"""The bucket that code and templates go through, on their way to Lambda and CloudFormation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from ...errors import DeploymentError
from ..looks import looks
from ..place import Place
from ..stack import Stack
from ..template.bucket import KEY_OF_S3, private_bucket
from ..template.checks import text_of
from .stack_state import ready

#: The stack of the bucket that is made where none is given.
STACK_NAME = "algernon-code"

_SECONDS = 600
# Amazon S3 API Reference, PutObject: what is answered where If-None-Match finds something, and
# where somebody else is writing the same.
_IS_THERE = {"PreconditionFailed"}
_IS_WRITTEN = {"ConditionalRequestConflict"}

#: That stack's template.
TEMPLATE = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Description": "Algernon: the code of all systems in this region",
    "Metadata": {"Algernon": {"Code": True}},
    # Nothing expires: CloudFormation may need the code of any system for a rollback.
    "Resources": private_bucket(encryption=KEY_OF_S3),
    "Outputs": {"Bucket": {"Value": {"Ref": "Bucket"}}},
}


@dataclass(frozen=True, slots=True)
class CodeBucket:
    """The bucket for code and templates.

    Attributes:
        name: Its name.
    """

    name: str
    _s3: Any = field(repr=False, compare=False)

    def put(self, key: str, body: bytes) -> None:
        """Put something there, unless something of that key is there already.

        Args:
            key: A name that nothing else has, such as one that is made of its SHA-256.
            body: What it is.

        Raises:
            botocore.exceptions.ClientError: S3 refused it, such as for the right
                ``s3:PutObject``.
        """
        from botocore.exceptions import ClientError

        for _ in looks():
            try:
                self._s3.put_object(Bucket=self.name, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _IS_WRITTEN:
                    continue
                if code not in _IS_THERE:
                    raise
            return

    def put_template(self, template: Mapping[str, Any]) -> str:
        """Put a template there, and return where it is, as CloudFormation takes it.

        Raises:
            botocore.exceptions.ClientError: As of `put`.
        """
        text = text_of(template).encode()
        key = f"{hashlib.sha256(text).hexdigest()}.json"
        self.put(key, text)
        return self.url(key)

    def url(self, key: str) -> str:
        """Return where something is, as CloudFormation takes it for a template."""
        return f"{self._s3.meta.endpoint_url}/{self.name}/{key}"


def code_bucket(place: Place, name: str | None, *, tell: Callable[[str], object]) -> CodeBucket:
    """Return the bucket for a place's code: the one given, or else the one for all systems there.

    That is in a stack of its own, ``algernon-code``, and is made if it isn't there: private,
    encrypted, and nothing in it expires, since a rollback may need it.

    Args:
        place: Where.
        name: The bucket's name, if it is one's own.
        tell: What is said of what it does goes there, in sentences without a full stop.

    Raises:
        DeploymentError: The bucket isn't there, is in another region, or can't be made.
        botocore.exceptions.ClientError: AWS refused it, such as for the right
            ``s3:ListBucket``, or one that creates a bucket.

    Example:
        >>> bucket = code_bucket(place, None, tell=print)  # doctest: +SKIP
        the stack 'algernon-code' isn't there yet: making it, with the bucket for code
        >>> bucket.put("1.zip", archive)  # doctest: +SKIP
        >>> bucket.url("1.json")  # doctest: +SKIP
        'https://s3.eu-west-1.amazonaws.com/algernon-code-bucket-1x2y3z/1.json'
    """
    is_given = name is not None
    if name is None:
        name = _bucket_of_all(place.client("cloudformation"), tell)
        remedy = f"it was deleted by hand: delete the stack {STACK_NAME!r} too, and run this again"
    else:
        remedy = "make it, or leave it out, and one is made"
    s3 = place.client("s3")
    _check(s3, name, place.session.region_name, remedy, is_given=is_given)
    return CodeBucket(name, s3)


def _bucket_of_all(cloudformation: Any, tell: Callable[[str], object]) -> str:
    """Return the name of the bucket for all systems there, which is made if it isn't there."""
    stack = Stack(cloudformation, STACK_NAME)
    if ready(cloudformation, STACK_NAME, tell=tell, timeout=_SECONDS) == "absent":
        tell(f"the stack {STACK_NAME!r} isn't there yet: making it, with the bucket for code")
        _create(cloudformation)
        stack.wait(_SECONDS)
    outputs = stack.facts().outputs
    if "Bucket" not in outputs:
        raise DeploymentError(
            f"the stack {STACK_NAME!r} isn't Algernon's, which keeps its code there: name a bucket"
            " for it by --code-bucket"
        )
    return outputs["Bucket"]


def _create(cloudformation: Any) -> None:
    from botocore.exceptions import ClientError

    try:
        cloudformation.create_stack(
            StackName=STACK_NAME,
            TemplateBody=json.dumps(TEMPLATE),
        )
    except ClientError as error:
        # Two first deployments at once need but one.
        if error.response["Error"]["Code"] != "AlreadyExistsException":
            raise


def _check(s3: Any, name: str, region: str, remedy: str, *, is_given: bool) -> None:
    from botocore.exceptions import ClientError

    try:
        answer = s3.head_bucket(Bucket=name)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == HTTPStatus.FORBIDDEN and is_given:
            raise DeploymentError(
                f"the bucket {name!r} may not be looked at: it is somebody else's, or whoever"
                " deploys lacks s3:ListBucket on it, and s3:PutObject and s3:GetObject on what is"
                " in it; what algernon policy --for deploy prints is for algernon-code-bucket-*,"
                " in place of which put this name in"
            ) from error
        if status != HTTPStatus.NOT_FOUND:
            raise
        raise DeploymentError(f"there is no bucket {name!r} for the code; {remedy}") from error
    # boto3 follows a bucket to its region, but Lambda doesn't: AWS Lambda API Reference,
    # FunctionCode.
    found = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", region)
    if found != region:
        raise DeploymentError(
            f"the bucket {name!r} is in the region {found}, but Lambda takes code from its own"
            f" region alone, {region}: name a bucket there, or none, and one is made"
        )
