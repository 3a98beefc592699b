"""Bins: equation 1 against a loop, exact round trips, ties, constant and invalid data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tto.errors import TTOError
from tto.tokens.discretizer import Discretizer, fit

KINDS = ("uniform", "quantile")


def fitted(values: np.ndarray, kind: str, bins: int, *, blocks: int = 3) -> Discretizer:
    return fit(np.array_split(values, blocks), kind=kind, bins=bins)  # type: ignore[arg-type]


def finite_columns(max_rows: int = 40) -> st.SearchStrategy[np.ndarray]:
    values = st.floats(-1e6, 1e6, width=32) | st.sampled_from([-1.0, 0.0, 1.0])
    return st.integers(1, max_rows).flatmap(
        lambda rows: arrays(np.float64, (rows, 2), elements=values)
    )


@pytest.mark.parametrize("kind", KINDS)
@given(values=finite_columns(), bins=st.integers(2, 300))
def test_decoding_an_encoded_value_stays_within_half_a_bin(kind, values, bins):
    discretizer = fitted(values, kind, bins)
    tokens = discretizer.encode(values)
    half = np.take_along_axis(np.diff(discretizer.edges), tokens.T.astype(int), axis=1).T / 2
    slack = 1e-6 * np.maximum(1, np.abs(values))
    assert (np.abs(discretizer.decode(tokens) - values) <= half + slack).all()


@pytest.mark.parametrize("kind", KINDS)
@given(values=finite_columns(), bins=st.integers(2, 300))
def test_encoding_a_decoded_token_gives_the_token(kind, values, bins):
    discretizer = fitted(values, kind, bins)
    every = np.repeat(np.arange(bins)[:, None], 2, axis=1)
    np.testing.assert_array_equal(discretizer.encode(discretizer.decode(every)), every)


def test_uniform_bins_are_equation_1():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 3))
    discretizer = fitted(values, "uniform", 7)
    tokens = discretizer.encode(values)
    for t, row in enumerate(values):
        for i, value in enumerate(row):
            low, high = discretizer.edges[i, 0], discretizer.edges[i, -1]
            assert tokens[t, i] == int(np.floor(7 * (value - low) / (high - low)))
    np.testing.assert_allclose(discretizer.edges[:, 0], values.min(axis=0))
    np.testing.assert_allclose(discretizer.edges[:, -1], values.max(axis=0))


def test_uniform_and_bisected_edges_agree():
    values = np.random.default_rng(1).normal(size=(2000, 2))
    discretizer = fitted(values, "uniform", 100)
    bisected = np.stack(
        [np.digitize(values[:, i], discretizer.edges[i]) - 1 for i in range(2)], axis=1
    )
    np.testing.assert_array_equal(discretizer.encode(values), bisected)


def test_quantile_bins_hold_equal_counts():
    values = np.random.default_rng(2).exponential(size=(10_000, 1))
    tokens = fitted(values, "quantile", 50).encode(values)
    counts = np.bincount(tokens[:, 0], minlength=50)
    assert counts.min() >= 190
    assert counts.max() <= 210


def test_ties_do_not_reduce_the_number_of_bins():
    values = np.concatenate([np.full(500, -1.0), np.linspace(-1, 1, 100), np.full(500, 1.0)])
    discretizer = fitted(values[:, None], "quantile", 100)
    assert discretizer.vocabulary == 100
    decoded = discretizer.decode(discretizer.encode(np.array([[-1.0], [1.0]])))
    np.testing.assert_allclose(decoded[:, 0], [-1, 1], atol=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_dimension_is_decoded_to_its_value(kind):
    discretizer = fitted(np.full((10, 1), 3.25), kind, 100)
    np.testing.assert_allclose(
        discretizer.decode(discretizer.encode(np.array([[3.25]]))), 3.25, rtol=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_is_enough(kind):
    assert fitted(np.array([[1.0, 2.0]]), kind, 10).edges.shape == (2, 11)


@pytest.mark.parametrize("kind", KINDS)
def test_values_out_of_range_belong_to_the_outer_bins(kind):
    discretizer = fitted(np.linspace(0, 1, 100)[:, None], kind, 10)
    np.testing.assert_array_equal(discretizer.encode(np.array([[-5.0], [7.0]])), [[0], [9]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_errors(kind, bad):
    values = np.array([[0.0], [bad], [1.0]])
    with pytest.raises(TTOError, match="finite"):
        fitted(values, kind, 10)
    with pytest.raises(TTOError, match="finite"):
        fitted(np.array([[0.0], [1.0]]), kind, 10).encode(values)


def test_no_rows_is_an_error():
    with pytest.raises(TTOError, match="at least one transition"):
        fit([], kind="uniform", bins=10)


def test_edges_do_not_depend_on_the_blocks():
    values = np.random.default_rng(3).normal(size=(100, 2))
    for kind in KINDS:
        edges = [fitted(values, kind, 10, blocks=blocks).edges for blocks in (1, 7)]
        np.testing.assert_array_equal(*edges)


def test_a_long_stream_is_sampled_evenly(monkeypatch):
    monkeypatch.setattr("tto.tokens.discretizer._QUANTILE_ROWS", 500)
    values = np.random.default_rng(4).normal(size=(10_000, 1))
    sampled = fitted(values, "quantile", 10, blocks=13).edges[0]
    every_32nd = np.quantile(values[::32, 0], np.linspace(0, 1, 11))  # 313 rows, at most 500
    np.testing.assert_allclose(sampled[1:-1], every_32nd[1:-1])
    np.testing.assert_allclose(sampled[[0, -1]], [values.min(), values.max()], rtol=1e-6)
