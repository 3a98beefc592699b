"""Rows of `rollouts.csv` to one mean and standard deviation for each dataset and method."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

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
        """For example `67.4 ± 11.3`."""
        mean = f"{self.mean:.{digits}f}"
        return mean if self.std is None else f"{mean} ± {self.std:.{digits}f}"


@dataclass(frozen=True)
class Summary:
    """One method on one dataset, over its seeds x rollouts (caption of figure 4).

    Attributes:
        dataset, method, env, source: as in `rollouts.csv`.
        score: normalised; None where the environment has no reference.
        returns: undiscounted.
        seeds: models.
        count: rollouts of all models together.
    """

    dataset: str
    method: str
    env: str
    source: str
    score: Spread | None
    returns: Spread
    seeds: int
    count: int

    @property
    def on_d4rl(self) -> bool:
        """Trained on D4RL's data, so comparable with published numbers."""
        return self.source == "d4rl"


def summarize(results: pd.DataFrame) -> list[Summary]:
    """One `Summary` for each dataset and method, in alphabetical order.

    Each dataset has one source, so that none mixes D4RL's data with data collected locally.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
    """
    summaries = []
    for _, rows in results.groupby(["dataset", "method"], sort=True):
        dataset, method, env, source = (str(rows[name].iloc[0]) for name in _NAMES)
        scores = rows["score"].to_numpy(dtype=float)
        summary = Summary(
            dataset=dataset,
            method=method,
            env=env,
            source=source,
            score=None if np.isnan(scores).any() else spread(scores),
            returns=spread(rows["return"].to_numpy(dtype=float)),
            seeds=len(set(rows["seed"])),
            count=len(rows),
        )
        summaries.append(summary)
    return summaries


def spread(values: np.ndarray) -> Spread:
    """Mean and sample standard deviation (divisor: count - 1)."""
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), std)
