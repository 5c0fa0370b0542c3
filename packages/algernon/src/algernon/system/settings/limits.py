"""What Lambda gives a function: apart from all else, since each verb's parser needs it."""

from __future__ import annotations

# AWS Lambda Developer Guide, "Lambda quotas".
#: How long a batch may take, in seconds.
TIMEOUTS = range(1, 900 + 1)
#: How much memory a function may have, in MB.
MEMORIES = range(128, 10_240 + 1)
