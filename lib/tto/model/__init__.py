"""The Trajectory Transformer: network, attention and files (section 3.1, appendix A)."""
