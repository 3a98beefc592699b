"""How table 1 reads: which columns are shown, how a cell is written, and the notes below."""

from collections.abc import Sequence

from tto.report.numbers.names import OUR_METHODS
from tto.report.numbers.published import PUBLISHED_METHODS
from tto.report.numbers.statistics import INTERVALS
from tto.report.numbers.summary import SOURCE_WORDS, Spread, Summary
from tto.report.tables.formats import NOTHING, Column
from tto.report.tables.table1_rows import BLOCKS, TableRow


def make_table_columns(rows: Sequence[TableRow]) -> list[Column]:
    """The published columns, and those of ours that hold anything."""
    columns = [
        Column("", "environment", [_environment(row) for row in rows], numeric=False),
        Column("", "dataset", [_dataset(row, rows) for row in rows], numeric=False),
    ]
    for method, title in PUBLISHED_METHODS.items():
        spreads = [row.published.get(method) for row in rows]
        columns.append(Column("published", title, [_spread(spread) for spread in spreads]))
    for block in BLOCKS:
        for method, title in OUR_METHODS.items():
            ours = [row.ours_in(block, method) for row in rows]
            if any(ours):
                columns.append(Column(_group(block, rows), title, [_our_cell(o) for o in ours]))
    if any(row.data for row in rows):
        columns.append(Column("", "data", [_data_cell(row) for row in rows]))
    if any(row.ours for row in rows):
        columns.append(Column("", "n", [_count(row) for row in rows]))
    return columns


def make_interval_columns(rows: Sequence[TableRow]) -> list[Column]:
    """Our interquartile means and the paired difference, for the rows with a dataset of the run."""
    ours = [row for row in rows if row.ours]
    columns = [
        Column("", "environment", [_environment(row) for row in ours], numeric=False),
        Column("", "dataset", [_dataset(row, rows) for row in ours], numeric=False),
    ]
    for method, title in OUR_METHODS.items():
        if any(method in row.ours for row in ours):
            columns.append(Column("", f"{title} IQM", [_iqm(row, method) for row in ours]))
    if any(row.comparison and row.comparison.difference for row in ours):
        columns.append(Column("", "TTO - BC", [_difference(row) for row in ours]))
    counts = [str(max(summary.seeds for summary in row.ours.values())) for row in ours]
    return [*columns, Column("", "models", counts)]


def make_notes(rows: Sequence[TableRow]) -> list[str]:
    """What the numbers are, where the published ones come from, and what the marks mean."""
    scores = (
        "Normalised scores, 100 (return - random) / (expert - random), with D4RL's references: "
        "mean ± standard deviation over runs. n: models x rollouts of ours."
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
            "arXiv:2108.13264), mean over models. TTO - BC: mean over models with the same seed, "
            f"which play from the same initial states. In brackets the {INTERVALS}"
        )
    others = sorted({row.source for row in rows if row.source} - {"d4rl"})
    if others:
        named = ", ".join(SOURCE_WORDS[source] for source in others)
        notes.append(
            f"† Not D4RL's data ({named}): not comparable with the published columns, and in no "
            "aggregate with results on D4RL's data."
        )
    without = {o.env for row in rows for o in row.ours.values() if o.score is None}
    if without:
        notes.append(f"‡ Mean return: there is no score for {', '.join(sorted(without))}.")
    return notes


def _group(block: str, rows: Sequence[TableRow]) -> str:
    if block == "d4rl":
        return "ours, D4RL data"
    collected = {row.source for row in rows} <= {None, "d4rl", "collect"}
    return "ours, collected†" if collected else "ours, other data†"


def _environment(row: TableRow) -> str:
    return row.paper.robot if row.paper else str(row.env)


def _dataset(row: TableRow, rows: Sequence[TableRow]) -> str:
    """The paper's word, with the version where the run has several datasets for it."""
    name = row.paper.label if row.paper else str(row.dataset)
    if row.paper and sum(other.paper == row.paper for other in rows) > 1:
        name += f" ({str(row.dataset).rsplit('-', 1)[-1]})"
    return name if row.source in (None, "d4rl") else f"{name}†"


def _spread(spread: Spread | None) -> str:
    return NOTHING if spread is None else spread.text()


def _our_cell(summary: Summary | None) -> str:
    if summary is None:
        return NOTHING
    if summary.score is None:
        return summary.returns.text(digits=0) + "‡"
    return summary.score.text()


def _iqm(row: TableRow, method: str) -> str:
    comparison = row.comparison
    if comparison is None or method not in comparison.iqm:
        return NOTHING
    return comparison.iqm[method].text(row.digits) + row.unit_mark


def _difference(row: TableRow) -> str:
    comparison = row.comparison
    if comparison is None or comparison.difference is None:
        return NOTHING
    return comparison.difference.difference.text(row.digits, signed=True) + row.unit_mark


def _data_cell(row: TableRow) -> str:
    if row.data is None:
        return NOTHING
    if row.data.score_mean is None:
        return f"{row.data.return_mean:.0f}‡"
    return f"{row.data.score_mean:.1f}"


def _count(row: TableRow) -> str:
    """Models x rollouts behind a mean; several where the methods differ."""
    counts = {_product(row.ours[method]) for method in OUR_METHODS if method in row.ours}
    return ", ".join(sorted(counts)) or NOTHING


def _product(summary: Summary) -> str:
    rollouts, rest = divmod(summary.count, summary.seeds)
    return str(summary.count) if rest else f"{summary.seeds} x {rollouts}"
