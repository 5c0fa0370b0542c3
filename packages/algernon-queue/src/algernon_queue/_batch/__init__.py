"""One batch, step by step: `handler` has the steps in order."""
