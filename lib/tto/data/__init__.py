"""Episodes: their sources, their storage, and their reading one at a time."""
