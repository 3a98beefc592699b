"""Baselines: behaviour cloning and the single-step ensemble of figure 2."""
