"""What it means that AWS refuses a call, or isn't reached, and what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from .actions import actions_of
from .throttling import THROTTLED

#: The services' words for a right that is missing, by "Common errors" of their API references.
DENIED = {
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorized",
    "UnauthorizedOperation",
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN_KEY = {
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "UnrecognizedClientException",
}
_SIGNED_WRONGLY = {
    "InvalidSignatureException",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
_MISSING = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
}
# How messages say that it is the clock, and not the secret.
_OF_THE_CLOCK = re.compile(
    "signature (expired|not yet current)|too skewed|difference between", re.IGNORECASE
)

# AWS Identity and Access Management User Guide, "Troubleshoot access denied error messages".
_NOT_AUTHORIZED = re.compile(
    r"(?:User: (?P<user>\S+) is )?not authorized to perform: (?P<action>[\w-]+:\w+)"
    r"(?: on resource: \"?(?P<resource>[^\s\"]+)\"?)?"
    r"(?: (?P<why>because .*?|with an explicit deny.*?))?(?=:? to (?:read|write|remove) |$)"
)
_SIGN_IN = "sign in again, such as by aws sso login or aws login, or give the profile new keys"


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What AWS answered in place of what it was asked for."""

    code: str
    message: str
    operation: str

    @classmethod
    def of(cls, error: Any) -> _Refusal:
        told = error.response.get("Error", {})
        return cls(told.get("Code", ""), told.get("Message", ""), error.operation_name)


def what_is_refused(error: BaseException, *, policy: str = "algernon policy") -> str | None:
    """Return in one line what an error of botocore's means, and what to do about it.

    Args:
        error: The error, or one that it is the cause of, and that cites it.
        policy: The command that prints the rights that whoever calls should have.

    Returns:
        The line, or None where the error says the same or more.

    Example:
        >>> from botocore.exceptions import NoRegionError
        >>> what_is_refused(NoRegionError())
        'no region of AWS is named: name it by --region, …'
    """
    if meaning := _meaning(error, policy):
        return meaning
    cause = error.__cause__
    if cause is None or str(cause) not in str(error):
        return None
    meaning = what_is_refused(cause, policy=policy)
    return str(error).replace(str(cause), meaning) if meaning else None


def _meaning(error: BaseException, policy: str) -> str | None:
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return _of_answer(_Refusal.of(error), policy)
    return _of_call(error)


def _of_answer(refusal: _Refusal, policy: str) -> str | None:
    code, message, operation = refusal.code, refusal.message, refusal.operation
    if code in DENIED:
        return _denial(refusal, policy)
    if code in _EXPIRED:
        return f"the credentials have expired ({code}: {message}): {_SIGN_IN}"
    if code in _UNKNOWN_KEY:
        return (
            f"AWS doesn't know these credentials ({code}: {message}): they may have been deleted,"
            f" have ended, or be of another place than this region; {_SIGN_IN}"
        )
    if code in _SIGNED_WRONGLY:
        return _wrong_signature(refusal)
    if code in _MISSING or (code == "ValidationError" and message.endswith("does not exist")):
        return (
            f"{message} ({operation}): look at its name and, as it may be elsewhere, at --stack,"
            " --region and --profile"
        )
    if code in THROTTLED:
        return (
            f"AWS still throttles {operation} after all tries ({code}: {message}): wait until less"
            " is asked of it, and run this again"
        )
    return None


def _denial(refusal: _Refusal, policy: str) -> str:
    """Say which right is missing: as AWS says it or, where that is silent, by what was called."""
    found = _NOT_AUTHORIZED.search(refusal.message)
    if found is None:
        actions = " and ".join(actions_of(refusal.operation)) or f"to call {refusal.operation}"
        said = f" ({refusal.code}: {refusal.message})" if refusal.message else f" ({refusal.code})"
        return f"AWS denies the right {actions}{said}: {policy} prints what gives it"
    action = _as_written(found["action"])
    line = f"AWS denies the right {action}"
    if found["resource"]:
        line += f" on {found['resource']}"
    if found["user"]:
        line += f" to {found['user']}"
    if found["why"]:
        line += f", {found['why']}"
    if "explicit deny" in refusal.message:
        return f"{line}: no policy that allows it helps against that, so ask who denied it"
    return f"{line}: {policy} prints what gives it"


