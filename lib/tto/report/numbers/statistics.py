"""Interquartile means, intervals and paired differences over trained models, by Student's t.

Only models are independent in a run: the rollouts of one model share its weights. So each model
(training seed) gives one number, and the interval is Student's t of these numbers (two-sided,
95 %). With 2, 3 and 5 models it covers the truth in 95 % of runs if models differ normally
(`tests/report/numbers/test_statistics.py` counts it). The percentile bootstrap of Agarwal et al.
(2021, arXiv:2108.13264) covers it in half of the runs with 2 models and in three quarters with 3,
so it is not used here. A single model has no interval.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped
from scipy.stats import binomtest, t

from tto.errors import TTOError

LEVEL = 0.95
INTERVALS = "95 % interval: Student's t over models."  # as tables and figures describe them
TRIMMED = 0.25  # share of the values that an interquartile mean drops at each end

Values = Float[np.ndarray, " _values"]  # of one model; models may have different numbers of them
Outcomes = Shaped[np.ndarray, " _trials"]  # of one model's trials: numbers or booleans


class Estimate(NamedTuple):
    """A number and its interval (None: a single model has no interval)."""

    value: float
    low: float | None
    high: float | None

    def text(self, digits: int = 1, *, signed: bool = False) -> str:
        """Return for example `67.4 [55.0, 70.1]`."""
        form = f"{'+' if signed else ''}.{digits}f"
        if self.low is None or self.high is None:
            return f"{self.value:{form}}"
        return f"{self.value:{form}} [{self.low:{form}}, {self.high:{form}}]"


def in_percent(share: Estimate) -> Estimate:
    """Return a share in per cent."""
    value, low, high = (None if end is None else 100 * end for end in share)
    assert value is not None
    return Estimate(value, low, high)


def lowest(estimates: Iterable[Estimate]) -> Estimate:
    """Return the lowest of several numbers; it meets a condition only if all of them do.

    The interval reaches from the lowest lower end to the lowest upper end; None if one has none.
    """
    values, lows, highs = zip(*estimates, strict=True)
    if None in lows or None in highs:
        return Estimate(min(values), None, None)
    return Estimate(min(values), min(lows), min(highs))


def highest(estimates: Iterable[Estimate]) -> Estimate:
    """Return the highest of several numbers; it is above a bound if one of them is.

    The interval reaches from the highest lower end to the highest upper end.
    """
    value, low, high = lowest(
        Estimate(-value, None, None)
        if low is None or high is None
        else Estimate(-value, -high, -low)
        for value, low, high in estimates
    )
    return Estimate(-value, None if high is None else -high, None if low is None else -low)


class PairedDifference(NamedTuple):
    """The mean difference of two methods over the seeds that both have."""

    difference: Estimate
    seeds: int


def interquartile_mean(values: Float[np.ndarray, " n"]) -> float:
    """Return the mean without the lowest and the highest floor(n / 4) values."""
    cut = int(TRIMMED * len(values))
    return float(np.sort(values)[cut : len(values) - cut].mean())


def mean(values: Outcomes) -> float:
    """Return the mean, as a statistic for `estimate`."""
    return float(np.mean(values))


def estimate(
    units: Sequence[Outcomes], statistic: Callable[[np.ndarray], float] = mean
) -> Estimate:
    """Return the mean over models of a statistic of each model's values, with its interval.

    Args:
        units: values of each model, for example its rollouts; at least one value each.
        statistic: function that reduces the values of one model to a number.

    Raises:
        TTOError: there is no model, a model has no values, or a value is NaN or infinite.
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
    """Numbers and their pointwise intervals (None: a single model has no interval)."""

    values: Float[np.ndarray, " T"]
    low: Float[np.ndarray, " T"] | None
    high: Float[np.ndarray, " T"] | None


def band(units: Float[np.ndarray, "models T"]) -> Band:
    """Return the mean over models at each of T points, with its interval over models."""
    values, count = units.mean(axis=0), len(units)
    if count == 1:
        return Band(values, None, None)
    half = t.ppf((1 + LEVEL) / 2, count - 1) * units.std(axis=0, ddof=1) / np.sqrt(count)
    return Band(values, values - half, values + half)


def values_by_seed(rows: pd.DataFrame, column: str) -> dict[int, Values]:
    """Return the values of each seed, in the order of seeds; rows are of one dataset and method."""
    seeds = sorted(int(seed) for seed in rows["seed"].unique())
    return {seed: rows.loc[rows["seed"] == seed, column].to_numpy(dtype=float) for seed in seeds}


def shared_seeds(parts: Iterable[Mapping[int, Any]]) -> list[int]:
    """Return the seeds that all of several datasets have; means over datasets use only these."""
    return sorted(set.intersection(*(set(part) for part in parts)))


def require_shared_seeds(parts: Sequence[Mapping[int, Any]], what: str) -> list[int]:
    """Return `shared_seeds`, of which there must be one; `what` begins the error.

    Raises:
        TTOError: no seed is in all datasets.
    """
    seeds = shared_seeds(parts)
    if not seeds:
        raise TTOError(
            f"{what}: expected a seed that all of {len(parts)} datasets have, got none; evaluate "
            "the same seeds on each"
        )
    return seeds


