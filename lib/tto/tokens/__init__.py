"""Tokens of transitions (section 3.1): bins, rewards-to-go and the token file."""