def _as_written(action: str) -> str:
    """Return an action as policies have it: SNS and SQS call themselves in capitals at times."""
    service, _, name = action.partition(":")
    return f"{service.lower()}:{name[0].upper()}{name[1:]}"


def _wrong_signature(refusal: _Refusal) -> str:
    if refusal.code.startswith("Request") or _OF_THE_CLOCK.search(refusal.message):
        return (
            f"this machine's clock is wrong, by what AWS answers ({refusal.code}:"
            f" {refusal.message}): set it, such as by timedatectl set-ntp true"
        )
    return (
        f"AWS doesn't take the signature ({refusal.code}: {refusal.message}): the secret access key"
        " isn't the one of this access key, or this machine's clock is wrong by more than some"
        " minutes"
    )


def _of_call(error: BaseException) -> str | None:
    """Return what it means that a call wasn't made, or wasn't answered."""
    from botocore import exceptions as boto

    match error:
        case boto.NoCredentialsError():
            return (
                "there are no credentials for AWS: name a --profile, sign in, such as by aws sso"
                " login, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        case boto.PartialCredentialsError():
            return f"the credentials for AWS aren't whole: {error}"
        case boto.NoRegionError():
            return (
                "no region of AWS is named: name it by --region, in the profile (aws configure set"
                " region …), or by AWS_REGION"
            )
        case boto.ProfileNotFound():
            return f"{error}: aws configure list-profiles lists those there are"
        case boto.SSOError() | boto.TokenRetrievalError() | boto.NoAuthTokenError():
            return f"nobody is signed in, or no longer: {error}; sign in by aws sso login"
        case boto.CredentialRetrievalError():
            return f"the credentials can't be had: {error}; {_SIGN_IN}"
        case boto.ProxyConnectionError():
            return f"{error}: look at HTTPS_PROXY and NO_PROXY"
        case boto.EndpointConnectionError():
            return _unreached(error.kwargs["endpoint_url"])
        case boto.ConnectTimeoutError() | boto.ReadTimeoutError():
            return f"AWS doesn't answer: {error}; look at the network, such as a VPN, and try again"
        case boto.SSLError():
            return f"{error}: look at AWS_CA_BUNDLE, and at what stands between here and AWS"
    return None


def _unreached(url: str) -> str:
    address = urlsplit(url)
    if is_here(address.hostname or ""):
        return (
            f"nothing answers at {address.scheme}://{address.netloc}: has the local AWS ended? It"
            " lives as long as its algernon run"
        )
    region = _region_of(address.hostname or "")
    if region is not None and not _is_known(region):
        return (
            f"{address.hostname} isn't reached, and boto3 knows no region {region!r}: look at"
            " --region"
        )
    return (
        f"{address.hostname} isn't reached: look at the region, and at the network, such as a VPN"
        " or a proxy"
    )


def is_here(host: str) -> bool:
    """Tell whether a host is this machine, where nothing but a local AWS answers.

    Args:
        host: Its name or address.

    Example:
        >>> is_here("127.0.0.1"), is_here("sqs.eu-west-1.amazonaws.com")
        (True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _region_of(host: str) -> str | None:
    """Return the region that the name of an endpoint of AWS's own has in it."""
    found = re.search(r"(?:^|\.)([a-z]+(?:-[a-z]+)+-\d+|[a-z]+-\d+)\.(?:amazonaws|api\.aws)", host)
    return found[1] if found else None


def _is_known(region: str) -> bool:
    import boto3

    session = boto3.Session()
    return any(
        region in session.get_available_regions("sqs", partition)
        for partition in session.get_available_partitions()
    )