def paired_difference(
    ours: Mapping[int, Values], theirs: Mapping[int, Values]
) -> PairedDifference | None:
    """Return the mean over seeds of (mean of `ours` - mean of `theirs`), None if none is common.

    Both methods played the same reset seeds (`tto.evaluation.rollout.evaluation_seeds`), so
    pairing removes the luck of the initial states from the difference.

    Args:
        ours, theirs: values of a method's rollouts, by seed.
    """
    common = shared_seeds([ours, theirs])
    if not common:
        return None
    units = [np.array([ours[key].mean() - theirs[key].mean()]) for key in common]
    return PairedDifference(estimate(units), len(common))


def difference_of(ours: Mapping[int, Values], theirs: Mapping[int, Values]) -> Estimate | None:
    """Return the mean of `ours` less that of `theirs`, with an interval where there can be one.

    It is over models (`paired_difference`). A single model of each has no interval over models;
    then the interval is over the first states that both played, and says nothing of other models.

    Args:
        ours, theirs: values of a method's rollouts, by seed, in the same order of first states.
    """
    common = shared_seeds([ours, theirs])
    if len(common) == 1 and len(ours[common[0]]) == len(theirs[common[0]]):
        return estimate([np.array([x]) for x in ours[common[0]] - theirs[common[0]]])
    paired = paired_difference(ours, theirs)
    return None if paired is None else paired.difference


def success_rate(models: Sequence[Outcomes]) -> Estimate:
    """Return the share of successes over all trials of all models, with a careful interval.

    Wilson's score interval assumes that trials are independent, but those of one model are not.
    Student's t over the models' rates is narrow if a few models happen to agree. So the lower end
    is the lower one of the two, and the upper end the upper one. With a single model there is no
    Student's t, and the interval is Wilson's.

    Args:
        models: outcomes of each model's trials, 0 or 1.

    Raises:
        TTOError: there is no trial.
    """
    trials = sum(map(len, models))
    if trials < 1:
        raise TTOError("success rate: expected at least one trial, got none")
    successes = int(sum(outcomes.sum() for outcomes in models))
    wilson = binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    over_trials = Estimate(successes / trials, float(wilson.low), float(wilson.high))
    value, low, high = _farther(over_trials, models)
    assert low is not None  # Wilson's interval has both ends
    assert high is not None
    return Estimate(value, max(low, 0.0), min(high, 1.0))


def trial_mean(models: Sequence[Outcomes]) -> Estimate:
    """Return the mean over all trials of all models, with a careful interval.

    It covers two intervals by Student's t, one over trials and one over models (see
    `success_rate`). A single trial has no interval.

    Args:
        models: values of each model's trials, at least one trial in all.

    Raises:
        TTOError: there is no trial, or a value is NaN or infinite.
    """
    trials = estimate([np.array([value]) for values in models for value in values])
    return _farther(trials, models)


def shared_trial_mean(values: Float[np.ndarray, "models trials"]) -> Estimate:
    """Return the mean of trials that all models share, with a careful interval.

    A model's mean over trials varies from model to model, and a trial's mean over models from trial
    to trial. The interval covers both by Student's t (see `success_rate`). A single model has none,
    and with a single trial it is over models alone.

    Args:
        values: values of each model (rows) in each trial (columns).

    Raises:
        TTOError: there is no value, or one is NaN or infinite.
    """
    models = estimate(list(values))
    trials = estimate(list(values.T))
    if models.low is None or trials.low is None:
        return models
    return _farther(trials, list(values))


def shared_trial_difference(
    a: Float[np.ndarray, "models a_trials"], b: Float[np.ndarray, "models b_trials"]
) -> Estimate:
    """Return the mean of `a` less that of `b`, whose trials differ, with a careful interval.

    It covers two intervals (see `shared_trial_mean`). The one over models is of differences, since
    `a` and `b` have the same models. The one over trials is half as long as the root of the summed
    squares of those of `a` and `b`, which is no shorter than Welch's.

    Raises:
        TTOError: there is no value, or one is NaN or infinite.
    """
    models = [np.array([difference]) for difference in a.mean(axis=1) - b.mean(axis=1)]
    difference = estimate(models)
    halves = []
    for part in (a, b):
        value, _, high = estimate(list(part.T))
        if high is None or difference.low is None:
            return difference
        halves.append(high - value)
    half = math.hypot(*halves)
    trials = Estimate(difference.value, difference.value - half, difference.value + half)
    return _farther(trials, models)


def _farther(trials: Estimate, models: Sequence[Outcomes]) -> Estimate:
    """Move the ends of an interval over trials out to those of Student's t over models."""
    _, low, high = estimate([values for values in models if len(values)])
    if trials.low is None or trials.high is None or low is None or high is None:
        return trials
    return Estimate(trials.value, min(trials.low, low), max(trials.high, high))
