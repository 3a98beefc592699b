"""The rows of the paper's table 1. The workflow imports this module, so it is light."""

import re
from typing import NamedTuple


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


def paper_row(dataset: str) -> PaperRow | None:
    """Return the row of a dataset id, or None: `hopper-medium-replay-v2` is hopper, mixed."""
    match = re.fullmatch(r"([a-z0-9]+)-(medium(?:-replay|-expert)?)-v\d+", dataset)
    row = PaperRow(match[1], match[2]) if match else None
    return row if row in PAPER_ROWS else None
