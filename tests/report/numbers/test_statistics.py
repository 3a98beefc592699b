import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, trim_mean, ttest_1samp, ttest_ind

from tto.errors import TTOError
from tto.report.numbers.statistics import (
    Estimate,
    band,
    estimate,
    interquartile_mean,
    paired_difference,
    shared_seeds,
    shared_trial_difference,
    shared_trial_mean,
    success_rate,
    trial_mean,
    values_by_seed,
)


def test_interquartile_mean_by_hand():
    assert interquartile_mean(np.array([100.0, 1, 2, 3, -50, 4, 5, 6])) == 3.5  # of 2, 3, 4, 5
    assert interquartile_mean(np.array([3.0, 1.0, 8.0])) == 4.0  # too few to trim
    assert interquartile_mean(np.array([9.0, 1.0, 2.0, 3.0, 7.0])) == 4.0  # of 2, 3, 7


@pytest.mark.parametrize("count", range(1, 20))
def test_interquartile_mean_is_the_trimmed_mean(count):
    values = np.random.default_rng(count).normal(size=count)
    assert interquartile_mean(values) == pytest.approx(trim_mean(values, 0.25))


T = {2: 12.7062047, 3: 4.3026527, 4: 3.1824463, 5: 2.7764451}  # of tables, 97.5 %, by models


@pytest.mark.parametrize("statistic", [np.mean, interquartile_mean])
@pytest.mark.parametrize("models", [2, 3, 5])
def test_interval_by_the_table_of_t(models, statistic):
    generator = np.random.default_rng(models)
    units = [generator.normal(i, 2.0, size=5 + i) for i in range(models)]
    numbers = [statistic(values) for values in units]
    middle = sum(numbers) / models
    variance = sum((number - middle) ** 2 for number in numbers) / (models - 1)
    half = T[models] * (variance / models) ** 0.5
    found = estimate(units, statistic)
    assert found == pytest.approx((middle, middle - half, middle + half))
    test = ttest_1samp(numbers, 0.0).confidence_interval(0.95)
    assert found[1:] == pytest.approx((test.low, test.high))


def test_interval_of_two_models_by_hand():
    # means 1 and 3: standard error 1
    found = estimate([np.array([0.0, 2.0]), np.array([3.0])])
    assert found == pytest.approx((2.0, 2 - T[2], 2 + T[2]))


def test_one_model_has_no_interval():
    assert estimate([np.array([1.0, 3.0])]) == Estimate(2.0, None, None)
    values, low, high = band(np.array([[1.0, 2.0]]))
    np.testing.assert_array_equal(values, [1.0, 2.0])
    assert low is high is None


def test_a_band_is_an_estimate_at_each_point():
    units = np.random.default_rng(0).normal(size=(3, 5))
    found = band(units)
    for point in range(5):
        expected = estimate([np.array([value]) for value in units[:, point]])
        one = (found.values[point], found.low[point], found.high[point])
        assert one == pytest.approx(expected)


def models_of(kind: str, models: int, runs: int) -> np.ndarray:
    """Means of each model's 15 episodes in many runs, whose true mean is 0, `[runs models]`.

    Models differ by a normal or a skewed effect of deviation 1, episodes by one of deviation 2.
    """
    generator = np.random.default_rng(models)

    def effect(*size: int) -> np.ndarray:
        if kind == "normal":
            return generator.normal(size=size)
        return generator.exponential(size=size) - 1  # skewness 2

    return (effect(runs, models, 1) + 2 * effect(runs, models, 15)).mean(axis=2)


