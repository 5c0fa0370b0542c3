"""The Celery application whose calls are counted, as its worker loads it."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from celery import Celery

from .distant_aws import ACCOUNT, BUCKET, REGION

QUEUE = os.environ.get("BENCH_CELERY_QUEUE", "celery-hops")

_endpoint = os.environ["AWS_ENDPOINT_URL"]
_key, _secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]

app = Celery("hops", broker=f"sqs://{_key}:{_secret}@{urlsplit(_endpoint).netloc}", backend="s3")
app.conf.update(
    task_default_queue=QUEUE,
    broker_transport_options={
        "region": REGION,
        "is_secure": False,
        "wait_time_seconds": 20,
        "predefined_queues": {QUEUE: {"url": f"{_endpoint}/{ACCOUNT}/{QUEUE}"}},
    },
    # As many as a batch of a Lambda function has.
    worker_prefetch_multiplier=10,
    worker_enable_remote_control=False,
    s3_access_key_id=_key,
    s3_secret_access_key=_secret,
    s3_bucket=BUCKET,
    s3_base_path="celery/",
    s3_region=REGION,
    s3_endpoint_url=_endpoint,
)


@app.task  # type: ignore[untyped-decorator]
def hop(payload: Any) -> Any:
    """Send the argument on."""
    return payload
