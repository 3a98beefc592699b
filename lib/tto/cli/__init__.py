"""The command `tto`: single tasks outside the workflow."""