@pytest.mark.parametrize("models", [2, 3, 5])
@pytest.mark.parametrize("kind", ["normal", "skewed"])
def test_coverage(kind: str, models: int):
    """How often the interval of a run holds the truth; the percentile bootstrap's does not."""
    means = models_of(kind, models, runs=4000)
    found = [estimate([np.array([mean]) for mean in run]) for run in means[:1000]]
    _, low, high = band(means.T)
    np.testing.assert_allclose(low[:1000], [one.low for one in found])
    np.testing.assert_allclose(high[:1000], [one.high for one in found])
    covered = float(np.mean((low < 0) & (high > 0)))
    if kind == "normal":
        assert 0.93 < covered < 0.97
    else:
        assert 0.90 < covered < 0.97  # Student's t is exact for normal models alone
    drawn = bootstrap(
        (means,),
        np.mean,
        axis=1,
        n_resamples=500,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    before = float(np.mean((drawn.low < 0) & (drawn.high > 0)))
    assert before < (0.80 if models < 5 else 0.87)
    assert before < covered - 0.05


@pytest.mark.parametrize("units", [[], [np.array([])], [np.array([1.0]), np.array([np.nan])]])
def test_what_has_no_estimate(units):
    with pytest.raises(TTOError, match="finite values"):
        estimate(units)


def test_paired_difference_by_hand():
    ours = {0: np.array([10.0, 20.0]), 1: np.array([100.0]), 5: np.array([0.0])}
    theirs = {0: np.array([5.0]), 1: np.array([90.0, 92.0]), 2: np.array([7.0])}
    found = paired_difference(ours, theirs)
    assert found.seeds == 2
    half = T[2] * 0.5  # of 10 and 9
    assert found.difference == pytest.approx((9.5, 9.5 - half, 9.5 + half))
    assert paired_difference(ours, {9: np.ones(1)}) is None


def test_pairing_takes_out_what_seeds_share():
    luck = 100 * np.random.default_rng(0).normal(size=8)
    ours = {seed: np.array([value + 1.0]) for seed, value in enumerate(luck)}
    theirs = {seed: np.array([value]) for seed, value in enumerate(luck)}
    assert paired_difference(ours, theirs).difference == pytest.approx((1.0, 1.0, 1.0))


def test_shared_seeds():
    assert shared_seeds([{2: "a", 0: "b", 1: "c"}, {0: 1, 2: 2, 7: 3}]) == [0, 2]
    assert shared_seeds([{0: 1}, {1: 1}]) == []


def test_values_by_seed():
    rows = pd.DataFrame({"seed": [1, 0, 1], "score": [5.0, 6.0, 7.0]})
    values = values_by_seed(rows, "score")
    assert list(values) == [0, 1]
    np.testing.assert_array_equal(values[1], [5.0, 7.0])


def outcomes(reached: int, trials: int) -> np.ndarray:
    return (np.arange(trials) < reached).astype(float)


def wilson(reached: int, trials: int) -> tuple[float, float, float]:
    z, n, p = 1.959963984540054, trials, reached / trials
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    return p, centre - half, centre + half


def test_success_of_one_model_is_wilsons():
    assert success_rate([outcomes(194, 200)]) == pytest.approx(wilson(194, 200))
    assert success_rate([outcomes(10, 10)]).high == pytest.approx(1.0)
    for nothing in ([], [np.zeros(0)]):
        with pytest.raises(TTOError, match="at least one trial"):
            success_rate(nothing)


def test_success_of_several_models_is_the_wider():
    # models that agree: over pairs
    assert success_rate([outcomes(8, 10)] * 5) == pytest.approx(wilson(40, 50))
    # models that differ: rates 0.9 and 0.7 have a standard error of 0.1, over models with ends
    # beyond 0 and 1
    assert success_rate([outcomes(9, 10), outcomes(7, 10)]) == pytest.approx((0.8, 0.0, 1.0))
    rates = [0.9, 0.8, 0.8, 0.7, 0.8]
    half = T[5] * 0.1 * 0.5**0.5 / 5**0.5
    found = success_rate([outcomes(round(1000 * rate), 1000) for rate in rates])
    assert found == pytest.approx((0.8, 0.8 - half, 0.8 + half))
    assert found.low < wilson(4000, 5000)[1]


def test_a_mean_over_trials_is_the_wider():
    alike = [np.array([1.0, 3.0]), np.array([3.0, 1.0])]
    half = T[4] * (4 / 3 / 4) ** 0.5
    assert trial_mean(alike) == pytest.approx((2.0, 2 - half, 2 + half))
    apart = [np.array([1.0, 1.0]), np.array([3.0, 3.0])]
    assert trial_mean(apart) == pytest.approx((2.0, 2 - T[2], 2 + T[2]))
    assert trial_mean([np.array([1.0, 3.0])]) == estimate([np.ones(1), np.full(1, 3.0)])
    assert trial_mean([np.array([4.0])]) == (4.0, None, None)


def test_an_interval_over_shared_trials_covers_models_and_trials():
    values = np.array([[1.0, 5.0, 9.0], [1.2, 5.2, 9.2]])  # trials differ more than models
    assert shared_trial_mean(values) == pytest.approx(estimate(list(values.T)))
    assert shared_trial_mean(values.T) == pytest.approx(estimate(list(values.T)))
    assert shared_trial_mean(values[:1]) == pytest.approx((5.0, None, None))
    assert shared_trial_mean(values[:, :1]) == estimate([np.array([1.0]), np.array([1.2])])


def test_an_interval_of_a_difference_of_means_over_other_trials():
    generator = np.random.default_rng(0)
    trials = generator.normal(size=7), generator.normal(size=4)
    a, b = (np.stack([part, part]) for part in trials)  # two models that agree
    value, low, high = shared_trial_difference(a, b)
    assert low is not None
    assert high is not None
    assert value == pytest.approx(trials[0].mean() - trials[1].mean())
    welch = ttest_ind(*trials, equal_var=False).confidence_interval()
    assert low < welch.low < welch.high < high
    assert high - low < 1.5 * (welch.high - welch.low)
    apart = shared_trial_difference(np.stack([trials[0], trials[0] + 9]), b)
    over_models = estimate([np.array([value]), np.array([value + 9])])
    assert apart == pytest.approx(over_models)
    assert shared_trial_difference(a[:1], b[:1]) == pytest.approx((value, None, None))


def test_text():
    assert Estimate(67.44, 55.0, 70.06).text() == "67.4 [55.0, 70.1]"
    assert Estimate(2.0, -1.0, 5.0).text(0, signed=True) == "+2 [-1, +5]"
    assert Estimate(2.0, None, None).text(2) == "2.00"
