"""The test's Slurm (`slurm_cluster.sh`): its jobs as it tells of them, and what is done to them."""

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CLUSTER = Path(__file__).parent / "slurm_cluster.sh"
CANNOT = 77  # its status where no Slurm can be had


@dataclass(frozen=True)
class Job:
    """A submission: what `scontrol show job` says of it."""

    fields: dict[str, str]

    @property
    def number(self) -> int:
        return int(self.fields["JobId"])

    @property
    def name(self) -> str:
        """Its rule or group, as the plugin's comment has them; behind a group's stand its rules."""
        return self.fields["Comment"].removeprefix("rule_").split("_wildcards_")[0]

    @property
    def state(self) -> str:
        return self.fields["JobState"]

    @property
    def node(self) -> str:
        return self.fields.get("NodeList", "")

    @property
    def restarts(self) -> int:
        """How often it was put back into the queue."""
        return int(self.fields["Restarts"])

    @property
    def time_limit(self) -> str:
        return self.fields["TimeLimit"]

    @property
    def memory(self) -> str:
        """What it asked for."""
        return re.search(r"mem=(\w+)", self.fields.get("ReqTRES") or self.fields["TRES"])[1]

    @property
    def gpus(self) -> int:
        """How many it asked for; Slurm counts them among its TRES only where it keeps accounts."""
        asked = re.search(r"gpu[:=](\d+)", self.fields.get("TresPerJob", ""))
        return int(asked[1]) if asked else 0


def run(*command: str | int) -> str:
    return subprocess.run(
        list(map(str, command)), check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def jobs() -> list[Job]:
    """All submissions since the cluster began, finished ones too, in their order."""
    lines = run("scontrol", "--oneliner", "show", "jobs").splitlines()
    found = [Job(dict(re.findall(r"(\S+?)=(\S*)", line))) for line in lines]
    return sorted((job for job in found if "JobId" in job.fields), key=lambda job: job.number)


def wait_for_job(
    snakemake: subprocess.Popen[str],
    name: str,
    *,
    after: Job | None = None,
    ready: Callable[[], bool] = lambda: True,
) -> Job:
    """The first running submission of a rule, later than `after`, once it is `ready`."""
    last = after.number if after else 0
    while snakemake.poll() is None:
        for job in jobs():
            if (job.name, job.state) == (name, "RUNNING") and job.number > last and ready():
                return job
        time.sleep(0.1)
    raise AssertionError(f"Snakemake ended (status {snakemake.returncode}) before {name} was seen")


def wait_for_state(snakemake: subprocess.Popen[str], job: Job, state: str) -> None:
    while snakemake.poll() is None:
        (now,) = (other for other in jobs() if other.number == job.number)
        if now.state == state:
            return
        time.sleep(0.1)
    raise AssertionError(f"Snakemake ended before job {job.number} was {state}")


def freeze(job: Job) -> None:
    """Let a job's processes hang until a SIGCONT, which a time-out sends, too."""
    run("scancel", "--signal=STOP", job.number)


def thaw(job: Job) -> None:
    run("scancel", "--signal=CONT", job.number)


def cancel(job: Job) -> None:
    run("scancel", job.number)


def end_time(job: Job) -> None:
    """Let a running job's time be over: Slurm sees it within half a minute and sends SIGTERM."""
    run("scontrol", "update", f"JobId={job.number}", "EndTime=now")


def drain(node: str) -> None:
    """Let no further job begin on a node."""
    run("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")


def resume(node: str) -> None:
    run("scontrol", "update", f"NodeName={node}", "State=RESUME")


def requeue(job: Job) -> None:
    """Stop a job and put it back into the queue, as a preemption does."""
    run("scontrol", "requeue", job.number)
