"""What each method costs: the time of a training and of an action."""

import pandas as pd

from tto.report.numbers.names import OUR_METHODS
from tto.report.tables.formats import Column, Table, TableFiles, cell_text, write_tables

_NOTES = (
    "Means over the models of the run, whatever else the machine did. training: wall-clock seconds "
    "of the model that played, without other candidates of its settings. action: median "
    "milliseconds until the policy knows its next action, for one episode alone",
)


def write_costs(results: pd.DataFrame, files: TableFiles) -> None:
    """Write a row for each method and dataset.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        files: paths of the table.
    """
    rows = []
    for dataset in sorted(set(results["dataset"])):
        for method in OUR_METHODS:
            part = results.query("dataset == @dataset and method == @method")
            if len(part):
                times = part.groupby("seed")[["train_seconds", "plan_ms_median"]].first().mean()
                rows.append({"dataset": dataset, "method": method, **times.to_dict()})
    columns = [
        Column("", "dataset", [row["dataset"] for row in rows], numeric=False),
        Column("", "method", [OUR_METHODS[row["method"]] for row in rows], numeric=False),
        Column("", "training (s)", [cell_text(row["train_seconds"], 0) for row in rows]),
        Column("", "action (ms)", [cell_text(row["plan_ms_median"], 2) for row in rows]),
    ]
    write_tables(files, rows, [Table(columns)], _NOTES, title="Costs")
