"""How threads wait: asleep, unless the user says otherwise."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("given", "kept"), [(None, "passive"), ("active", "active")])
def test_the_library_lets_waiting_threads_sleep(given: str | None, kept: str):
    """Spinning threads made a small training on a busy machine a hundred times slower."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    if given is not None:
        environment["OMP_WAIT_POLICY"] = given
    code = "import os, sys, tto; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    assert found.stdout.split() == [kept, "False"]
