"""How long a run's jobs took and how much memory they needed, from Snakemake's benchmark files."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tto.errors import TTOError


@dataclass(frozen=True)
class RuleTime:
    """All jobs of one rule: seconds together and of the longest, largest memory in MB (or None)."""

    rule: str
    jobs: int
    seconds: float
    longest: float
    memory: float | None


def rule_times(benchmarks: str | os.PathLike[str]) -> list[RuleTime]:
    """Of each rule, by name; jobs run side by side, so a run took less than their sum.

    Raises:
        TTOError: a file that is no benchmark of Snakemake's.
    """
    jobs = pd.DataFrame(_jobs(Path(benchmarks)), columns=["rule", "seconds", "memory"])
    return [
        RuleTime(
            str(rule),
            len(part),
            float(part["seconds"].sum()),
            float(part["seconds"].max()),
            None if part["memory"].isna().all() else float(part["memory"].max()),
        )
        for rule, part in jobs.groupby("rule", sort=True)
    ]


def _jobs(folder: Path) -> Iterator[tuple[str, float, float]]:
    """Rule, seconds and memory (NaN where it was too short to be measured) of each job."""
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).with_suffix("").parts[0]
        try:
            rows = pd.read_csv(path, sep="\t", na_values=["-"])
            seconds = rows["s"].astype(float)
        except (OSError, KeyError, ValueError) as error:
            raise TTOError(
                f"{path}: expected a benchmark with seconds, got {type(error).__name__} ({error}); "
                "remove it"
            ) from error
        memory = rows["max_rss"] if "max_rss" in rows else pd.Series(float("nan"), rows.index)
        yield from zip([rule] * len(rows), seconds, memory.astype(float), strict=True)
