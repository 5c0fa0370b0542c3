"""Upload of large objects to S3 in parts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

from .clients import aws_client
from .pointer import Pointer

#: What is longer than this, in bytes, goes in parts of this length.
PART_BYTES = 8 * 1024 * 1024

# Two connections are faster than a Lambda function's network, and a batch of ten that is
# uploaded at once has enough of them.
_IN_FLIGHT = 2


def upload_in_parts(
    place: Pointer, body: bytes, description: Mapping[str, Any], condition: Mapping[str, str]
) -> None:
    """Write an object in parts, which S3 checks one by one; it appears all at once, or never.

    When anything fails, S3 is told to drop the parts that it has.

    Args:
        place: Where to.
        body: The object.
        description: What CreateMultipartUpload takes on the object as a whole.
        condition: What CompleteMultipartUpload is to be refused under.

    Raises:
        botocore.exceptions.ClientError: S3 refuses any of it, the condition included
            (``PreconditionFailed``, ``ConditionalRequestConflict``). After a conflict
            the parts are gone, so that the upload is to be begun anew (Amazon S3
            API Reference, CompleteMultipartUpload).
    """
    client = aws_client("s3")
    address = {"Bucket": place.bucket, "Key": place.key}
    begun = client.create_multipart_upload(**address, **description, ChecksumAlgorithm="SHA256")
    upload = {**address, "UploadId": begun["UploadId"]}

    def send(number: int) -> dict[str, Any]:
        part = body[(number - 1) * PART_BYTES : number * PART_BYTES]
        checksum = b64encode(sha256(part).digest()).decode()
        answer = client.upload_part(**upload, PartNumber=number, Body=part, ChecksumSHA256=checksum)
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    numbers = range(1, -(-len(body) // PART_BYTES) + 1)
    try:
        with ThreadPoolExecutor(_IN_FLIGHT, "algernon-upload") as threads:
            try:
                sent: Iterable[dict[str, Any]] = threads.map(send, numbers)
            except RuntimeError:
                # When Python is about to end, it starts no more threads.
                sent = map(send, numbers)
            parts = list(sent)
        client.complete_multipart_upload(**upload, **condition, MultipartUpload={"Parts": parts})
    except BaseException as error:
        _drop(upload, error)
        raise


def _drop(upload: Mapping[str, str], error: BaseException) -> None:
    client = aws_client("s3")
    try:
        client.abort_multipart_upload(**upload)
    except client.exceptions.NoSuchUpload:
        return
    except Exception as of_dropping:  # noqa: BLE001 - what went wrong first is what is raised
        error.add_note(
            f"the parts of the upload {upload['UploadId']!r} to {upload['Bucket']}#{upload['Key']}"
            f" couldn't be dropped either, and stay in the bucket: {of_dropping}"
        )
