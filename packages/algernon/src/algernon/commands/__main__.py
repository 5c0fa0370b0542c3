"""Run the command as ``python -m algernon.commands``."""

import sys

if not sys.flags.safe_path:
    # python -m puts the current directory first, whose modules are the workers' alone.
    del sys.path[0]

from .main import main

sys.exit(main())
