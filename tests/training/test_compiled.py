"""Compiled training: one graph without breaks, equal to the plain network, and resumable."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_compiled_training(tmp_path):
    script = Path(__file__).with_name("compiled_training.py")
    run = subprocess.run(
        [sys.executable, script, tmp_path], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
