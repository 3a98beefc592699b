"""Baselines: other methods of offline RL on the same data, and the single-step ensemble."""
