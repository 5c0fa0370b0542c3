"""Send real Python objects as JSON, and get them back as they were."""
