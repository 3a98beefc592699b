"""Interquartile means, intervals and paired differences over trained models, by Student's t.

What is independent in a run are its models: the rollouts of one model share its weights. So each
model (training seed) gives one number, and the interval is Student's t of these numbers (two-sided,
95 %). Of 2, 3 and 5 models it covers the truth in 95 % of runs where models differ normally
(`tests/report/test_statistics.py` counts it); the percentile bootstrap of Agarwal et al. (2021,
arXiv:2108.13264) covers it in half of the runs with 2 models and in three quarters with 3, which
is why it is not used here. A single model has no interval.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import binomtest, t

from tto.errors import TTOError

LEVEL = 0.95
INTERVALS = "95 % interval: Student's t over models."  # what tables and figures say
TRIMMED = 0.25  # of the values, at each end


class Estimate(NamedTuple):
    """A number and its interval (None: a single model allows none)."""

    value: float
    low: float | None
    high: float | None

    def text(self, digits: int = 1, *, signed: bool = False) -> str:
        """For example `67.4 [55.0, 70.1]`."""
        form = f"{'+' if signed else ''}.{digits}f"
        if self.low is None or self.high is None:
            return f"{self.value:{form}}"
        return f"{self.value:{form}} [{self.low:{form}}, {self.high:{form}}]"


class PairedDifference(NamedTuple):
    """The mean difference of two methods over the seeds that both have."""

    difference: Estimate
    seeds: int


def interquartile_mean(values: Float[np.ndarray, " n"]) -> float:
    """Mean without the lowest and the highest floor(n / 4) values."""
    cut = int(TRIMMED * len(values))
    return float(np.sort(values)[cut : len(values) - cut].mean())


def mean(values: Float[np.ndarray, " n"]) -> float:
    """Mean, as a statistic for `estimate`."""
    return float(np.mean(values))


def estimate(
    units: Sequence[np.ndarray], statistic: Callable[[np.ndarray], float] = mean
) -> Estimate:
    """Mean over models of a statistic of each model's values, with its interval over models.

    Args:
        units: values of each model (its rollouts, say), one or more.
        statistic: number that the values of one model give.

    Raises:
        TTOError: no model, one without values, or a value that is NaN or infinite.
    """
    if not units or not all(len(values) and np.isfinite(values).all() for values in units):
        raise TTOError(
            "expected finite values of at least one model, got none, NaN or infinite ones: is a "
            "rollout missing?"
        )
    numbers = np.array([[statistic(values)] for values in units])
    values, low, high = band(numbers)
    if low is None or high is None:
        return Estimate(float(values[0]), None, None)
    return Estimate(float(values[0]), float(low[0]), float(high[0]))


class Band(NamedTuple):
    """Numbers and their pointwise intervals (None: a single model allows none)."""

    values: Float[np.ndarray, " T"]
    low: Float[np.ndarray, " T"] | None
    high: Float[np.ndarray, " T"] | None


def band(units: Float[np.ndarray, "models T"]) -> Band:
    """Mean over models at each of T points, with its interval over models at that point."""
    values, count = units.mean(axis=0), len(units)
    if count == 1:
        return Band(values, None, None)
    half = t.ppf((1 + LEVEL) / 2, count - 1) * units.std(axis=0, ddof=1) / np.sqrt(count)
    return Band(values, values - half, values + half)


def values_by_seed(rows: pd.DataFrame, column: str) -> dict[int, np.ndarray]:
    """The values of each seed, in the order of the seeds, of rows of one dataset and method."""
    seeds = sorted(int(seed) for seed in rows["seed"].unique())
    return {seed: rows.loc[rows["seed"] == seed, column].to_numpy(dtype=float) for seed in seeds}


def shared_seeds(parts: Iterable[Mapping[int, Any]]) -> list[int]:
    """Seeds that each of several datasets has; a mean over datasets is of these models."""
    return sorted(set.intersection(*(set(part) for part in parts)))


def paired_difference(
    ours: Mapping[int, np.ndarray], theirs: Mapping[int, np.ndarray]
) -> PairedDifference | None:
    """Mean over seeds of (mean of `ours` - mean of `theirs`), or None without a common seed.

    Both played the same reset seeds (`tto.evaluation.rollout.evaluation_seeds`), so that pairing
    takes the luck of the initial states out of the difference.
    """
    common = shared_seeds([ours, theirs])
    if not common:
        return None
    units = [np.array([ours[key].mean() - theirs[key].mean()]) for key in common]
    return PairedDifference(estimate(units), len(common))


def success_rate(models: Sequence[np.ndarray]) -> Estimate:
    """Share of successes over all trials of all models, with the wider of two intervals.

    Wilson's score interval takes all trials for independent, which those of one model are not;
    Student's t over the models' rates says nothing of a single model, and is narrow where a few
    models happen to agree. Each end is that of the interval that reaches farther.

    Args:
        models: outcomes of each model's trials, 0 or 1.

    Raises:
        TTOError: no trial.
    """
    trials = sum(map(len, models))
    if trials < 1:
        raise TTOError("success rate: expected at least one trial, got none")
    successes = int(sum(outcomes.sum() for outcomes in models))
    wilson = binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    over_trials = Estimate(successes / trials, float(wilson.low), float(wilson.high))
    value, low, high = _farther(over_trials, models)
    assert low is not None  # Wilson's has both ends
    assert high is not None
    return Estimate(value, max(low, 0.0), min(high, 1.0))


def trial_mean(models: Sequence[np.ndarray]) -> Estimate:
    """Mean over all trials of all models, with the wider of two intervals, as `success_rate`.

    The one over trials is Student's t as well; a single trial has none.

    Args:
        models: values of each model's trials, one or more.

    Raises:
        TTOError: no model, one without values, or a value that is NaN or infinite.
    """
    trials = estimate([np.array([value]) for values in models for value in values])
    return _farther(trials, models)


def _farther(trials: Estimate, models: Sequence[np.ndarray]) -> Estimate:
    """An interval over trials, its ends moved out to those of Student's t over models."""
    _, low, high = estimate([values for values in models if len(values)])
    if trials.low is None or trials.high is None or low is None or high is None:
        return trials
    return Estimate(trials.value, min(trials.low, low), max(trials.high, high))
