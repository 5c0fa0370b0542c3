"""What is shown to people: chains, invocations, and how lines, numbers and tables are written."""
