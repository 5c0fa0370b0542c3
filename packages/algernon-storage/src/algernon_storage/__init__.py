"""Keep large values in S3 and send a pointer in their place."""
