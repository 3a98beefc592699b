"""Seconds that Snakemake takes for the whole paper: a dry run, and a run with nothing to do.

    python benchmarks/dag.py [--config config/paper.yaml]

A real run of that size takes hundreds of GPU-hours. So this makes empty output files in a temporary
copy of the workflow and marks them as finished with `snakemake --touch`. Snakemake looks at names,
times and its own records of the jobs, not at the content of files.
"""

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ("Snakefile", "environment.yml", "config", "lib", "profiles", "resources", "workflow")


def snakemake(folder: Path, *arguments: str) -> tuple[str, float, float]:
    """Run Snakemake in `folder`; return its output, CPU seconds and wall seconds."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "lib")},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode:
        sys.exit(run.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return run.stdout, cpu, wall


def make_empty_outputs(folder: Path, whole: str) -> int:
    """Make the outputs of all jobs of a dry run as empty files and folders; return their number."""
    lines = re.findall(r"^ +output: (.*)$", whole, re.MULTILINE)
    paths = [folder / name for line in lines for name in line.split(", ")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            path.touch()
        else:  # a dataset
            path.mkdir()
    return len(paths)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="config/paper.yaml")
    config = ("--configfile", parser.parse_args().config)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in SOURCES:
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy2
            copy(ROOT / source, folder / source)
        dry_run, *cold = snakemake(folder, "--dry-run", *config)
        dry_run, *warm = snakemake(folder, "--dry-run", *config)
        whole = (folder / ".snakemake/log/dry-run.log").read_text(encoding="utf-8")
        files = make_empty_outputs(folder, whole)
        snakemake(folder, "--touch", "--quiet", "all", *config)
        finished, *no_op = snakemake(folder, *config)
        if "Nothing to be done" not in finished:
            sys.exit(finished)
    total = re.search(r"^total +(\d+)", dry_run, re.MULTILINE)
    print(f"{total[1] if total else '?'} jobs, {files} files")
    print("                     CPU s   wall s")
    for label, (cpu, wall) in {
        "dry run, first": cold,
        "dry run": warm,
        "nothing to do": no_op,
    }.items():
        print(f"{label:20s} {cpu:6.1f} {wall:8.1f}")


if __name__ == "__main__":
    main()
