"""Mean, standard deviation and interquartile mean of each method on each dataset, and TTO - BC."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from tto.methods import OURS
from tto.report.numbers.names import BASELINE
from tto.report.numbers.statistics import (
    Estimate,
    PairedDifference,
    estimate,
    interquartile_mean,
    paired_difference,
    values_by_seed,
)

Unit = Literal["score", "return"]
UNITS: tuple[Unit, ...] = ("score", "return")
SOURCE_WORDS = {
    "d4rl": "D4RL",
    "collect": "collected on this machine",
    "minari": "Minari",
    "file": "a user's file",
}
_NAMES = ("dataset", "method", "env", "source")


class Spread(NamedTuple):
    """A mean and its standard deviation (None: a single value, or none was published)."""

    mean: float
    std: float | None

    def text(self, digits: int = 1) -> str:
        """Return for example `67.4 ± 11.3`."""
        mean = f"{self.mean:.{digits}f}"
        return mean if self.std is None else f"{mean} ± {self.std:.{digits}f}"


@dataclass(frozen=True)
class Summary:
    """Results of one method on one dataset, over its seeds x rollouts (caption of figure 4).

    Attributes:
        dataset, method, env, source: names, as in `rollouts.csv`.
        score: normalised scores; None where the environment has no reference.
        returns: undiscounted returns.
        score_iqm: interquartile mean of each model's scores, averaged over models; None as `score`.
        return_iqm: the same of returns.
        seeds: number of models.
        count: number of rollouts of all models together.
    """

    dataset: str
    method: str
    env: str
    source: str
    score: Spread | None
    returns: Spread
    score_iqm: Estimate | None
    return_iqm: Estimate
    seeds: int
    count: int

    @property
    def on_d4rl(self) -> bool:
        """Whether it was trained on D4RL's data, so that it compares with published numbers."""
        return self.source == "d4rl"


def summarize(results: pd.DataFrame) -> list[Summary]:
    """Return a `Summary` of each dataset and method, in alphabetical order.

    Each dataset has one source, so no summary mixes D4RL's data with data collected locally.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
    """
    groups = results.groupby(["dataset", "method"], sort=True)
    return [_summary(rows) for _, rows in groups]


def _summary(rows: pd.DataFrame) -> Summary:
    dataset, method, env, source = (str(rows[name].iloc[0]) for name in _NAMES)
    scored = _has(rows, "score")
    return Summary(
        dataset=dataset,
        method=method,
        env=env,
        source=source,
        score=spread(rows["score"].to_numpy(dtype=float)) if scored else None,
        returns=spread(rows["return"].to_numpy(dtype=float)),
        score_iqm=_iqm(rows, "score") if scored else None,
        return_iqm=_iqm(rows, "return"),
        seeds=len(set(rows["seed"])),
        count=len(rows),
    )


def paired_differences(results: pd.DataFrame, unit: Unit) -> dict[str, PairedDifference]:
    """Return TTO - BC, paired over seeds, by dataset.

    A dataset is left out if a rollout has no value in the unit, or if no seed has both methods.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        unit: column to compare, the score or the return.
    """
    differences = {}
    for dataset, rows in results.groupby("dataset", sort=True):
        ours, theirs = (
            values_by_seed(rows.loc[rows["method"] == method], unit) for method in (OURS, BASELINE)
        )
        difference = paired_difference(ours, theirs) if _has(rows, unit) else None
        if difference is not None:
            differences[str(dataset)] = difference
    return differences


def _has(rows: pd.DataFrame, unit: Unit) -> bool:
    """Whether every rollout has a value in this unit."""
    return not np.isnan(rows[unit].to_numpy(dtype=float)).any()


def _iqm(rows: pd.DataFrame, unit: Unit) -> Estimate:
    return estimate(list(values_by_seed(rows, unit).values()), interquartile_mean)


def spread(values: Float[np.ndarray, " n"]) -> Spread:
    """Return the mean and the sample standard deviation (divisor: count - 1)."""
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), std)
