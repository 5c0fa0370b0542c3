"""Send real Python objects as JSON, and get them back as they were."""

from . import ajson
from .alg_object import AlgObject
from .errors import (
    MalformedJSONError,
    MalformedTagError,
    NestingError,
    RebuildError,
    SerializeError,
    UnknownClassError,
    UnserializableError,
)
from .later import register_later
from .models import model_fields, model_values
from .rebuilding import rebuild_event

__all__ = [
    "AlgObject",
    "MalformedJSONError",
    "MalformedTagError",
    "NestingError",
    "RebuildError",
    "SerializeError",
    "UnknownClassError",
    "UnserializableError",
    "ajson",
    "model_fields",
    "model_values",
    "rebuild_event",
    "register_later",
]
