"""Time and memory of a run's jobs, from Snakemake's benchmark files."""

import csv
from dataclasses import dataclass
from pathlib import Path

from tto.errors import TTOError
from tto.files import StrPath


@dataclass(frozen=True)
class RuleTime:
    """Time and memory of all jobs of one rule.

    Attributes:
        rule: name of the rule.
        jobs: number of its jobs.
        seconds: time of all jobs together.
        longest: time of the longest job in seconds.
        memory: largest memory of a job in MB, or None if unknown.
    """

    rule: str
    jobs: int
    seconds: float
    longest: float
    memory: float | None


def rule_times(benchmarks: StrPath) -> list[RuleTime]:
    """Return the times of each rule, in the order of their names.

    Jobs run in parallel, so a run takes less time than all jobs together.

    Args:
        benchmarks: folder of a run's benchmark files.

    Raises:
        TTOError: a file is no benchmark of Snakemake's.
    """
    jobs: dict[str, list[tuple[float, float | None]]] = {}
    for path in sorted(Path(benchmarks).rglob("*.tsv")):
        rule = path.relative_to(benchmarks).with_suffix("").parts[0]
        jobs.setdefault(rule, []).extend(_jobs(path))
    return [_rule_time(rule, jobs[rule]) for rule in sorted(jobs)]


def _rule_time(rule: str, jobs: list[tuple[float, float | None]]) -> RuleTime:
    seconds = [job for job, _ in jobs]
    memory = [megabytes for _, megabytes in jobs if megabytes is not None]
    return RuleTime(
        rule, len(jobs), sum(seconds), max(seconds, default=0.0), max(memory, default=None)
    )


def _jobs(path: Path) -> list[tuple[float, float | None]]:
    """Return seconds and memory of a file's jobs; memory is None for a very short job."""
    try:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return [(float(row["s"]), _number(row.get("max_rss"))) for row in rows]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise TTOError(
            f"{path}: expected a benchmark with seconds, got {type(error).__name__} ({error}); "
            "remove it"
        ) from error


def _number(text: str | None) -> float | None:
    return None if text in (None, "", "-", "NA") else float(text)
