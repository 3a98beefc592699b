"""The Trajectory Transformer and its training (section 3.1, appendix A)."""
