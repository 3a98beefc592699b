"""Models of others read, ours written for others."""
