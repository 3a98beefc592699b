"""Transitions to integers and back (section 3.1): bins, rewards-to-go, the token file."""
