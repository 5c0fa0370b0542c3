"""A system of workers, as AWS is told of it."""
