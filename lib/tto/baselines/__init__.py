"""Models that the paper compares with."""
