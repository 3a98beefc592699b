"""Words for jobs, times and messages."""

import textwrap
from collections.abc import Mapping
from typing import Any

# Beginnings of Snakemake's messages that say nothing about a job or its end.
ROUTINE = (
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Using shell:",
    "Select jobs to execute",
    "Execute ",
    "Group jobs: inactive",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Removing output files of failed job",
    "Some jobs were triggered by provenance",
    "Rules with provenance triggered jobs",
    "Reasons:",
    "None",
)
WIDEST = 160  # characters of a message that is no error


def job_words(rule: str, wildcards: Mapping[str, Any]) -> str:
    """What a job does, and for what: its rule and its wildcards, numbers with their names."""
    values = [
        f"{name} {value}" if str(value).isdigit() else str(value)
        for name, value in wildcards.items()
    ]
    return " ".join([rule, *values])


def duration(seconds: float) -> str:
    """A time in one or two units, as `3 min 20 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def is_routine(message: str) -> bool:
    """Whether a message is one that each run has."""
    return not message.strip() or message.startswith(ROUTINE)


def shortened(message: str) -> str:
    """A message whose lines fit the console."""
    lines = message.rstrip().splitlines()
    return "\n".join(
        textwrap.shorten(line, WIDEST) if len(line) > WIDEST else line for line in lines
    )
