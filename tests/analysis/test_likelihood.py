"""Shares, likelihoods and coverage compared with sums over cells, counts and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from tto.analysis.likelihood import (
    Cells,
    Shares,
    binned_shares,
    cells_of,
    gaussian_shares,
    score,
)
from tto.errors import TTOError
from tto.tokens.discretizer import Discretizer, fit

V, O, T, N = 5, 2, 3, 40
CELLS = Cells(np.linspace([-1.0, 0.0], [1.0, 5.0], V + 1, axis=1))
STATES = np.array([[-0.9, 4.9], [0.1, 2.0], [-7.0, 6.0]])  # the last one is out of range


def random_marginals(seed: int = 0, bins: int = V) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(bins, 0.4), size=(T, O))


def test_cells_are_the_uniform_bins_and_hold_the_same_values():
    values = np.random.default_rng(0).normal(size=(50, 3))
    bins = fit([values], kind="uniform", bins=7)
    cells = cells_of(bins, 3)
    np.testing.assert_allclose(cells.edges, bins.edges, rtol=1e-12)
    np.testing.assert_array_equal(cells.holding(values), bins.encode(values))
    quantile = fit([values], kind="quantile", bins=7)
    np.testing.assert_allclose(cells_of(quantile, 2).edges, bins.edges[:2], rtol=1e-12)


def test_with_bins_that_are_the_cells_shares_are_the_bins_probabilities():
    marginals = random_marginals()
    shares = binned_shares(marginals, CELLS.edges, STATES, CELLS)
    for t, i in np.ndindex(T, O):
        v = CELLS.holding(STATES)[t, i]
        np.testing.assert_allclose(shares.inside[t, i], marginals[t, i, v], atol=1e-12)
        np.testing.assert_allclose(shares.below[t, i], marginals[t, i, :v].sum(), atol=1e-12)


def test_other_bins_give_each_cell_their_overlap():
    bins = np.array([[-1.0, -0.5, 0.3, 1.0], [0.0, 0.1, 4.0, 5.0]])
    marginals = random_marginals(bins=3)
    shares = binned_shares(marginals, bins, STATES, CELLS)
    low, high = CELLS.ends(STATES)
    for t, i in np.ndindex(T, O):
        overlaps = [
            max(0.0, min(high[t, i], b) - max(low[t, i], a)) / (b - a)
            for a, b in zip(bins[i], bins[i][1:], strict=False)
        ]
        np.testing.assert_allclose(shares.inside[t, i], marginals[t, i] @ overlaps, atol=1e-12)


def test_gaussian_shares_are_the_limit_of_counting():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(T, N, O)) + np.array([0.0, 2.5])
    log_variances = rng.normal(-1, 0.5, size=(T, N, O))
    shares = gaussian_shares(means, log_variances, STATES, CELLS)
    draws = means + np.exp(log_variances / 2) * rng.normal(size=(4000, T, N, O))
    cells = CELLS.holding(draws.reshape(-1, O)).reshape(draws.shape)
    true = CELLS.holding(STATES)[None, :, None]
    np.testing.assert_allclose(shares.inside, (cells == true).mean(axis=(0, 2)), atol=0.006)
    np.testing.assert_allclose(shares.below, (cells < true).mean(axis=(0, 2)), atol=0.006)


@pytest.mark.parametrize("kind", ["bins", "gaussians"])
def test_the_shares_of_all_cells_sum_to_one(kind: str):
    middles = (CELLS.edges[:, :-1] + CELLS.edges[:, 1:]) / 2
    states = middles.T  # (V, O): one row for each cell
    if kind == "bins":
        bins = np.sort(np.random.default_rng(1).uniform(0, 1, size=(O, 4)), axis=1)
        bins[:, 0], bins[:, -1] = 0, 1
        bins = CELLS.edges[:, :1] + bins * (CELLS.edges[:, -1:] - CELLS.edges[:, :1])
        marginals = np.repeat(random_marginals(bins=3)[:1], V, axis=0)
        shares = binned_shares(marginals, bins, states, CELLS)
    else:
        means = np.repeat(np.random.default_rng(0).normal(size=(1, N, O)) * 5, V, axis=0)
        shares = gaussian_shares(means, np.zeros_like(means), states, CELLS)
    np.testing.assert_allclose(shares.inside.sum(axis=0), 1, atol=1e-9)
    np.testing.assert_allclose(
        shares.below, shares.inside.cumsum(axis=0) - shares.inside, atol=1e-9
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["uniform", "quantile", "gaussian"]))
def test_the_oracle_bounds_every_model(seed: int, kind: str):
    """Whatever the model's confidence and bins, and whatever the true state."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(60, O)) * rng.uniform(1e-3, 1e3, size=O)
    cells = cells_of(fit([data], kind="uniform", bins=V), O)
    states = data[:T] * rng.choice([1.0, 3.0])
    if kind == "gaussian":
        means = states[:, None] + rng.normal(size=(T, N, O)) * rng.choice([0.0, 1.0])
        shares = gaussian_shares(means, rng.uniform(-30, 2, size=(T, N, O)), states, cells)
    else:
        bins = fit([data], kind=kind, bins=V)
        marginals = np.eye(V)[bins.encode(states)]
        if rng.random() < 0.5:
            marginals = random_marginals(seed)
        shares = binned_shares(marginals, bins.edges, states, cells)
    scores = score(shares, states, cells, trajectories=N)
    assert np.isfinite(scores.log_likelihood).all()
    assert (scores.log_likelihood <= cells.oracle + 1e-9).all()


