"""Tracing with AWS X-Ray."""
