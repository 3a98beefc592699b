"""Running processes of the workflow, for tests that kill them."""

import subprocess
from pathlib import Path

import pandas as pd
from running import planned, start

SCRIPTS = {  # a job runs its rule's script
    "collect": "collector",
    "train": "trainer",
    "train_policy": "trainer",
    "train_ensemble": "trainer",
    "plan": "planner",
}
OTHER = "other"  # such as a job that tokenises, acts by a baseline, or draws a figure
KINDS = (*sorted(set(SCRIPTS.values())), OTHER)


def jobs_at_work(folder: Path) -> dict[int, str]:
    """Kinds of the jobs that run in `folder` now, by process id."""
    scripts = f"{folder.resolve()}/.snakemake/scripts/"
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().decode().split("\0")
        except OSError:  # it has ended
            continue
        names = [name.split(".")[-2] for name in arguments if name.startswith(scripts)]
        if names:
            found[int(process.name)] = SCRIPTS.get(names[0], OTHER)
    return found


def usual_seconds(results: Path) -> dict[str, float]:
    """How long jobs of each kind took in a finished run."""
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for file in (results / "benchmarks").rglob("*.tsv"):
        rule = file.relative_to(results / "benchmarks").parts[0]
        seconds = pd.read_csv(file, sep="\t")["s"].iloc[0]
        found[SCRIPTS.get(rule, OTHER)].append(seconds)
    return {kind: sum(seconds) / len(seconds) for kind, seconds in found.items()}


class Persistent:
    """A workflow that somebody starts again whenever it dies, as docs/workflow.md says."""

    def __init__(self, folder: Path, *arguments: str | Path) -> None:
        self.folder, self.arguments = folder, arguments
        self.process = self._start(*arguments)

    @property
    def planned_jobs(self) -> int:
        """Number of jobs that the first start announced, before any of them."""
        return sum(planned((self.folder / "output.txt").read_text()).values())

    def ended_well(self) -> bool:
        """Whether all is made; after a failure it is started again."""
        status = self.process.poll()
        if status not in (None, 0):
            self.process = self._start(*self.arguments)
        return status == 0

    def kill(self) -> None:
        """Kill Snakemake, but not its jobs, and start it again."""
        self.process.kill()
        self.process.wait()
        assert self._start("--unlock", *self.arguments).wait() == 0
        self.process = self._start(*self.arguments)

    def _start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        with open(self.folder / "output.txt", "a") as output:
            return start(self.folder, *arguments, output=output)
