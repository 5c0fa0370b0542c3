"""Distributed, serverless Tasks on AWS, for Python."""
