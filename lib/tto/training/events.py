"""Metrics in event files for TensorBoard, which `tto watch` opens, and for Weights & Biases.

Weights & Biases is off. With the environment variable `TTO_WANDB` set to the name of a project,
each training is a run of that project, by the package `wandb`. `WANDB_MODE=offline` keeps it here.
"""

import importlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from tto.errors import TTOError
from tto.files import StrPath, remove


class Events:
    """Writer of the metrics of one training; with None as folder it writes nothing."""

    def __init__(
        self, folder: StrPath | None, *, rows: Iterable[Mapping[str, float | int]]
    ) -> None:
        """Empty the folder and write `rows`, since a killed process may have lost its last ones."""
        self._writer, self._wandb = None, None
        if folder is not None:
            remove(Path(folder))
            self._writer = SummaryWriter(str(folder), flush_secs=10)
            self._wandb = _wandb_run(os.getenv("TTO_WANDB"), Path(folder))
        for row in rows:
            self.add(row)

    def add(self, row: Mapping[str, float | int]) -> None:
        """Write one row of metrics.csv."""
        if self._writer is not None:
            for name, value in row.items():
                self._writer.add_scalar(name, value, int(row["update"]))
        if self._wandb is not None:
            self._wandb.log(dict(row), step=int(row["update"]))

    def close(self) -> None:
        """Write the rows that are still buffered."""
        if self._writer is not None:
            self._writer.close()
        if self._wandb is not None:
            self._wandb.finish()


def _wandb_run(project: str | None, folder: Path) -> Any:
    """Begin a run of a project, with the last names of the folder as its name; None for no project.

    Raises:
        TTOError: `wandb` is not installed.
    """
    if not project:
        return None
    try:
        wandb = importlib.import_module("wandb")
    except ImportError as error:
        raise TTOError(
            "TTO_WANDB: expected the package wandb, which is not installed; install it by "
            "`pip install wandb`, or unset TTO_WANDB"
        ) from error
    return wandb.init(project=project, name="/".join(folder.parts[-2:]), dir=str(folder.parent))
