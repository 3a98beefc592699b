"""How likely the models find the actions that their plans took, beside actions of held-out data."""

import math

import pandas as pd

from tto.report.numbers.statistics import INTERVALS, estimate, values_by_seed
from tto.report.tables.formats import Column, Table, TableFiles, cell_text, write_tables

_NOTES = (
    "Loss of the action tokens in nats, under the model that planned them and with as many past "
    "transitions as it saw. A loss when playing that is far above the one on held-out data means "
    "that the model plans from a past unlike its training data (see action_decode in "
    f"docs/planning.md). A smaller one means that it plays the likelier actions. In brackets the "
    f"{INTERVALS}",
)


def write_action_shift(results: pd.DataFrame, files: TableFiles) -> None:
    """Write a row for each dataset and method whose rollouts have action losses.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        files: paths of the table.
    """
    rows, cells = [], []
    judged = results.dropna(subset=["action_loss"])
    for _, part in judged.groupby(["dataset", "method"], sort=True):
        dataset, method = (str(part[name].iloc[0]) for name in ("dataset", "method"))
        played = estimate([*values_by_seed(part, "action_loss").values()])
        mean = float(part["held_out_action_loss"].to_numpy().mean())
        held_out = None if math.isnan(mean) else mean  # nothing may be held out
        rows.append(
            {
                "dataset": dataset,
                "method": method,
                "held_out_loss": held_out,
                "loss": played.value,
                "low": played.low,
                "high": played.high,
            }
        )
        cells.append((dataset, method, cell_text(held_out, 2), cell_text(played, 2)))
    titles = ("dataset", "method", "held-out data", "when playing")
    columns = [
        Column("", title, [row[i] for row in cells], numeric=i > 1)
        for i, title in enumerate(titles)
    ]
    write_tables(files, rows, [Table(columns)], _NOTES, title="Plans beside the data")
