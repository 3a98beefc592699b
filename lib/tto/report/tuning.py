"""Planners tried on each dataset, and which of them was taken."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tto.evaluation.sweeps import best_value
from tto.report.statistics import INTERVALS, estimate, values_by_seed
from tto.report.tables import Column, Table, html_page, markdown_page, write_csv, write_text


def write_tuning(
    sweeps: Sequence[pd.DataFrame],
    planners: Mapping[str, Mapping[str, Any]],
    *,
    csv: str | os.PathLike[str],
    markdown: str | os.PathLike[str],
    html: str | os.PathLike[str],
) -> None:
    """Write mean returns with intervals over models, a row a dataset, a column a planner.

    Args:
        sweeps: rows of each dataset's trials (`tto.evaluation.sweeps.read_sweep`).
        planners: the settings of each.
    """
    rows, shown = [], {name: [] for name in planners}
    for sweep in sweeps:
        best = best_value(sweep)
        for name in planners:
            part = sweep.loc[sweep["value"].to_numpy() == name]
            found = estimate(list(values_by_seed(part, "return").values()))
            shown[name].append(found.text(0) + (" *" if name == best else ""))
            rows.append(
                {
                    "dataset": sweep["dataset"].iloc[0],
                    "planner": name,
                    "return": found.value,
                    "low": found.low,
                    "high": found.high,
                    "chosen": name == best,
                }
            )
    write_csv(csv, rows)
    columns = [Column("", "dataset", [s["dataset"].iloc[0] for s in sweeps], numeric=False)]
    columns += [Column("", name, cells) for name, cells in shown.items()]
    notes = [
        "Mean returns on episodes other than the reported ones; * plays the reported ones. In "
        f"brackets the {INTERVALS}",
        *(f"{name}: {_settings(planner)}." for name, planner in planners.items()),
    ]
    write_text(markdown, markdown_page([Table(columns)], notes))
    write_text(html, html_page([Table(columns)], notes, title="Choice of planners"))


def _settings(planner: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in planner.items()) or "as in planning"
