"""Command, code, settings, versions, machine and time of a run, for readers who repeat it."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from tto.files import StrPath, content_digest
from tto.hdf5 import read_hdf5
from tto.report.numbers.names import dataset_names
from tto.report.page.timings import rule_times

PACKAGES = ("torch", "gymnasium", "mujoco", "numpy", "snakemake")


def provenance(
    *,
    command: str,
    repository: StrPath,
    results: StrPath,
) -> dict[str, Any]:
    """Return the provenance of a run as values that JSON can store.

    Args:
        command: command that makes the run's results.
        repository: checkout of the code.
        results: the run's folder, with its whole config and Snakemake's benchmarks of its jobs.

    Raises:
        TTOError: a token file or a benchmark is damaged.
    """
    results = Path(results)
    config = results / "config.yaml"
    datasets = dataset_names(yaml.safe_load(config.read_text(encoding="utf-8")))
    tokens = {name: results / f"tokens/{name}.h5" for name in sorted(datasets)}
    times = rule_times(results / "benchmarks")
    return {
        "command": command,
        "commit": commit_of(repository),
        "config_sha256": content_digest(config),
        "data_sha256": {n: _source_digest(path) for n, path in tokens.items() if path.is_file()},
        "versions": versions(),
        "machine": machine(),
        "seconds_by_rule": {time.rule: round(time.seconds, 1) for time in times},
    }


def _source_digest(tokens: Path) -> str:
    """Return the SHA-256 of the rows that a token file was made from."""
    with read_hdf5(tokens, expected="a token file", remedy="make it again") as file:
        return str(file.attrs["source_digest"])


def commit_of(repository: StrPath) -> str | None:
    """Return the checked-out commit, with "-changed" if tracked files differ; None without Git.

    Changes in `docs/results` are ignored: they affect no results, and publishing makes them.
    """
    git = ["git", "-C", os.fspath(repository)]
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
        difference = subprocess.run(
            [*git, "diff", "--quiet", "HEAD", "--", ".", ":!docs/results"],
            capture_output=True,
            check=False,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip() + ("-changed" if difference.returncode else "")


def versions() -> dict[str, str | None]:
    """Return versions of Python and of packages that affect numbers; None if not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def machine() -> dict[str, Any]:
    """Return processor, cores, memory (GiB) and operating system, but not the machine's name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _processor() -> str:
    """Return the processor's model from Linux, else the platform's name for it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
