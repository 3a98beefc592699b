"""The command `tto`: single things outside the workflow."""
