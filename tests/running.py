"""Snakemake as users run it, by its command line, on a copy of the workflow in another folder."""

import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import yaml
from snakemake.utils import update_config

from tto.config.file import take_out_entries

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests/workflow/tiny.yaml"
SOURCES = ("config", "lib", "profiles", "resources", "workflow")
HOPPER = "hopper-medium-replay-v2"
# Overlays that come after another one
AFTER = {
    ROOT / f"config/{name}.yaml": ROOT / "config/local.yaml"
    for name in ("two_hours", "table1", "imitation", "predictions")
}
SHIPPED = sorted((ROOT / "config").glob("*.yaml"))


def copy_workflow(folder: Path) -> None:
    """Copy what Snakemake needs of the repository to `folder`, unless it is there."""
    for name in SOURCES:
        if not (folder / name).exists():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
    for name in ("Snakefile", "environment.yml"):
        shutil.copy2(ROOT / name, folder)


def start(
    folder: Path,
    *arguments: str | Path,
    cores: int | None = 2,
    output: int | IO[str] = subprocess.PIPE,
) -> subprocess.Popen[str]:
    """Start Snakemake on a copy of the workflow in `folder`; output and errors go to one place.

    Args:
        cores: of this machine; None where a cluster runs the jobs.
    """
    copy_workflow(folder)
    limit = [] if cores is None else ["--cores", str(cores)]
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *limit, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "lib")},
        text=True,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def snakemake(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Snakemake as `start` does, to its end."""
    with start(folder, *arguments) as process:
        output, _ = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, output)


def planned(output: str) -> dict[str, int]:
    """Jobs of each rule, from the line that a run begins with, or from a dry run's table."""
    if line := re.search(r"^\d+ jobs: (.*)$", output, re.MULTILINE):
        return {rule: int(count) for count, rule in map(str.split, line[1].split(", "))}
    table = re.search(r"^job +count +why\n[- ]+\n(.*?)^total", output, re.DOTALL | re.MULTILINE)
    rows = [line.split(maxsplit=2) for line in table[1].splitlines()] if table else []
    return {rule: int(count) for rule, count, *_ in rows}


def full_text(folder: Path) -> str:
    """Snakemake's own text of the last dry run in a folder, with each job's files and reason."""
    return (folder / ".snakemake/log/dry-run.log").read_text(encoding="utf-8")


def changed(change: dict[str, Any]) -> dict[str, Any]:
    """The tiny size's settings with a change on top, merged as Snakemake merges overlays."""
    settings = yaml.safe_load(TINY.read_text())
    update_config(settings, change)
    return settings


def overlay(folder: Path, content: dict) -> Path:
    path = folder / "overlay.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def shipped_config(path: Path) -> dict[str, Any]:
    """Return the whole config with one of the shipped overlays."""
    paths = [ROOT / "config/config.yaml", *filter(None, (AFTER.get(path), path))]
    return merged(*(yaml.safe_load(each.read_text()) for each in paths))


def merged(base: dict[str, Any], *overlays: dict[str, Any]) -> dict[str, Any]:
    """A base and overlays, merged as Snakemake merges them: overlays first, one into the other."""
    config, changes = copy.deepcopy(base), {}
    for overlay in overlays:
        update_config(changes, copy.deepcopy(overlay))
    update_config(config, changes)
    take_out_entries(config, [base, *overlays])
    return config
