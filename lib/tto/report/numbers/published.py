"""The published numbers of the paper's table 1, and the row of each dataset in it."""

import csv
import re
from importlib import resources
from typing import NamedTuple

from tto.report.numbers.summary import Spread


class PaperRow(NamedTuple):
    """A row of table 1: a robot and a kind of data, in D4RL's words."""

    robot: str
    kind: str

    @property
    def label(self) -> str:
        """The paper's word for the kind."""
        return KIND_LABELS[self.kind]


KIND_LABELS = {"medium": "medium", "medium-replay": "mixed", "medium-expert": "med-expert"}
ROBOTS = ("halfcheetah", "hopper", "walker2d")
PAPER_ROWS = tuple(PaperRow(robot, kind) for robot in ROBOTS for kind in KIND_LABELS)
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
    path = resources.files("tto.report.numbers").joinpath("published.csv")
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def paper_row(dataset: str) -> PaperRow | None:
    """Return the row of a dataset id, or None: `hopper-medium-replay-v2` is hopper, mixed."""
    match = re.fullmatch(r"([a-z0-9]+)-(medium(?:-replay|-expert)?)-v\d+", dataset)
    row = PaperRow(match[1], match[2]) if match else None
    return row if row in PAPER_ROWS else None
