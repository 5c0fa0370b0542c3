"""Lines of a log: what they carry, how they are written, where they go, and reading them again."""
