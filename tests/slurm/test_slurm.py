"""The workflow on a real Slurm, with faults; `make test-slurm` runs it, as root.

docs/reliability.md tells what is injected. Each test ends in the files of a run without a cluster.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import slurm_jobs as slurm
import yaml
from equal_results import OF_TIMES
from running import HOPPER, TINY, overlay, snakemake, start

from tto.training.checkpoint import load_checkpoint

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

RESULTS = Path("results/tiny")
UPDATES = 200  # a training makes more
PROFILE = ("--workflow-profile", "profiles/slurm")
# A cluster without accounts, whose jobs last seconds.
QUICK = ("--slurm-status-command", "squeue", "--latency-wait", "10")
QUICK += ("--slurm-init-seconds-before-status-checks", "4")
TIMES = ["seconds", "tokens_per_second", "plan_ms_median", "plan_seconds", "train_seconds"]
GPU = ("--set-resources", "train:gpu=1")  # as `device: cuda` does, whose jobs could not run here


class Cluster:
    """A folder whose jobs a Slurm runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / RESULTS
        self.config = overlay(folder, settings())
        self.before = max((job.number for job in slurm.jobs()), default=0)
        self.output = folder / "snakemake.txt"
        self.runs: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = ("offline_rl", *PROFILE, *QUICK, *arguments, "--configfile", self.config)
        with self.output.open("a") as output:
            self.runs.append(start(self.folder, *command, cores=None, output=output))
        return self.runs[-1]

    def finish(self, run: subprocess.Popen[str]) -> None:
        """Wait for the end, which must be a good one."""
        run.wait()
        assert run.returncode == 0, self.output.read_text()

    def jobs(self) -> list[slurm.Job]:
        return [job for job in slurm.jobs() if job.number > self.before]

    def log(self) -> str:
        """What the training has to say."""
        path = self.results / f"logs/train/{HOPPER}-seed0.log"
        return path.read_text() if path.exists() else ""

    def update(self) -> int:
        """That of the checkpoint of a training under way, or 0."""
        folders = (self.results.parent / f"checkpoints/{HOPPER}/seed0").glob("*")
        states = [state for state in map(load_checkpoint, folders) if state is not None]
        return max((state["update"] for state in states if state["update"] < UPDATES), default=0)


def settings(**training: float) -> dict:
    """One model of the tiny size, with planning by it, cloning, and their table and figure."""
    content = yaml.safe_load(TINY.read_text())
    for section in ("tuning", "ablations"):
        del content[section]
    content |= {"baselines": {"methods": []}, "loss_ladder": {"datasets": []}}
    content["training"] |= {"epochs": 10.0, "evaluate_every": 50, "checkpoint_every": 5}
    content["training"] |= training
    return content


@pytest.fixture(scope="module")
def slurm_up() -> Iterator[None]:
    up = subprocess.run([slurm.CLUSTER, "up"], text=True, stderr=subprocess.PIPE, check=False)
    if up.returncode == slurm.CANNOT:
        pytest.skip(up.stderr.strip())
    assert up.returncode == 0, up.stderr
    yield
    subprocess.run([slurm.CLUSTER, "down"], check=True)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a run without a cluster."""
    folder = tmp_path_factory.mktemp("local")
    run_locally(folder, settings())
    return folder / RESULTS


def run_locally(folder: Path, content: dict) -> None:
    run = snakemake(folder, "offline_rl", "--configfile", overlay(folder, content))
    assert run.returncode == 0, run.stdout


@pytest.fixture(scope="module")
def cluster(slurm_up: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    for run in cluster.runs:
        run.kill()


@pytest.fixture(scope="module")
def finished(cluster: Cluster) -> Cluster:
    """All of it made by Slurm, while a job is cancelled and a node is emptied."""
    run = cluster.start(*GPU)
    slurm.cancel(slurm.wait_for_job(run, "train", ready=lambda: cluster.update() > 0))
    planning = slurm.wait_for_job(run, "plan")
    slurm.drain(planning.node)
    slurm.requeue(planning)
    cluster.finish(run)
    return cluster


def timeless(path: Path) -> bytes | str | dict[str, bytes]:
    """What a file holds, but for the times that jobs took."""
    if path.suffix == ".csv":
        table = pd.read_csv(path, dtype=str)
        return table.drop(columns=TIMES, errors="ignore").to_csv()
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            arrays = {str(name): np.asarray(file[name]) for name in file if name not in TIMES}
            return {name: array.tobytes() for name, array in arrays.items()}
    return path.read_bytes()


def assert_equal_results(one: Path, two: Path) -> None:
    compared = ["tables/*", "rollouts/**/*", "statistics/*", "models/**/*", "tokens/*"]
    files = [path for pattern in compared for path in one.glob(pattern) if path.is_file()]
    assert len(files) > 10
    for path in (path for path in files if path.name not in OF_TIMES):
        assert timeless(path) == timeless(two / path.relative_to(one)), path


def test_a_cancelled_job_and_a_drained_node(finished: Cluster, local: Path):
    assert_equal_results(local, finished.results)
    jobs = finished.jobs()
    alone = {"collect": 1, "tokenize": 1, "train": 3, "plan": 1, "act": 1}
    grouped = {"cards": 1, "tables": 1}
    assert Counter(job.name.split("_")[0] for job in jobs) == alone | grouped
    # the cancelled training asked for more at its second attempt
    first, second = (job for job in jobs if job.name == "train")
    assert (first.state, second.state) == ("CANCELLED", "COMPLETED")
    assert (first.memory, second.memory) == ("8000M", "16000M")
    assert (first.time_limit, second.time_limit) == ("1-00:00:00", "2-00:00:00")
    assert {job.gpus for job in jobs if job.name != "train"} == {0}
    assert (first.gpus, second.gpus) == (1, 1)
    # the drained node's job began again on the other, where all that followed ran
    (planning,) = (job for job in jobs if job.name == "plan")
    assert (planning.restarts, planning.state) == (1, "COMPLETED")
    assert {job.node for job in jobs if job.number >= planning.number} == {"n2"}


def test_a_job_out_of_time_and_snakemake_killed(finished: Cluster, local: Path):
    slurm.resume("n1")
    edited = settings(learning_rate=0.004)
    overlay(finished.folder, edited)
    run = finished.start()
    # the first attempt hangs until its time is over, saves and leaves
    last = finished.jobs()[-1]
    first = slurm.wait_for_job(run, "train", after=last, ready=lambda: finished.update() > 0)
    slurm.freeze(first)
    slurm.end_time(first)
    slurm.wait_for_state(run, first, "TIMEOUT")
    stopped = re.search(r"stopped by SIGTERM at update (\d+) of", finished.log())
    assert stopped
    # the second one goes on from there
    updates = [finished.update()]
    assert updates[0] == int(stopped[1])

    def went_on() -> bool:
        updates.append(finished.update())
        return updates[-1] > updates[0]

    second = slurm.wait_for_job(run, "train", after=first, ready=went_on)
    assert min(updates) == updates[0]
    # and works while Snakemake is killed and begins again with a third, which waits for it
    slurm.freeze(second)
    run.kill()
    run.wait()
    finished.finish(finished.start("--unlock"))
    run = finished.start()
    waiting = "another process trains this model; waiting for it"
    third = slurm.wait_for_job(run, "train", after=second, ready=lambda: waiting in finished.log())
    slurm.thaw(second)
    finished.finish(run)
    run_locally(local.parents[1], edited)
    assert_equal_results(local, finished.results)
    states = {job.number: job.state for job in finished.jobs()}
    assert states[second.number] == states[third.number] == "COMPLETED"
