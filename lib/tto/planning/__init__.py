"""Beam search over a Trajectory Transformer, and the controller that acts by it (section 3.2)."""
