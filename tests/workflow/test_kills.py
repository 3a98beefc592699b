"""SIGKILL at random moments of a run: what is made in the end is what an undisturbed run makes.

`make test-faults FAULTS=100` kills more often; docs/reliability.md has what came of it, and how to
kill jobs of the demo in place of those of the tiny run.
"""

import math
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
DEMO = os.environ.get("TTO_FAULTS_DEMO")  # a folder in which the demo has ended
TARGET = os.environ.get("TTO_FAULTS_TARGET", "all" if DEMO else "offline_rl")
SNAKEMAKE = "snakemake"
SHARE = 1 / 6  # of the kills, those of Snakemake
SURPLUS = 1.5  # kills that are tried for each that is wanted: some jobs end before


class Killer:
    """Kills jobs, or Snakemake while some job is at work, at random moments of a job's life.

    Each job's fate is drawn when it starts. One that is started again after a kill is another job,
    so that some are killed several times.
    """

    def __init__(self, seconds: dict[str, float]) -> None:
        self.rng = np.random.default_rng(0)
        self.seconds = seconds
        self.killed: Counter[str] = Counter({kind: 0 for kind in (*KINDS, SNAKEMAKE)})

    @property
    def has_enough(self) -> bool:
        return self.killed.total() >= KILLS and min(self.killed.values()) >= LEAST

    def disturb(self, run: Persistent) -> None:
        """Kill until there was enough of it, or the run has ended for all that."""
        ends: dict[int, float] = {}  # of the jobs of this run
        before = self.killed.total()
        while not self.has_enough and not run.ended_well():
            jobs = jobs_at_work(run.folder)
            for job in jobs.keys() - ends.keys():
                left = run.planned_jobs - len(ends) + self.killed.total() - before
                ends[job] = time.monotonic() + self._seconds_left(jobs[job], left)
            for job in (job for job in jobs if ends[job] < time.monotonic()):
                ends[job] = math.inf
                self._kill(job, jobs[job], run)
            time.sleep(0.05)

    def _seconds_left(self, kind: str, jobs_left: int) -> float:
        """How long a job of a kind may work, so that the kills are spread over the whole run."""
        life = self.seconds[kind]
        if self.killed[kind] < LEAST:  # a run has few jobs of some kinds, and jobs vary in speed
            return self.rng.uniform(0, life / 2)
        chance = SURPLUS * (KILLS - self.killed.total()) / max(1, jobs_left)
        return math.inf if self.rng.random() > chance else self.rng.uniform(0, life)

    def _kill(self, job: int, kind: str, run: Persistent) -> None:
        open_kills, lacking = KILLS - self.killed.total(), LEAST - self.killed[SNAKEMAKE]
        if self.rng.random() < SHARE or 0 < open_kills <= lacking:
            kind = SNAKEMAKE
        if self.killed.total() >= KILLS and self.killed[kind] >= LEAST:
            return
        if kind == SNAKEMAKE:
            run.kill()
        else:
            try:
                os.kill(job, signal.SIGKILL)
            except ProcessLookupError:  # it has just ended
                return
        self.killed[kind] += 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_killed_at_random_moments_it_ends_in_the_same_results(
    request: pytest.FixtureRequest, tmp_path: Path
):
    undisturbed = Path(DEMO).resolve() if DEMO else request.getfixturevalue("finished")
    results, size = ("results/demo", []) if DEMO else ("results/tiny", ["--configfile", TINY])
    killer = Killer(usual_seconds(undisturbed / results))
    passes = 0
    while not killer.has_enough:
        folder = tmp_path / f"run{passes}"
        copy_workflow(folder)
        run = Persistent(folder, TARGET, "--retries", str(KILLS), *size)
        killer.disturb(run)
        while not run.ended_well():
            time.sleep(0.1)
        files = assert_equal_results(undisturbed / results, folder / results)
        assert files > 20
        passes += 1
    kills = killer.killed.total()
    print(f"\n{kills} kills in {passes} runs, results lost: 0; of these {dict(killer.killed)}")
    assert min(killer.killed.values()) >= LEAST
