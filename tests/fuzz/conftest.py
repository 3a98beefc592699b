"""Few examples by default; TTO_FUZZ=2000 tries as many in each test."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    max_examples=int(os.environ.get("TTO_FUZZ", "40")),
    deadline=None,
    derandomize="TTO_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("ci")
