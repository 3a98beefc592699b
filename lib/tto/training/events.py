"""Metrics in event files for TensorBoard: `tensorboard --logdir results/<run>/tensorboard`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tensorboardX import SummaryWriter

from tto.files import StrPath, remove


class Events:
    """Writer of the metrics of one training; with None as folder it writes nothing."""

    def __init__(
        self, folder: StrPath | None, *, rows: Iterable[Mapping[str, float | int]]
    ) -> None:
        """Empty the folder and write `rows`, since a killed process may have lost its last ones."""
        self._writer = None
        if folder is not None:
            remove(Path(folder))
            self._writer = SummaryWriter(str(folder), flush_secs=10)
        for row in rows:
            self.add(row)

    def add(self, row: Mapping[str, float | int]) -> None:
        """Write one row of metrics.csv."""
        if self._writer is not None:
            for name, value in row.items():
                self._writer.add_scalar(name, value, int(row["update"]))

    def close(self) -> None:
        """Write the rows that are still buffered."""
        if self._writer is not None:
            self._writer.close()
