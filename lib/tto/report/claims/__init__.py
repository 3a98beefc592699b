"""The paper's claims, and a verdict on each from the run's numbers."""
