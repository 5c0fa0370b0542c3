"""Usable logs and X-Ray traces for Lambda functions, with one decorator."""
