"""SIGKILL at random moments of a run: what is made in the end is what an undisturbed run makes.

`make test-faults FAULTS=100` kills more often; docs/reliability.md has what came of it.
"""

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from equal_results import assert_equal_results
from killing import KINDS, Persistent, jobs_at_work, usual_seconds
from running import TINY, copy_workflow

KILLS = int(os.environ.get("TTO_FAULTS", "20"))
LEAST = KILLS // 10  # of each kind
TARGET = os.environ.get("TTO_FAULTS_TARGET", "offline_rl")
SNAKEMAKE = "snakemake"


class Killer:
    """Kills jobs, or Snakemake while some job is at work, at random moments of a job's life."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.rng = np.random.default_rng(0)
        self.seconds = seconds
        self.killed: Counter[str] = Counter({kind: 0 for kind in (*KINDS, SNAKEMAKE)})

    @property
    def has_enough(self) -> bool:
        return self.killed.total() >= KILLS and min(self.killed.values()) >= LEAST

    def disturb(self, run: Persistent) -> None:
        """Kill until there was enough of it, or the run has ended for all that."""
        while not self.has_enough and not run.ended_well():
            jobs = jobs_at_work(run.folder)
            if not jobs:
                time.sleep(0.05)
                continue
            kind = min(jobs, key=lambda kind: self.killed[kind])
            victim = self.rng.choice(jobs[kind])
            time.sleep(self.rng.uniform(0, self.seconds[kind]))
            if self.rng.random() < 1 / (len(KINDS) + 1):
                kind = SNAKEMAKE
            if self.killed.total() >= KILLS and self.killed[kind] >= LEAST:
                continue
            if kind == SNAKEMAKE:
                run.kill()
            elif victim in jobs_at_work(run.folder).get(kind, []):
                os.kill(victim, signal.SIGKILL)
            else:
                continue
            self.killed[kind] += 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_killed_at_random_moments_it_ends_in_the_same_results(finished: Path, tmp_path: Path):
    killer = Killer(usual_seconds(finished / "results/tiny"))
    passes = 0
    while not killer.has_enough:
        folder = tmp_path / f"run{passes}"
        copy_workflow(folder)
        run = Persistent(folder, TARGET, "--retries", str(KILLS), "--configfile", TINY)
        killer.disturb(run)
        while not run.ended_well():
            time.sleep(0.1)
        files = assert_equal_results(finished / "results/tiny", folder / "results/tiny")
        assert files > 20
        passes += 1
    kills = killer.killed.total()
    print(f"\n{kills} kills in {passes} runs, results lost: 0; of these {dict(killer.killed)}")
    assert min(killer.killed.values()) >= LEAST
