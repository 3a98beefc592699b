"""One profile for all fuzzing: few examples in CI, TTO_FUZZ of each kind for `make test-fuzz`."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    max_examples=int(os.environ.get("TTO_FUZZ", "30")),
    deadline=10_000,  # milliseconds of one example
    derandomize="TTO_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("ci")
