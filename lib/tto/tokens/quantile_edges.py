"""Edges of bins that hold equal counts of the values of one dimension."""

import numpy as np
from jaxtyping import Float, Integer


def quantile_edges(
    values: Float[np.ndarray, " rows"],
    low: float,
    high: float,
    bins: int,
    *,
    widest: float | None = None,
) -> Float[np.ndarray, " edges"]:
    """V+1 strictly increasing edges from `low` to `high`, with equal counts between them.

    Args:
        values: values of the dimension.
        low: first edge, at most the smallest value.
        high: last edge, above the largest value.
        bins: V, the number of bins.
        widest: largest width of a bin, as a multiple of the width (high - low) / V of a uniform
            bin. Outliers would otherwise share one huge bin and all be decoded to its centre. The
            additional bins reduce the number of bins elsewhere. Must exceed 1; None disables the
            limit, as in the official code.
    """
    if widest is None:
        return _strictly_increasing(values, low, high, bins)
    limit = widest * (high - low) / bins
    # Find the largest number of bins of equal counts that leaves at most V bins after those that
    # are too wide have been cut. One bin always does.
    fewest, most = 1, bins
    while fewest < most:
        count = (fewest + most + 1) // 2
        if _pieces(_strictly_increasing(values, low, high, count), limit).sum() <= bins:
            fewest = count
        else:
            most = count - 1
    coarse = _strictly_increasing(values, low, high, fewest)
    starts = zip(coarse[:-1], coarse[1:], _pieces(coarse, limit), strict=True)
    edges = np.concatenate([np.linspace(a, b, n, endpoint=False) for a, b, n in starts])
    return _filled([*edges, high], bins)


def _pieces(edges: Float[np.ndarray, " edges"], limit: float) -> Integer[np.ndarray, " bins"]:
    """Number of parts to cut each bin into so that none is wider than `limit`."""
    return np.ceil(np.diff(edges) / limit - 1e-9).astype(int).clip(min=1)


def _strictly_increasing(
    values: Float[np.ndarray, " rows"], low: float, high: float, bins: int
) -> Float[np.ndarray, " edges"]:
    """Edges with equal counts between them, as far as ties allow.

    Ties, such as actions at their limits, leave fewer than V+1 distinct quantiles. Each missing
    edge then halves the widest bin.
    """
    edges = np.quantile(values, np.linspace(0, 1, bins + 1))
    least = 1e-3 * (high - low) / bins
    distinct = [low]
    for edge in edges[1:-1]:
        if edge - distinct[-1] > least and high - edge > least:
            distinct.append(float(edge))
    return _filled([*distinct, high], bins)


def _filled(edges: list[float], bins: int) -> Float[np.ndarray, " edges"]:
    """Fill up to V+1 edges: each missing edge halves the widest bin."""
    while len(edges) < bins + 1:
        widest = int(np.argmax(np.diff(edges)))
        edges.insert(widest + 1, (edges[widest] + edges[widest + 1]) / 2)
    return np.asarray(edges)
