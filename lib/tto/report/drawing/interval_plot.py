"""Estimates with their intervals along a numeric axis."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from tto.report.drawing.style import Look
from tto.report.numbers.statistics import Estimate

_LOG_SPAN = 8  # values that span more than this factor get a logarithmic axis
_MOST_TICKS = 9


def draw_estimates(
    axis: Axes,
    estimates: Mapping[float, Estimate],
    *,
    look: Look,
    label: str,
) -> None:
    """Draw values joined by a line, with their intervals as error bars and as a light band.

    Args:
        axis: axes to draw on.
        estimates: estimates by their place on the horizontal axis.
        look: colour, marker and line.
        label: name in the legend.
    """
    places = sorted(estimates)
    values = [estimates[place].value for place in places]
    ends = {
        place: (low, high)
        for place, (_, low, high) in sorted(estimates.items())
        if low is not None and high is not None
    }
    lows, highs = [low for low, _ in ends.values()], [high for _, high in ends.values()]
    axis.fill_between(list(ends), lows, highs, color=look.color, alpha=0.13, linewidth=0)
    axis.vlines(list(ends), lows, highs, color=look.color, linewidth=0.8)
    axis.plot(
        places,
        values,
        color=look.color,
        linestyle=look.line,
        marker=look.marker,
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.6,
        label=label,
    )


def is_logarithmic(values: Sequence[float]) -> bool:
    """Return whether values are all above 0 and span more than a factor of 8."""
    return min(values) > 0 and max(values) > _LOG_SPAN * min(values)


def set_numeric_axis(axis: Axes, values: Sequence[float]) -> None:
    """Put ticks at the values; the axis is logarithmic if `is_logarithmic`."""
    places = sorted(set(values))
    if is_logarithmic(places):
        axis.set_xscale("log")
    if len(places) <= _MOST_TICKS:
        axis.set_xticks(places, [number_text(place) for place in places])
        axis.xaxis.set_minor_locator(NullLocator())


def number_text(value: float) -> str:
    """Return a short text: 0.5, 64, 20k, 1.5M."""
    for least, unit, name in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / unit:.3g}{name}"
    return f"{value:g}"
