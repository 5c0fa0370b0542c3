"""What the shop keeps, as objects in the system's bucket."""

import os

from algernon_storage import aws_client


def keep(name: str, text: str) -> None:
    """Keep a text under a name, in place of what is there."""
    bucket = os.environ["ALGERNON_BUCKET_NAME"]
    aws_client("s3").put_object(Bucket=bucket, Key=name, Body=text.encode())


def kept(name: str) -> str | None:
    """Return the text that is kept under a name, if there is one."""
    s3, bucket = aws_client("s3"), os.environ["ALGERNON_BUCKET_NAME"]
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=name)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return body.decode()
