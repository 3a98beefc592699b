"""Bins of equal counts, with and without a limit on their width."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tto.errors import TTOError
from tto.tokens.discretizer import fit
from tto.tokens.quantile_edges import quantile_edges

VALUES = arrays(np.float64, st.integers(2, 60), elements=st.floats(-100, 100, width=32))


@given(values=VALUES, bins=st.integers(2, 60), widest=st.none() | st.floats(1.01, 20))
def test_edges_cover_the_range_within_the_limit(values, bins, widest):
    low, high = values.min(), values.max() + 1.0
    edges = quantile_edges(values, low, high, bins, widest=widest)
    assert len(edges) == bins + 1
    assert (edges[0], edges[-1]) == (low, high)
    assert (np.diff(edges) > 0).all()
    if widest is not None:
        assert np.diff(edges).max() <= widest * (high - low) / bins * (1 + 1e-6)


def test_without_a_limit_counts_are_equal():
    values = np.random.default_rng(0).permutation(np.arange(1000.0))
    edges = quantile_edges(values, 0.0, 999.5, 10)
    assert np.histogram(values, edges)[0].tolist() == [100] * 10


def test_the_limit_moves_bins_to_the_range_of_an_outlier():
    """A thousand values in [0, 1] and one at 10: about half of the bins cover the gap."""
    values = np.append(np.linspace(0, 1, 1000), 10.0)
    free = quantile_edges(values, 0.0, 10.001, 20)
    assert np.diff(free)[-1] > 8
    limited = quantile_edges(values, 0.0, 10.001, 20, widest=2.0)
    assert np.diff(limited).max() <= 1.0002
    counts = np.histogram(values, limited)[0]
    inside = counts[: np.searchsorted(limited, 1.0) - 1]
    assert len(inside) >= 8
    assert inside.max() - inside.min() <= inside.max() / 2 + 1


@pytest.mark.parametrize("widest", [1.0, 0.5, float("nan")])
def test_a_limit_of_at_most_1_is_refused(widest):
    with pytest.raises(TTOError, match="widest: expected more than 1"):
        fit([np.random.default_rng(0).normal(size=(9, 2))], kind="quantile", bins=5, widest=widest)
