"""Episodes: where they come from, how they are stored, and how they are read one at a time."""
