"""Our planner beside behaviour cloning on each dataset: interquartile means, paired difference."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tto.report.numbers.statistics import (
    Estimate,
    PairedDifference,
    estimate,
    interquartile_mean,
    paired_difference,
    values_by_seed,
)

OURS, BASELINE = "tto", "bc"
UNITS = ("score", "return")


@dataclass(frozen=True)
class Comparison:
    """The methods on one dataset, in one unit.

    Attributes:
        iqm: interquartile mean of a model's rollouts, by method; mean over models, its interval.
        difference: TTO minus BC, paired over seeds; None where no seed has both.
    """

    iqm: Mapping[str, Estimate]
    difference: PairedDifference | None


def compare(results: pd.DataFrame) -> dict[tuple[str, str], Comparison]:
    """A `Comparison` by (dataset, unit of `UNITS`); no `score` where the environment has none.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
    """
    comparisons = {}
    for dataset, rows in results.groupby("dataset", sort=True):
        for unit in UNITS:
            if not np.isnan(rows[unit].to_numpy(dtype=float)).any():
                comparisons[str(dataset), unit] = _compare(rows, unit)
    return comparisons


def _compare(rows: pd.DataFrame, unit: str) -> Comparison:
    values = {
        str(method): values_by_seed(part, unit)
        for method, part in rows.groupby("method", sort=True)
        if method in (OURS, BASELINE)
    }
    return Comparison(
        iqm={
            method: estimate(list(seeds.values()), interquartile_mean)
            for method, seeds in values.items()
        },
        difference=paired_difference(values.get(OURS, {}), values.get(BASELINE, {})),
    )
