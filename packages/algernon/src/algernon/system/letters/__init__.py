"""Dead letters: what they are, how they are read, and how they go back."""
