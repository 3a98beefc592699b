"""Whether a training went on after its held-out loss was lowest."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

_RISE = 0.05  # nats by which a held-out loss rises before it is worth a word


class HeldOut(NamedTuple):
    """The held-out loss of a training, in nats a token."""

    last: float
    least: float
    share: float  # of the training's tokens that were seen when the loss was lowest

    @property
    def rose(self) -> bool:
        """Whether the loss rose after it was lowest by more than it scatters."""
        return self.last > self.least + _RISE

    def text(self) -> str:
        """What a loss that rose was, and what to do about it."""
        return (
            f"lowest after {100 * self.share:.0f} % of its training ({self.least:.2f} nats a "
            f"token) and rose to {self.last:.2f}: train less (training.epochs), or collect more "
            "data"
        )


def held_out(metrics: Path) -> HeldOut | None:
    """Read a training's `metrics.csv`; None if it has no held-out loss.

    Raises:
        KeyError: the file has other columns.
    """
    rows = pd.read_csv(metrics)[["tokens", "held_out_loss"]].dropna()
    if rows.empty:
        return None
    losses, tokens = rows["held_out_loss"].to_numpy(float), rows["tokens"].to_numpy(float)
    lowest = int(losses.argmin())
    return HeldOut(float(losses[-1]), float(losses[lowest]), float(tokens[lowest] / tokens[-1]))
