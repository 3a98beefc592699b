"""Table 1 of the paper (appendix E), published scores and ours: CSV, Markdown, HTML and LaTeX."""

from collections.abc import Iterable

import pandas as pd

from tto.files import StrPath
from tto.report.numbers.comparison import compare
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.statistics import INTERVALS
from tto.report.numbers.summary import summarize
from tto.report.tables.formats import (
    Table,
    html_page,
    latex_page,
    markdown_page,
    write_csv,
    write_text,
)
from tto.report.tables.table1_columns import make_interval_columns, make_notes, make_table_columns
from tto.report.tables.table1_rows import csv_cells, make_rows

_INTERVALS = f"Ours: interquartile means and paired difference, each with its {INTERVALS}"


def write_table1(
    results: pd.DataFrame,
    *,
    csv: StrPath,
    markdown: StrPath,
    html: StrPath,
    latex: StrPath,
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
