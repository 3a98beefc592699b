"""Bins: a real number of one dimension to the integer of the interval that holds it, and back.

Tokens here are bin numbers 0..V-1 of their own dimension; the offset V*i of equation 1 is added by
the model's embedding, where it belongs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Integer

from tto.errors import TTOError
from tto.tokens.quantile_edges import quantile_edges

Kind = Literal["uniform", "quantile"]

# A dimension narrower than this fraction of its magnitude is taken as constant.
_RELATIVE_WIDTH = 1e-6
# Rows kept for the quantiles of a dataset that is larger than this.
_QUANTILE_ROWS = 1_000_000


@dataclass(frozen=True)
class Discretizer:
    """D grids of V half-open bins [edge_v, edge_v+1), strictly increasing.

    Values outside the first and last edge count into the first and last bin.
    """

    kind: Kind
    edges: Float[np.ndarray, "D edges"]

    def __post_init__(self) -> None:
        if self.kind not in ("uniform", "quantile"):
            raise TTOError(f"discretizer kind: expected uniform or quantile, got {self.kind!r}")
        if self.edges.ndim != 2 or self.edges.shape[1] < 2:
            raise TTOError(f"bin edges: expected shape (D, V+1), got {self.edges.shape}")
        if not (np.isfinite(self.edges).all() and (np.diff(self.edges) > 0).all()):
            raise TTOError(
                "bin edges: expected finite, strictly increasing values in each dimension"
            )

    @property
    def dimensions(self) -> int:
        """D, tokens a transition."""
        return self.edges.shape[0]

    @property
    def vocabulary(self) -> int:
        """V, bins a dimension."""
        return self.edges.shape[1] - 1

    @property
    def centers(self) -> Float[np.ndarray, "D V"]:
        """The middle of each bin: what a token is decoded to."""
        return (self.edges[:, :-1] + self.edges[:, 1:]) / 2

    def encode(
        self, values: Float[np.ndarray, "... K"], *, first: int = 0
    ) -> Integer[np.ndarray, "... K"]:
        """Bin numbers of `values`, whose last axis holds dimensions first..first+K-1.

        Uniform bins by equation 1 (without its offset), quantile bins by bisection.

        Raises:
            TTOError: a value is NaN or infinite, or there are too many dimensions.
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
        """The centre of each bin; `encode` takes it back to the same token.

        Raises:
            TTOError: a token is not in 0..V-1.
        """
        tokens = np.asarray(tokens)
        if tokens.size and (tokens.min() < 0 or tokens.max() >= self.vocabulary):
            raise TTOError(f"tokens to decode: expected 0..{self.vocabulary - 1}, got others")
        columns = np.arange(first, first + tokens.shape[-1])
        return self.centers[columns, tokens]


def token_dtype(vocabulary: int) -> type[np.unsignedinteger]:
    """The smallest type that holds tokens 0..vocabulary-1."""
    return np.uint8 if vocabulary <= 256 else np.uint16


def fit(
    blocks: Iterable[Float[np.ndarray, "rows D"]],
    *,
    kind: Kind,
    bins: int,
    widest: float | None = None,
) -> Discretizer:
    """Place the edges so that `blocks`, read once and one at a time, are covered.

    Uniform: V equal bins from the smallest to the largest value. Quantile: equal counts a bin; of a
    dataset above a million rows an even sample of its rows is used, with its true smallest and
    largest values.

    Args:
        widest: of a quantile bin, in widths of a uniform one (see `quantile_edges`), or None.

    Raises:
        TTOError: no rows at all, fewer than two bins, NaN or infinite values, or a `widest` that
            leaves too few bins.
    """
    if bins < 2:
        raise TTOError(f"discretizer bins: expected at least 2, got {bins}")
    if widest is not None and not widest > 1:
        raise TTOError(f"discretizer widest: expected more than 1, or none, got {widest}")
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


def _widened(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give constant dimensions a narrow range around their value, and all a last edge above `high`.

    The range is half open, so without the margin the largest value would lie outside.
    """
    least = _RELATIVE_WIDTH * np.maximum(1.0, np.maximum(np.abs(low), np.abs(high)))
    missing = np.maximum(least - (high - low), 0.0)
    low, high = low - missing / 2, high + missing / 2
    return low, high + 1e-9 * (high - low)


class _EvenSample:
    """Every 2^k-th row of a stream, with k grown so that at most `limit` rows are held."""

    def __init__(self, limit: int) -> None:
        self._limit, self._step, self._seen, self._held = limit, 1, 0, 0
        self._blocks: list[np.ndarray] = []

    def add(self, block: np.ndarray) -> None:
        start = -self._seen % self._step
        self._seen += len(block)
        self._blocks.append(np.array(block[start :: self._step]))
        self._held += len(self._blocks[-1])
        while self._held > self._limit:
            self._step *= 2
            self._blocks = [self.rows()[::2]]
            self._held = len(self._blocks[0])

    def rows(self) -> np.ndarray:
        return np.concatenate(self._blocks)
