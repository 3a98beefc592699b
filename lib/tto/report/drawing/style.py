"""Style of all figures: one set of fonts and colours, and files that do not depend on the clock.

The fonts come with matplotlib, so a figure is the same on every machine. Colours are close to Okabe
and Ito's palette, which colour-blind readers can distinguish. For print in grey, the first three
colours differ in lightness, and every series has its own marker, line and hatch.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from tto.errors import TTOError
from tto.files import StrPath, atomic_path

PAGE_WIDTH = 6.75  # inches, two columns of a paper
BLUE, ORANGE, GREEN, PURPLE = "#005A96", "#D55E00", "#35B78F", "#C9A0DC"
_PALEST = 0.22  # share of colour at the pale end of `saturating`


class Look(NamedTuple):
    """Look of one of several series: of its line with markers, or of its hatched bars."""

    color: str
    marker: str
    line: Any  # matplotlib's line style
    hatch: str


LOOKS = (
    Look(BLUE, "o", "-", ""),
    Look(ORANGE, "s", (0, (5, 1.5)), "////"),
    Look(GREEN, "^", (0, (1.5, 1)), "...."),
    Look(PURPLE, "D", (0, (6, 1.5, 1.5, 1.5)), "xxxx"),
    Look("#56B4E9", "v", (0, (3, 1, 1, 1, 1, 1)), "\\\\\\\\"),
    Look("#E69F00", "P", (0, (8, 2)), "||||"),
    Look("#4D4D4D", "X", (0, (3, 3)), "----"),
    Look("#8C510A", "<", (0, (4, 1, 1, 1)), "++++"),
    Look("#F0E442", ">", (0, (1, 2)), "oooo"),
)
_STYLE: dict[Any, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "hatch.linewidth": 0.9,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.hashsalt": "tto",
    "figure.constrained_layout.use": True,
    "axes.unicode_minus": True,
}
# Metadata that each format would otherwise take from the clock or the installed version.
_METADATA: dict[str, dict[str, None]] = {
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
}
SEQUENCE = tuple(look.color for look in LOOKS)


def look_of(index: int) -> Look:
    """Return colour, marker, line and hatch of the series with a zero-based index.

    They repeat after the last one.
    """
    return LOOKS[index % len(LOOKS)]


@contextlib.contextmanager
def paper_style() -> Iterator[None]:
    """Apply the style inside this context only; draw and save figures in it."""
    with matplotlib.rc_context(_STYLE):
        yield


def draw_legend(
    figure: Figure,
    entries: Mapping[str, Any],
    *,
    loc: Literal["outside lower center", "outside upper center", "outside upper left"] = (
        "outside lower center"
    ),
    columns: int | None = None,
) -> None:
    """Add a legend to a figure, with as many columns as its width has room for.

    Args:
        entries: what stands for each label.
        loc: place of the legend, as of `Figure.legend`.
        columns: most columns; None allows one for each label.
    """
    for count in range(columns or max(1, len(entries)), 0, -1):
        legend = figure.legend(list(entries.values()), list(entries), loc=loc, ncols=count)
        if count == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def save_figure(figure: Figure, paths: Iterable[StrPath], *, dpi: int) -> None:
    """Write the figure to each path in the format of its suffix; equal figures give equal bytes.

    Raises:
        TTOError: a path has a suffix other than .png, .pdf and .svg.
    """
    for path in map(Path, paths):
        if path.suffix not in _METADATA:
            raise TTOError(f"{path}: expected a figure as {', '.join(_METADATA)}; rename it")
        with atomic_path(path) as temporary:
            figure.savefig(
                temporary, format=path.suffix[1:], dpi=dpi, metadata=_METADATA[path.suffix]
            )


def saturating(color: str, count: int) -> Float[np.ndarray, "count 3"]:
    """Return `count` colours from pale to the full colour."""
    share = np.linspace(_PALEST, 1.0, count)[:, None]
    return 1.0 - share * (1.0 - np.array(to_rgb(color)))