def test_all_probability_in_the_right_cells_is_the_oracle_of_appendix_b():
    right = Shares(np.ones((T, O)), np.zeros((T, O)))
    scores = score(right, STATES, CELLS, trajectories=10**9)
    expected = sum(np.log(V / (r - l)) for l, r in ((-1, 1), (0, 5)))
    np.testing.assert_allclose(CELLS.oracle, expected)
    np.testing.assert_allclose(scores.log_likelihood, expected, rtol=1e-6)


def test_nothing_in_the_right_cells_leaves_the_even_trajectory():
    wrong = Shares(np.zeros((T, O)), np.zeros((T, O)))
    scores = score(wrong, STATES, CELLS, trajectories=N)
    expected = sum(np.log(1 / (N + 1) / (r - l)) for l, r in ((-1, 1), (0, 5)))
    np.testing.assert_allclose(scores.log_likelihood, expected)


def test_the_likelihood_of_one_gaussian_is_its_density_where_cells_are_narrow():
    cells = Cells(np.linspace([-4.0], [4.0], 4001, axis=1))
    states = np.array([[0.301], [-1.699]])  # in the middle of their cells
    means, log_variances = np.full((2, 1, 1), 0.5), np.full((2, 1, 1), -0.4)
    shares = gaussian_shares(means, log_variances, states, cells)
    scores = score(shares, states, cells, trajectories=10**9)
    expected = norm(0.5, np.exp(-0.2)).logpdf(states[:, 0])
    np.testing.assert_allclose(scores.log_likelihood, expected, atol=1e-4)


def test_nine_of_ten_are_covered_where_the_prediction_is_right():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(20_000, 1))
    cells = Cells(np.linspace([-6.0], [6.0], 101, axis=1))
    means = np.zeros((20_000, 1, 1))
    sharp, right, blunt = (
        score(
            gaussian_shares(means, np.full_like(means, log_variance), states, cells),
            states,
            cells,
            trajectories=N,
        ).covered.mean()
        for log_variance in (-2.0, 0.0, 2.0)
    )
    assert right == pytest.approx(0.9, abs=0.01)
    assert sharp < 0.6
    assert blunt > 0.99


def test_out_of_range_is_a_share_of_the_dimensions():
    shares = binned_shares(random_marginals(), CELLS.edges, STATES, CELLS)
    assert score(shares, STATES, CELLS, trajectories=N).out_of_range.tolist() == [0, 0, 1]


def test_shares_that_are_no_probabilities_are_errors():
    broken = Shares(np.full((T, O), np.nan), np.zeros((T, O)))
    with pytest.raises(TTOError, match="shares of probability"):
        score(broken, STATES, CELLS, trajectories=N)


def test_bins_of_a_quantile_discretizer_keep_the_range():
    edges = np.array([[0.0, 0.1, 0.2, 1.0]])
    np.testing.assert_allclose(
        cells_of(Discretizer("quantile", edges), 1).edges, [[0, 1 / 3, 2 / 3, 1]]
    )
