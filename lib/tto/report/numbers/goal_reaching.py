"""Goal reaching (section 4.2) against the scripted collector: success rate and path lengths."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from tto.report.numbers.names import GOAL_METHODS
from tto.report.numbers.statistics import Estimate, Values, success_rate, trial_mean


@dataclass(frozen=True)
class GoalReachingRow:
    """Results of one method over its pairs of start and goal.

    Lengths are in units of the world's side. Intervals are the wider of those over pairs and over
    models (`success_rate`, `trial_mean`).

    Attributes:
        method: name of the method, a key of `GOAL_METHODS`.
        success: share of reached goals.
        path_length, steps: means over reached pairs; None if no pair was reached.
        to_collector: mean over pairs of path length / the collector's path length.
        to_collector_total: sum of path lengths / sum of the collector's, over the same pairs.
        to_shortest: mean over pairs of path length / length of the shortest path.
        pairs, reached: number of pairs, and of those that were reached.
        both_reached: number of pairs that both this method and the collector reached.
        models: number of training seeds that the pairs are spread over.
    """

    method: str
    success: Estimate
    path_length: float | None
    steps: float | None
    to_collector: Estimate | None
    to_collector_total: Estimate | None
    to_shortest: Estimate | None
    pairs: int
    reached: int
    both_reached: int
    models: int


def goal_reaching_rows(results: pd.DataFrame) -> list[GoalReachingRow]:
    """Return a row for each method, ours first.

    Args:
        results: rows of `goal_reaching.csv` (`tto.evaluation.goal_rows.read_goal_rows`).
    """
    by_method = {
        method: results[results["method"] == method].set_index("pair").sort_index()
        for method in GOAL_METHODS
    }
    collector = by_method["collector"]
    return [_row(method, rows, collector) for method, rows in by_method.items() if len(rows)]


def _row(method: str, rows: pd.DataFrame, collector: pd.DataFrame) -> GoalReachingRow:
    reached = rows.loc[rows["success"].to_numpy(dtype=bool)]
    theirs = collector.loc[collector["success"].to_numpy(dtype=bool)]
    both = reached.loc[reached.index.intersection(theirs.index)]
    ways, collected = (
        frame.loc[both.index, "path_length"].to_numpy(dtype=float) for frame in (reached, theirs)
    )
    lengths = reached["path_length"].to_numpy(dtype=float)
    other = method != "collector"
    return GoalReachingRow(
        method=method,
        success=success_rate(_by_model(rows, rows["success"].to_numpy(dtype=float))),
        path_length=float(lengths.mean()) if len(lengths) else None,
        steps=float(reached["steps"].to_numpy(dtype=float).mean()) if len(lengths) else None,
        to_collector=_trial_mean(both, ways / collected) if other else None,
        to_collector_total=_trial_mean(both, _shares_of_total(ways, collected)) if other else None,
        to_shortest=_trial_mean(reached, lengths / reached["straight"].to_numpy(dtype=float)),
        pairs=len(rows),
        reached=len(reached),
        both_reached=len(both),
        models=len(set(rows["seed"])),
    )


def _by_model(rows: pd.DataFrame, values: Float[np.ndarray, " pairs"]) -> list[Values]:
    """Split values, one for each row, by model."""
    seeds = rows["seed"].to_numpy()
    return [values[seeds == seed] for seed in sorted(set(seeds.tolist()))]


def _trial_mean(rows: pd.DataFrame, values: Float[np.ndarray, " pairs"]) -> Estimate | None:
    """Return the mean of values, one for each row; None if there is none."""
    return trial_mean(_by_model(rows, values)) if len(values) else None


def _shares_of_total(
    lengths: Float[np.ndarray, " pairs"], others: Float[np.ndarray, " pairs"]
) -> Float[np.ndarray, " pairs"]:
    """Return values whose mean is sum(lengths) / sum(others).

    They linearise the ratio of sums, so the interval of their mean is that of the ratio.
    """
    if not len(lengths):
        return lengths
    total = lengths.sum() / others.sum()
    return total + (lengths - total * others) / others.mean()
