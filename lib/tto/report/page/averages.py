"""Averages of table 1 over the run's datasets, for texts that state them."""

from collections.abc import Mapping, Sequence

import numpy as np

from tto.report.numbers.names import OURS_FIRST
from tto.report.numbers.summary import Unit
from tto.report.tables.returns import DATA
from tto.report.tables.table1_rows import BLOCKS


def averages(rows: Sequence[Mapping[str, str]], unit: Unit = "score") -> dict[str, float]:
    """Return the mean over datasets by method, planning first and the data last.

    A method that some dataset lacks is left out, since its mean would be over other datasets.

    Args:
        rows: rows of `tables/table1.csv` that have a dataset, at least one.
        unit: what is averaged.
    """
    columns = {
        method: [f"ours_{block}_{method}_{unit}_mean" for block in BLOCKS] for method in OURS_FIRST
    }
    columns[DATA] = [f"data_{unit}_mean"]
    # A method has a number in one block of columns.
    numbers = {
        name: [next((float(row[n]) for n in names if row.get(n)), None) for row in rows]
        for name, names in columns.items()
    }
    return {
        name: float(np.mean([value for value in values if value is not None]))
        for name, values in numbers.items()
        if None not in values
    }
