"""A system as AWS knows it: its workers, their code, its stack, and where all of it is."""
