"""Edges of bins that hold equal counts of one dimension's values."""

import numpy as np
from jaxtyping import Float


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
        bins: V.
        widest: no bin is wider than this many bins of equal widths would be. The few values far out
            would else share a bin as wide as their distance, and all be decoded to its middle. The
            bins that this takes are taken from the others; None, as in the official code, takes
            none. Above 1.
    """
    if widest is None:
        return _strictly_increasing(values, low, high, bins)
    limit = widest * (high - low) / bins
    fewest, most = 1, bins  # bins of equal counts, before those too wide are cut; one always fits
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


def _pieces(edges: Float[np.ndarray, " edges"], limit: float) -> np.ndarray:
    """Into how many parts each bin is cut so that none is wider than `limit`."""
    return np.ceil(np.diff(edges) / limit - 1e-9).astype(int).clip(min=1)


def _strictly_increasing(
    values: Float[np.ndarray, " rows"], low: float, high: float, bins: int
) -> Float[np.ndarray, " edges"]:
    """Edges with equal counts between them, as far as ties allow.

    Ties (actions at their limits, say) leave fewer than V+1 distinct quantiles; each missing edge
    halves the widest bin there is.
    """
    edges = np.quantile(values, np.linspace(0, 1, bins + 1))
    least = 1e-3 * (high - low) / bins
    distinct = [low]
    for edge in edges[1:-1]:
        if edge - distinct[-1] > least and high - edge > least:
            distinct.append(float(edge))
    return _filled([*distinct, high], bins)


def _filled(edges: list[float], bins: int) -> Float[np.ndarray, " edges"]:
    """V+1 edges: each that is missing halves the widest bin there is."""
    while len(edges) < bins + 1:
        widest = int(np.argmax(np.diff(edges)))
        edges.insert(widest + 1, (edges[widest] + edges[widest + 1]) / 2)
    return np.asarray(edges)
