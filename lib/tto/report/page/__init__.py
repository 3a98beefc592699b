"""The report, the README and a published run."""
