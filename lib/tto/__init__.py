"""Trajectory Transformers: datasets to tokens, tokens to models, models to plans, plans to the paper."""
