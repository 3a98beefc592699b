"""A job that goes on after Snakemake was killed does not overwrite what a newer run made."""

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from killing import jobs_at_work
from running import HOPPER, ROOT, changed, overlay, snakemake, start


def test_every_rule_hands_its_outputs_to_the_job():
    scripts = sorted((ROOT / "workflow/scripts").rglob("*.py"))
    assert len(scripts) > 40
    for script in scripts:
        (call,) = re.findall(r"with job\((.*?)\)[:,]", script.read_text())
        assert call.startswith("snakemake.log[0], snakemake.output"), script


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_an_orphan_of_a_killed_run_leaves_newer_results(tmp_path: Path):
    target = f"results/tiny/datasets/{HOPPER}"
    config = overlay(tmp_path, changed({"collect": {"transitions": 1500}}))
    with open(tmp_path / "output.txt", "w") as output:
        first = start(tmp_path, target, "--configfile", config, output=output)
    token = tmp_path / f"results/tiny/datasets/.{HOPPER}.owner"
    while not token.exists():  # the job has begun
        assert first.poll() is None
        time.sleep(0.01)
    (orphan,) = (job for job, kind in jobs_at_work(tmp_path).items() if kind == "collector")
    os.kill(orphan, signal.SIGSTOP)
    try:
        first.kill()
        first.wait()
        assert not (tmp_path / target).exists()
        config = overlay(tmp_path, changed({"collect": {"transitions": 60}}))
        assert snakemake(tmp_path, "--unlock", "--configfile", config).returncode == 0
        run = snakemake(tmp_path, target, "--configfile", config)
        assert run.returncode == 0, run.stdout
        (data,) = (tmp_path / target).rglob("*.hdf5")
        before = data.read_bytes()
    finally:
        os.kill(orphan, signal.SIGCONT)
    while Path(f"/proc/{orphan}").exists():
        time.sleep(0.1)
    assert data.read_bytes() == before
    left = (tmp_path / "results").rglob(".*")
    assert not [path for path in left if path.suffix in (".owner", ".tmp")]
