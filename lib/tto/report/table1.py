"""Table 1 of the paper (appendix E), published scores and ours: CSV, Markdown, HTML and LaTeX."""

import os
from collections.abc import Iterable

import pandas as pd

from tto.report.comparison import compare
from tto.report.dataset_statistics import DatasetStatistics
from tto.report.statistics import INTERVALS
from tto.report.summary import summarize
from tto.report.table1_columns import make_interval_columns, make_notes, make_table_columns
from tto.report.table1_rows import csv_cells, make_rows
from tto.report.tables import Table, html_page, latex_page, markdown_page, write_csv, write_text

_INTERVALS = f"Ours: interquartile means and paired difference, each with its {INTERVALS}"


def write_table1(
    results: pd.DataFrame,
    *,
    csv: str | os.PathLike[str],
    markdown: str | os.PathLike[str],
    html: str | os.PathLike[str],
    latex: str | os.PathLike[str],
    statistics: Iterable[DatasetStatistics] = (),
) -> None:
    """Write the table in four formats.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        statistics: of the run's datasets; adds what the data itself scores.
    """
    rows = make_rows(summarize(results), statistics, compare(results))
    tables = [Table(make_table_columns(rows))]
    if any(row.ours for row in rows):
        tables.append(Table(make_interval_columns(rows), _INTERVALS))
    notes = make_notes(rows)
    write_csv(csv, [csv_cells(row) for row in rows])
    write_text(markdown, markdown_page(tables, notes))
    write_text(html, html_page(tables, notes, title="Table 1"))
    write_text(latex, latex_page(tables, notes))
