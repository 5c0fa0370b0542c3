"""A whole system on a local AWS: what `algernon run` runs, for programs and tests too.

Needs the extra ``algernon[local]``.
"""

from .local_system import LocalSystem, default_stack_name

__all__ = ["LocalSystem", "default_stack_name"]
