"""Table 1 of the paper (appendix E), published scores and ours: CSV, Markdown, HTML and LaTeX."""

from collections.abc import Iterable, Sequence

import pandas as pd

from tto.files import StrPath
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.names import OUR_METHODS
from tto.report.numbers.published import PUBLISHED_METHODS
from tto.report.numbers.statistics import INTERVALS
from tto.report.numbers.summary import SOURCE_WORDS, Summary
from tto.report.tables.formats import (
    NOTHING,
    Column,
    Number,
    Table,
    TableFiles,
    cell_text,
    latex_page,
    write_tables,
    write_text,
)
from tto.report.tables.table1_rows import BLOCKS, TableRow, csv_cells, make_rows

_INTERVALS = f"Ours: interquartile means and paired difference, each with its {INTERVALS}"


def write_table1(
    results: pd.DataFrame,
    files: TableFiles,
    *,
    latex: StrPath,
    statistics: Iterable[DatasetStatistics] = (),
) -> None:
    """Write the table in four formats.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        files: paths of the table.
        latex: path of the LaTeX document.
        statistics: statistics of the run's datasets; they add the mean score of the data itself.
    """
    rows = make_rows(results, statistics)
    tables = [Table(_score_columns(rows))]
    if any(row.ours for row in rows):
        tables.append(Table(_interval_columns(rows), _INTERVALS))
    notes = _notes(rows)
    write_tables(files, [csv_cells(row) for row in rows], tables, notes, title="Table 1")
    write_text(latex, latex_page(tables, notes))


def _score_columns(rows: Sequence[TableRow]) -> list[Column]:
    """Return the published columns, and those of ours that have a value."""
    columns = _row_names(rows, rows)
    for method, title in PUBLISHED_METHODS.items():
        cells = [cell_text(row.published.get(method)) for row in rows]
        columns.append(Column("published", title, cells))
    for block in BLOCKS:
        for method, title in OUR_METHODS.items():
            ours = [row.ours_in(block, method) for row in rows]
            if any(ours):
                cells = [_in_scores(s and s.score, s and s.returns) for s in ours]
                columns.append(Column(_group(block, rows), title, cells))
    if any(row.data for row in rows):
        data = [row.data for row in rows]
        cells = [_in_scores(d and d.score_mean, d and d.return_mean) for d in data]
        columns.append(Column("", "data", cells))
    if any(row.ours for row in rows):
        columns.append(Column("", "n", [_count(row) for row in rows]))
    return columns


def _interval_columns(rows: Sequence[TableRow]) -> list[Column]:
    """Return interquartile means and paired difference, for rows with a dataset of the run."""
    ours = [row for row in rows if row.ours]
    columns = _row_names(ours, rows)
    for method, title in OUR_METHODS.items():
        if any(method in row.ours for row in ours):
            found = [row.ours.get(method) for row in ours]
            cells = [_in_scores(s and s.score_iqm, s and s.return_iqm) for s in found]
            columns.append(Column("", f"{title} IQM", cells))
    pairs = [(row.difference("score"), row.difference("return")) for row in ours]
    if any(any(pair) for pair in pairs):
        cells = [_in_scores(*pair, signed=True) for pair in pairs]
        columns.append(Column("", "TTO - BC", cells))
    counts = [str(max(summary.seeds for summary in row.ours.values())) for row in ours]
    return [*columns, Column("", "models", counts)]


def _row_names(rows: Sequence[TableRow], all_rows: Sequence[TableRow]) -> list[Column]:
    return [
        Column("", "environment", [_environment(row) for row in rows], numeric=False),
        Column("", "dataset", [_dataset(row, all_rows) for row in rows], numeric=False),
    ]


def _environment(row: TableRow) -> str:
    return row.paper.robot if row.paper else str(row.env)


def _dataset(row: TableRow, rows: Sequence[TableRow]) -> str:
    """Return the paper's word, with the version if the run has several datasets for it."""
    name = row.paper.label if row.paper else str(row.dataset)
    if row.paper and sum(other.paper == row.paper for other in rows) > 1:
        name += f" ({str(row.dataset).rsplit('-', 1)[-1]})"
    return name if row.source in (None, "d4rl") else f"{name}†"


def _group(block: str, rows: Sequence[TableRow]) -> str:
    if block == "d4rl":
        return "ours, D4RL data"
    collected = {row.source for row in rows} <= {None, "d4rl", "collect"}
    return "ours, collected†" if collected else "ours, other data†"


def _in_scores(score: Number | None, returned: Number | None, *, signed: bool = False) -> str:
    """Return the score, or the return with its mark if the environment has no score."""
    if score is None and returned is not None:
        return cell_text(returned, 0, signed=signed) + "‡"
    return cell_text(score, signed=signed)


def _count(row: TableRow) -> str:
    """Return models x rollouts behind a mean; several products if the methods differ."""
    counts = {_product(row.ours[method]) for method in OUR_METHODS if method in row.ours}
    return ", ".join(sorted(counts)) or NOTHING


def _product(summary: Summary) -> str:
    rollouts, rest = divmod(summary.count, summary.seeds)
    return str(summary.count) if rest else f"{summary.seeds} x {rollouts}"


def _notes(rows: Sequence[TableRow]) -> list[str]:
    """Explain the numbers, the sources of the published ones, and the marks."""
    scores = (
        "Normalised scores, 100 (return - random) / (expert - random), with D4RL's references: "
        "mean ± standard deviation over runs. mixed, med-expert: D4RL's medium-replay and "
        "medium-expert. n: models x rollouts of ours."
    )
    if any(row.data for row in rows):
        scores += " data: mean score of the episodes that ours were trained on."
    notes = [
        scores,
        "Published columns are table 1 of arXiv:2106.02039v1: BC and CQL from Kumar et al. (2020), "
        "MOPO from Yu et al. (2020), MBOP from Argenson and Dulac-Arnold (2021), all on D4RL's v0 "
        "data; TTO on its v2 data.",
    ]
    if any(row.ours for row in rows):
        notes.append(
            "IQM: mean of the middle half of a model's rollouts (Agarwal et al. 2021, "
            "arXiv:2108.13264), averaged over models. TTO - BC: mean over models with the same "
            f"seed, which play from the same initial states. In brackets the {INTERVALS}"
        )
    others = sorted({row.source for row in rows if row.source} - {"d4rl"})
    if others:
        named = ", ".join(SOURCE_WORDS[source] for source in others)
        notes.append(
            f"† Not D4RL's data ({named}): not comparable with the published columns, and never "
            "averaged with results on D4RL's data."
        )
    without = {o.env for row in rows for o in row.ours.values() if o.score is None}
    if without:
        notes.append(f"‡ Mean return: there is no score for {', '.join(sorted(without))}.")
    return notes
