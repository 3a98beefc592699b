"""Rows of rollouts.csv for the tests of tables and figures."""

import statistics

import numpy as np
import pandas as pd

from tto.data.environments import normalized_score
from tto.evaluation.results import COLUMNS


def rollout_rows(
    dataset: str = "hopper-medium-replay-v2",
    *,
    returns: dict[str, list[list[float]]],
    env: str = "Hopper-v5",
    source: str = "collect",
) -> pd.DataFrame:
    """A table with one row for each of `returns[method][seed][rollout]`."""
    rows = []
    for method, seeds in returns.items():
        for seed, rollouts in enumerate(seeds):
            for rollout, total in enumerate(rollouts):
                score = normalized_score(env, total)
                score = np.nan if score is None else score
                row = (dataset, method, seed, rollout, total, score, 500, True, 30.0, env, source)
                losses = (3.5, 3.0) if method == "tto" else (np.nan, np.nan)
                rows.append((*row, *losses, 60.0))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def interval(*models: float) -> tuple[float, float, float]:
    """Mean of two or three numbers, and the ends of its 95 % interval by Student's t."""
    quantile = {2: 12.7062047, 3: 4.3026527}[len(models)]
    half = quantile * statistics.stdev(models) / len(models) ** 0.5
    middle = statistics.mean(models)
    return middle, middle - half, middle + half


# Score s of hopper is the return 32.54572305 s - 20.272305: scores 30, 50 and 10, 10.
HOPPER = {
    "tto": [[30 * 32.54572305 - 20.272305], [50 * 32.54572305 - 20.272305]],
    "bc": [[10 * 32.54572305 - 20.272305], [10 * 32.54572305 - 20.272305]],
}
