"""The command `algernon`: a module for each of its verbs, with its parser and what it does."""
