import numpy as np
import pandas as pd
import pytest
from scipy.stats import trim_mean

from tto.errors import TTOError
from tto.report.statistics import (
    RESAMPLES,
    Estimate,
    estimate,
    interquartile_mean,
    mean_band,
    paired_difference,
    stratified_estimate,
    success_rate,
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


@pytest.mark.parametrize("statistic", [np.mean, interquartile_mean])
def test_interval_equals_a_loop_over_draws_of_whole_units(statistic):
    generator = np.random.default_rng(1)
    units = [generator.normal(loc, size=size) for loc, size in enumerate((3, 3, 2, 3))]
    draws = np.random.default_rng(7)
    slow = []
    for _ in range(RESAMPLES):
        chosen = draws.integers(0, 4, size=4)
        slow.append(statistic(np.array([value for unit in chosen for value in units[unit]])))
    found = estimate(units, statistic, seed=7)
    assert found.value == pytest.approx(statistic(np.concatenate(units)))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))
    assert found == estimate(units, statistic, seed=7)


def test_interval_of_two_units_by_hand():
    # means of a draw: 0, 1/2, 1 with chances 1/4, 1/2, 1/4, so 95 % reach from 0 to 1
    assert estimate([np.zeros(2), np.ones(2)]) == (0.5, 0.0, 1.0)


def test_one_unit_has_no_interval():
    assert estimate([np.array([1.0, 3.0])]) == Estimate(2.0, None, None)


def test_strata_are_drawn_one_by_one():
    strata = [[np.zeros(2), np.ones(2)], [np.full(1, 10.0), np.full(1, 20.0), np.full(1, 30.0)]]
    draws = np.random.default_rng(3)
    chosen = [draws.integers(0, len(units), (RESAMPLES, len(units))) for units in strata]
    slow = [
        np.mean(
            [v for units, of in zip(strata, chosen, strict=True) for u in of[r] for v in units[u]]
        )
        for r in range(RESAMPLES)
    ]
    found = stratified_estimate(strata, seed=3)
    assert found.value == pytest.approx(62 / 7)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))


def test_a_stratum_of_one_unit_allows_no_interval():
    strata = [[np.zeros(2), np.ones(2)], [np.ones(2)]]
    assert stratified_estimate(strata) == Estimate(pytest.approx(4 / 6), None, None)
    values, low, high = mean_band([np.ones((2, 3)), np.zeros((1, 3))])
    np.testing.assert_allclose(values, 0.5)
    assert low is high is None
    with pytest.raises(TTOError, match="finite values"):
        stratified_estimate([[np.ones(1)], []])


def test_a_band_is_an_estimate_at_each_point():
    generator = np.random.default_rng(0)
    strata = [generator.normal(size=(units, 5)) for units in (3, 4)]
    band = mean_band(strata, seed=11)
    for point in range(5):
        draws = np.random.default_rng(11)
        means = [
            part[draws.integers(0, len(part), (RESAMPLES, len(part))), point].mean(axis=1)
            for part in strata
        ]
        low, high = np.quantile(np.mean(means, axis=0), [0.025, 0.975])
        expected = np.mean([part[:, point].mean() for part in strata])
        found = (band.values[point], band.low[point], band.high[point])
        assert found == pytest.approx((expected, low, high))


@pytest.mark.parametrize("units", [[], [np.array([])], [np.array([1.0]), np.array([np.nan])]])
def test_what_has_no_estimate(units):
    with pytest.raises(TTOError, match="finite values"):
        estimate(units)


def test_paired_difference_by_hand():
    ours = {0: np.array([10.0, 20.0]), 1: np.array([100.0]), 5: np.array([0.0])}
    theirs = {0: np.array([5.0]), 1: np.array([90.0, 92.0]), 2: np.array([7.0])}
    found = paired_difference(ours, theirs)
    assert found.seeds == 2
    assert found.difference == pytest.approx((9.5, 9.0, 10.0))  # of 10 and 9
    assert paired_difference(ours, {9: np.ones(1)}) is None


def test_pairing_takes_out_what_seeds_share():
    luck = 100 * np.random.default_rng(0).normal(size=8)
    ours = {seed: np.array([value + 1.0]) for seed, value in enumerate(luck)}
    theirs = {seed: np.array([value]) for seed, value in enumerate(luck)}
    assert paired_difference(ours, theirs).difference == pytest.approx((1.0, 1.0, 1.0))


def test_values_by_seed():
    rows = pd.DataFrame({"seed": [1, 0, 1], "score": [5.0, 6.0, 7.0]})
    values = values_by_seed(rows, "score")
    assert list(values) == [0, 1]
    np.testing.assert_array_equal(values[1], [5.0, 7.0])


def test_wilson_interval_by_its_formula():
    z, n, p = 1.959963984540054, 200, 0.97
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    assert success_rate(194, 200) == pytest.approx((p, centre - half, centre + half))
    assert success_rate(10, 10).high == pytest.approx(1.0)
    with pytest.raises(TTOError, match="at least one trial"):
        success_rate(0, 0)


def test_text():
    assert Estimate(67.44, 55.0, 70.06).text() == "67.4 [55.0, 70.1]"
    assert Estimate(2.0, -1.0, 5.0).text(0, signed=True) == "+2 [-1, +5]"
    assert Estimate(2.0, None, None).text(2) == "2.00"
