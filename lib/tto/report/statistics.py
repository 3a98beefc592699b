"""Interquartile means, intervals and paired differences, by the bootstrap over trained models.

After Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (2021,
arXiv:2108.13264): runs are drawn again with replacement, the statistic is computed for each draw,
and the interval holds its central 95 % (percentile bootstrap). What is drawn again here is a unit,
a seed (a trained model) with all its rollouts: rollouts of one model are not independent of each
other. With few units such intervals are too narrow; with one there is none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import binomtest, bootstrap

from tto.errors import TTOError

LEVEL = 0.95
RESAMPLES = 2000
TRIMMED = 0.25  # of the values, at each end


class Estimate(NamedTuple):
    """A number and its interval (None: a single unit allows none)."""

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
    units: Sequence[np.ndarray],
    statistic: Callable[[np.ndarray], float] = mean,
    *,
    seed: int = 0,
) -> Estimate:
    """A statistic of all values together, with its interval over units.

    Args:
        units: the values of each unit (rollouts of a seed, say), one or more along the first axis.
        statistic: of the concatenated values.
        seed: of the resampling.

    Raises:
        TTOError: no unit, an empty one, or a value that is NaN or infinite.
    """
    return stratified_estimate([units], statistic, seed=seed)


def stratified_estimate(
    strata: Sequence[Sequence[np.ndarray]],
    statistic: Callable[[np.ndarray], float] = mean,
    *,
    seed: int = 0,
) -> Estimate:
    """As `estimate`, over several strata (datasets, say): units are drawn within each of them.

    Raises:
        TTOError: no stratum, one without units, an empty unit, or NaN or infinity.
    """
    units = [values for stratum in strata for values in stratum]
    if not strata or not all(strata) or not all(_is_finite(values) for values in units):
        raise TTOError(
            "expected finite values of at least one unit, got none, NaN or infinite ones: is a "
            "rollout missing?"
        )
    value = statistic(np.concatenate(units))
    if min(map(len, strata)) == 1:
        return Estimate(value, None, None)
    drawn = bootstrap(
        [np.arange(len(stratum)) for stratum in strata],
        lambda *indices: statistic(
            np.concatenate([strata[i][j] for i, chosen in enumerate(indices) for j in chosen])
        ),
        n_resamples=RESAMPLES,
        vectorized=False,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = drawn.confidence_interval
    return Estimate(value, float(low), float(high))


def _is_finite(values: np.ndarray) -> bool:
    return len(values) > 0 and bool(np.isfinite(values).all())


class Band(NamedTuple):
    """Numbers and their pointwise intervals (None: a stratum with a single unit allows none)."""

    values: Float[np.ndarray, " T"]
    low: Float[np.ndarray, " T"] | None
    high: Float[np.ndarray, " T"] | None


def mean_band(strata: Sequence[Float[np.ndarray, "units T"]], *, seed: int = 0) -> Band:
    """Mean over strata of the mean over their units, at each of T points, with its interval."""

    def average(*parts: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.mean([part.mean(axis=axis) for part in parts], axis=0)

    parts = [stratum.T for stratum in strata]
    values = average(*parts)
    if min(map(len, strata)) == 1:
        return Band(values, None, None)
    drawn = bootstrap(
        parts,
        average,
        n_resamples=RESAMPLES,
        axis=-1,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return Band(values, *drawn.confidence_interval)


def values_by_seed(rows: pd.DataFrame, column: str) -> dict[int, np.ndarray]:
    """The values of each seed, in the order of the seeds, of rows of one dataset and method."""
    seeds = sorted(int(seed) for seed in rows["seed"].unique())
    return {seed: rows.loc[rows["seed"] == seed, column].to_numpy(dtype=float) for seed in seeds}


def paired_difference(
    ours: Mapping[int, np.ndarray], theirs: Mapping[int, np.ndarray], *, seed: int = 0
) -> PairedDifference | None:
    """Mean over seeds of (mean of `ours` - mean of `theirs`), or None without a common seed.

    Both played the same reset seeds (`tto.evaluation.rollout.evaluation_seeds`), so that pairing
    takes the luck of the initial states out of the difference.
    """
    common = sorted(ours.keys() & theirs.keys())
    if not common:
        return None
    units = [np.array([ours[key].mean() - theirs[key].mean()]) for key in common]
    return PairedDifference(estimate(units, seed=seed), len(common))


def success_rate(successes: int, trials: int) -> Estimate:
    """Share of successes with Wilson's score interval, which holds near 0 and 1 too.

    Raises:
        TTOError: no trial.
    """
    if trials < 1:
        raise TTOError("success rate: expected at least one trial, got none")
    interval = binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    return Estimate(successes / trials, float(interval.low), float(interval.high))
