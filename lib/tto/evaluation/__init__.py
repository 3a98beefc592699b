"""Evaluation: policies in environments, one file an episode, one tidy row a file."""
