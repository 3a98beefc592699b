"""`make gpu` in its dry form, so that it works once there is a GPU."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from running import ROOT

SCRIPT = ROOT / "benchmarks/gpu.py"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], check=False, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_dry_run_writes_the_whole_page(tmp_path: Path):
    dry = run("--dry", "--output", tmp_path)
    assert dry.returncode == 0, dry.stdout + dry.stderr
    page = (tmp_path / "gpu-dry.md").read_text()
    assert dry.stdout.startswith(page)
    for part in ("| bfloat16 | yes | ", "| dry (4, 2) | plain | ", "45 models, 8.68e+10 tokens"):
        assert part in page
    assert "failed" not in page
    assert "no time left" not in page


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so_in_one_line():
    full = run()
    assert full.returncode == 1
    assert full.stdout == ""
    (line,) = full.stderr.splitlines()
    assert line.startswith("Error: expected a CUDA device, found none")
