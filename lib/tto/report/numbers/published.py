"""The published numbers of the paper's table 1, and which dataset stands in which of its rows."""

import csv
import re
from importlib import resources
from typing import NamedTuple

from tto.report.numbers.summary import Spread


class PaperRow(NamedTuple):
    """One row of table 1: a robot and a kind of data, in D4RL's words."""

    robot: str
    kind: str

    @property
    def label(self) -> str:
        """The kind as the paper calls it."""
        return KIND_LABELS[self.kind]


KIND_LABELS = {"medium": "medium", "medium-replay": "mixed", "medium-expert": "med-expert"}
ROBOTS = ("halfcheetah", "hopper", "walker2d")
PAPER_ROWS = tuple(PaperRow(robot, kind) for robot in ROBOTS for kind in KIND_LABELS)
PUBLISHED_METHODS = {"bc": "BC", "tto": "TTO", "cql": "CQL", "mopo": "MOPO", "mbop": "MBOP"}


def read_published() -> dict[PaperRow, dict[str, Spread]]:
    """Normalised scores of table 1 (appendix E) by row and method.

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
    """The rows of `published.csv` as text: robot, kind, method, mean, std, data_version, source."""
    path = resources.files("tto.report.numbers").joinpath("published.csv")
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def paper_row(dataset: str) -> PaperRow | None:
    """The row that a dataset id belongs to: `hopper-medium-replay-v2` to hopper, mixed."""
    match = re.fullmatch(r"([a-z0-9]+)-(medium(?:-replay|-expert)?)-v\d+", dataset)
    row = PaperRow(match[1], match[2]) if match else None
    return row if row in PAPER_ROWS else None
