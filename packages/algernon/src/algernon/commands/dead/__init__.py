"""`algernon dead`: what was given up, one module a verb."""
