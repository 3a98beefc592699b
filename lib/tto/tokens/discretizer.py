"""Discretisation: the bin of a real number in its dimension, and a bin's centre.

A token is a bin number 0..V-1 within its dimension. The model's embedding adds the offset V*i of
equation 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Integer

from tto.errors import TTOError
from tto.tokens.quantile_edges import quantile_edges

Kind = Literal["uniform", "quantile"]
MOST_TOKENS = 2**16  # of a dimension, since tokens are stored in two bytes at most

# A dimension with a range below this fraction of its magnitude counts as constant.
_RELATIVE_WIDTH = 1e-6
# Quantiles of a larger dataset are computed from a sample of at most this many rows.
_QUANTILE_ROWS = 1_000_000


@dataclass(frozen=True)
class Discretizer:
    """V half-open bins [edge_v, edge_v+1) in each of D dimensions.

    Values below the first or above the last edge belong to the first or last bin.

    Attributes:
        kind: how the edges were placed.
        edges: edges of the bins, strictly increasing in each dimension; V+1 of them.
    """

    kind: Kind
    edges: Float[np.ndarray, "D edges"]

    def __post_init__(self) -> None:
        if self.kind not in ("uniform", "quantile"):
            raise TTOError(
                f"discretizer kind: expected uniform or quantile, got {self.kind!r}; name one"
            )
        if self.edges.ndim != 2 or self.edges.shape[1] < 2:
            raise TTOError(f"bin edges: expected shape (D, V+1), got {self.edges.shape}")
        if not (np.isfinite(self.edges).all() and (np.diff(self.edges) > 0).all()):
            raise TTOError(
                "bin edges: expected finite, strictly increasing values in each dimension"
            )

    @property
    def dimensions(self) -> int:
        """D, the number of tokens per transition."""
        return self.edges.shape[0]

    @property
    def vocabulary(self) -> int:
        """V, the number of bins per dimension."""
        return self.edges.shape[1] - 1

    @property
    def centers(self) -> Float[np.ndarray, "D V"]:
        """Centre of each bin, to which its token is decoded."""
        return (self.edges[:, :-1] + self.edges[:, 1:]) / 2

    def encode(
        self, values: Float[np.ndarray, "... K"], *, first: int = 0
    ) -> Integer[np.ndarray, "... K"]:
        """Bin numbers of `values`, whose last axis holds the dimensions first..first+K-1.

        Uniform bins follow equation 1 without the offset V * i of dimension i. Quantile bins are
        found by bisection.

        Raises:
            TTOError: a value is NaN or infinite, or first+K exceeds D.
        """
        values = np.asarray(values, dtype=np.float64)
        last = first + values.shape[-1]
        if last > self.dimensions:
            raise TTOError(
                f"values to encode: expected up to {self.dimensions} dimensions, got {last}"
            )
        if not np.isfinite(values).all():
            raise TTOError("values to encode: expected finite numbers, got NaN or infinity")
        edges = self.edges[first:last]
        if self.kind == "uniform":
            scale = self.vocabulary / (edges[:, -1] - edges[:, 0])
            bins = np.floor((values - edges[:, 0]) * scale)
        else:
            bins = np.empty(values.shape)
            for k in range(values.shape[-1]):
                bins[..., k] = np.searchsorted(edges[k], values[..., k], side="right") - 1
        return np.clip(bins, 0, self.vocabulary - 1).astype(token_dtype(self.vocabulary))

    def decode(
        self, tokens: Integer[np.ndarray, "... K"], *, first: int = 0
    ) -> Float[np.ndarray, "... K"]:
        """Centres of the bins of `tokens`, which `encode` maps back to the same tokens.

        The last axis of `tokens` holds the dimensions first..first+K-1.

        Raises:
            TTOError: a token is not in 0..V-1.
        """
        tokens = np.asarray(tokens)
        if tokens.size and (tokens.min() < 0 or tokens.max() >= self.vocabulary):
            raise TTOError(
                f"tokens to decode: expected 0..{self.vocabulary - 1}, got {tokens.min()} to "
                f"{tokens.max()}"
            )
        columns = np.arange(first, first + tokens.shape[-1])
        return self.centers[columns, tokens]


def token_dtype(vocabulary: int) -> type[np.unsignedinteger]:
    """The smaller of uint8 and uint16 that holds tokens 0..vocabulary-1."""
    return np.uint8 if vocabulary <= 256 else np.uint16


def fit(
    blocks: Iterable[Float[np.ndarray, "_ D"]],
    *,
    kind: Kind,
    bins: int,
    widest: float | None = None,
) -> Discretizer:
    """Fit the edges of the bins to a dataset.

    Uniform bins have equal widths from the smallest to the largest value. Quantile bins hold equal
    counts; for more than a million rows, the counts come from an even sample of the rows, but the
    smallest and largest values from all rows.

    Args:
        blocks: the dataset in blocks of rows, which are read once and one at a time.
        kind: uniform or quantile.
        bins: V, the number of bins per dimension.
        widest: largest width of a quantile bin, as a multiple of a uniform bin's width (see
            `quantile_edges`); None disables the limit.

    Raises:
        TTOError: there are no rows, fewer than two bins, NaN or infinite values, or `widest` is
            not above 1.
    """
    if bins < 2:
        raise TTOError(f"discretizer bins: expected at least 2, got {bins}")
    if widest is not None and not widest > 1:
        raise TTOError(f"discretizer widest: expected more than 1, or null, got {widest}")
    low, high, sample = None, None, _EvenSample(_QUANTILE_ROWS)
    for block in blocks:
        if not len(block):
            continue
        if not np.isfinite(block).all():
            raise TTOError("data to discretise: expected finite numbers, got NaN or infinity")
        block_low, block_high = block.min(axis=0), block.max(axis=0)
        low = block_low if low is None else np.minimum(low, block_low)
        high = block_high if high is None else np.maximum(high, block_high)
        if kind == "quantile":
            sample.add(block)
    if low is None or high is None:
        raise TTOError("data to discretise: expected at least one transition, got none")
    low, high = _widened(low.astype(np.float64), high.astype(np.float64))
    if kind == "uniform":
        return Discretizer(kind, np.linspace(low, high, bins + 1, axis=1))
    rows = sample.rows().astype(np.float64)
    edges = [
        quantile_edges(rows[:, i], low[i], high[i], bins, widest=widest) for i in range(len(low))
    ]
    return Discretizer(kind, np.stack(edges))


def _widened(
    low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]
) -> tuple[Float[np.ndarray, "D"], Float[np.ndarray, "D"]]:
    """Widen constant dimensions to a narrow range, and move every last edge above `high`.

    The range is half open and would otherwise exclude the largest value.
    """
    least = _RELATIVE_WIDTH * np.maximum(1.0, np.maximum(np.abs(low), np.abs(high)))
    missing = np.maximum(least - (high - low), 0.0)
    low, high = low - missing / 2, high + missing / 2
    return low, high + 1e-9 * (high - low)


class _EvenSample:
    """A sample of every 2^k-th row of a stream; k grows so that at most `limit` rows are kept."""

    def __init__(self, limit: int) -> None:
        self._limit, self._step, self._seen, self._held = limit, 1, 0, 0
        self._blocks: list[np.ndarray] = []

    def add(self, block: Float[np.ndarray, "rows D"]) -> None:
        start = -self._seen % self._step
        self._seen += len(block)
        self._blocks.append(np.array(block[start :: self._step]))
        self._held += len(self._blocks[-1])
        while self._held > self._limit:
            self._step *= 2
            self._blocks = [self.rows()[::2]]
            self._held = len(self._blocks[0])

    def rows(self) -> Float[np.ndarray, "rows D"]:
        return np.concatenate(self._blocks)
