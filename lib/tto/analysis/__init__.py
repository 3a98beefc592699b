"""Models as predictors: sampled trajectories, likelihoods, attention (section 4.1)."""
