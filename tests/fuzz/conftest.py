"""How long hostile inputs are tried: some seconds a test, or as TTO_FUZZ says."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("TTO_FUZZ", "25")),
    deadline=5000,  # milliseconds for one input
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")
