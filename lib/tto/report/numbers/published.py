"""The published numbers of the paper's table 1."""

from importlib import resources

from tto.report.numbers.paper_rows import PAPER_ROWS, PaperRow
from tto.report.numbers.summary import Spread
from tto.row_files import read_cells

PUBLISHED_METHODS = {"bc": "BC", "tto": "TTO", "cql": "CQL", "mopo": "MOPO", "mbop": "MBOP"}


def read_published() -> dict[PaperRow, dict[str, Spread]]:
    """Return normalised scores of table 1 (appendix E) by row and method.

    The file `published.csv` also names the source of each number and the version of D4RL's data
    behind it: v0 for BC, CQL, MOPO and MBOP, v2 for TTO.
    """
    published: dict[PaperRow, dict[str, Spread]] = {row: {} for row in PAPER_ROWS}
    for cell in published_cells():
        std = float(cell["std"]) if cell["std"] else None
        row = PaperRow(cell["robot"], cell["kind"])
        published[row][cell["method"]] = Spread(float(cell["mean"]), std)
    return published


def published_cells() -> list[dict[str, str]]:
    """Return rows of `published.csv`: robot, kind, method, mean, std, data_version, source."""
    return read_cells(resources.files("tto.report.numbers").joinpath("published.csv"))
