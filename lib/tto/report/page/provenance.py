"""How a run was made: command, code, settings, versions, machine and time, for who repeats it."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tto.files import StrPath, content_digest
from tto.report.page.timings import rule_times

PACKAGES = ("torch", "gymnasium", "mujoco", "numpy", "snakemake")


def provenance(
    *,
    command: str,
    repository: StrPath,
    config: StrPath,
    benchmarks: StrPath,
) -> dict[str, Any]:
    """All of it, as JSON takes it.

    Args:
        command: that makes the run's results.
        repository: a checkout of the code.
        config: the run's whole config.
        benchmarks: the folder of its jobs' times.
    """
    return {
        "command": command,
        "commit": commit_of(repository),
        "config_sha256": content_digest(config),
        "versions": versions(),
        "machine": machine(),
        "seconds_by_rule": {time.rule: round(time.seconds, 1) for time in rule_times(benchmarks)},
    }


def commit_of(repository: StrPath) -> str | None:
    """The checked-out commit, with "-changed" where tracked files differ; None without Git.

    What lies in `docs/results` makes no results, and is replaced while it is published.
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
    """Of Python and the packages that numbers depend on; None for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def machine() -> dict[str, Any]:
    """Processor, cores, memory (GiB) and operating system; no name of the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _processor() -> str:
    """The model where Linux tells it, else what the platform says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
