"""Running processes of the workflow, for tests that kill them."""

import subprocess
from pathlib import Path

import pandas as pd
from running import start

KINDS = {  # the rules whose jobs are such
    "collector": ("collect",),
    "trainer": ("train", "train_policy"),
    "planner": ("plan",),
}


def jobs_at_work(folder: Path) -> dict[str, list[int]]:
    """Process ids of the jobs that run in `folder` now, by kind; a job runs its rule's script."""
    scripts = f"{folder.resolve()}/.snakemake/scripts/"
    found: dict[str, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().decode().split("\0")
        except OSError:  # it has ended
            continue
        rules = [name.split(".")[-2] for name in arguments if name.startswith(scripts)]
        for kind, names in KINDS.items():
            if set(rules) & set(names):
                found.setdefault(kind, []).append(int(process.name))
    return found


def usual_seconds(results: Path) -> dict[str, float]:
    """How long jobs of each kind took in a finished run."""
    files = {
        kind: [file for name in names for file in (results / "benchmarks" / name).rglob("*.tsv")]
        for kind, names in KINDS.items()
    }
    return {
        kind: sum(pd.read_csv(file, sep="\t")["s"].iloc[0] for file in of_kind) / len(of_kind)
        for kind, of_kind in files.items()
    }


class Persistent:
    """A workflow that somebody starts again whenever it dies, as docs/workflow.md says."""

    def __init__(self, folder: Path, *arguments: str | Path) -> None:
        self.folder, self.arguments = folder, arguments
        self.process = self._start(*arguments)

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
