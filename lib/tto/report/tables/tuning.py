"""Table of the settings tried on each dataset, and which of them were chosen."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tto.evaluation.sweeps import best_value
from tto.methods import OURS, SECTIONS
from tto.report.numbers.names import OUR_METHODS
from tto.report.numbers.statistics import INTERVALS, estimate, values_by_seed
from tto.report.tables.formats import Column, Table, TableFiles, cell_text, write_tables


def write_tuning(
    sweeps: Sequence[pd.DataFrame],
    candidates: Mapping[str, Mapping[str, Mapping[str, Any]]],
    files: TableFiles,
) -> None:
    """Write mean returns with intervals over models: a table per method, a column per candidate.

    Args:
        sweeps: rows of each method's trials on each dataset (`tto.evaluation.sweeps.read_sweep`);
            a sweep has the name of its method.
        candidates: settings of each candidate, by method and name.
        files: paths of the tables.
    """
    rows, tables = [], []
    notes = [
        "Mean returns on episodes other than the reported ones; the candidate with * plays the "
        f"reported ones. In brackets the {INTERVALS}",
    ]
    for method, named in candidates.items():
        title = "TTO: planners" if method == OURS else OUR_METHODS[method]
        unchanged = f"as in {SECTIONS[method]}, with its overrides for a dataset"
        found = [
            row
            for sweep in sweeps
            if sweep["sweep"].iloc[0] == method
            for row in _rows(sweep, method, list(named))
        ]
        tables.append(_table(found, title))
        rows += [{key: cell for key, cell in row.items() if key != "text"} for row in found]
        notes += [f"{name}: {_settings(of, unchanged)}." for name, of in named.items()]
    write_tables(files, rows, tables, notes, title="Choice of settings")


def _rows(sweep: pd.DataFrame, method: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each candidate of one method on one dataset; `text` is its shown cell."""
    best, rows = best_value(sweep), []
    for name in names:
        part = sweep.loc[sweep["value"].to_numpy() == name]
        found = estimate(list(values_by_seed(part, "return").values()))
        rows.append(
            {
                "dataset": sweep["dataset"].iloc[0],
                "method": method,
                "candidate": name,
                "return": found.value,
                "low": found.low,
                "high": found.high,
                "chosen": name == best,
                "text": cell_text(found, 0) + (" *" if name == best else ""),
            }
        )
    return rows


def _table(rows: Sequence[Mapping[str, Any]], title: str) -> Table:
    datasets = list(dict.fromkeys(row["dataset"] for row in rows))
    cells: dict[str, list[str]] = {}
    for row in rows:
        cells.setdefault(row["candidate"], []).append(row["text"])
    columns = [Column("", name, of_name) for name, of_name in cells.items()]
    return Table([Column("", "dataset", datasets, numeric=False), *columns], title)


def _settings(settings: Mapping[str, Any], unchanged: str) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items()) or unchanged
