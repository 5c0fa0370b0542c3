"""The worker on Powertools, traced by X-Ray."""

from __future__ import annotations

from aws_lambda_powertools import Tracer

from .powertools import handler as untraced

handler = Tracer(service="prices").capture_lambda_handler(untraced)
