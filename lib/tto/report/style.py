"""How all figures look: one style, one set of colours, files that do not depend on the clock.

The fonts come with matplotlib, so that a figure is the same on every machine. Colours follow Okabe
and Ito's palette (told apart by colour-blind readers) and differ in lightness, for print in grey.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from tto.errors import TTOError
from tto.files import atomic_path

PAGE_WIDTH = 6.75  # inches, two columns of a paper
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
SEQUENCE = (BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00", "#4D4D4D")
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
# What each format would otherwise take from the clock or the installed version.
_METADATA: dict[str, dict[str, None]] = {
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
}


@contextlib.contextmanager
def paper_style() -> Iterator[None]:
    """Draw and save inside this context; nothing global changes."""
    with matplotlib.rc_context(_STYLE):
        yield


def save_figure(figure: Figure, paths: Iterable[str | os.PathLike[str]], *, dpi: int) -> None:
    """Write the figure to each path in the format of its suffix; equal figures are equal bytes.

    Raises:
        TTOError: a suffix other than .png, .pdf and .svg.
    """
    for path in map(Path, paths):
        if path.suffix not in _METADATA:
            raise TTOError(f"{path}: expected a figure as {', '.join(_METADATA)}; rename it")
        with atomic_path(path) as temporary:
            figure.savefig(
                temporary, format=path.suffix[1:], dpi=dpi, metadata=_METADATA[path.suffix]
            )
