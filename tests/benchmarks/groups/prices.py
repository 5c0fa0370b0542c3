"""What fan-out and join cost with others, in US$ a million members, by their published prices.

For us-east-1. Only the price of Step Functions was looked up, in November 2026; that of durable
functions, and what Celery asks, are from memory, and to be checked before they are quoted. All are
without free tiers, and without what runs the members:

- AWS Step Functions pricing (https://aws.amazon.com/step-functions/pricing/): $0.025 for a
  thousand state transitions. A distributed map takes at least one for each child that it starts.
- AWS Lambda pricing (https://aws.amazon.com/lambda/pricing/), durable functions: $8.00 for a
  million operations, of which a member is at least one, beside data written and kept.
- Celery with results in S3: Celery's own code (`KeyValueStoreBackend._store_result`, and the
  task `celery.chord_unlock`) asks for a result before it writes it, and for each result once to
  see that it is there and once to read it: 3 GET and 1 PUT, at Amazon S3's prices. Each look
  before the last member has ended comes on top: one a second, of one GET at least.
"""

from __future__ import annotations

from ..queue.prices import of_a_million

#: US$ a million members, at least.
OTHERS = {
    "Step Functions, distributed map: one transition a child": 25.00,
    "Lambda durable functions, map: one operation a member": 8.00,
    "Celery, chord with results in S3: 3 GET, 1 PUT": 3 * of_a_million("s3 GET")
    + of_a_million("s3 PUT"),
}
