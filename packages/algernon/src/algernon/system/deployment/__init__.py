"""How a system is deployed: its code bucket, its change sets, and their execution."""
