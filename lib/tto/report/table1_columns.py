"""How table 1 reads: which columns are shown, how a cell is written, and the notes below."""

from collections.abc import Sequence
from dataclasses import dataclass

from tto.report.published import PUBLISHED_METHODS
from tto.report.summary import Spread, Summary
from tto.report.table1_rows import BLOCKS, OUR_METHODS, TableRow

_NOTHING = "-"
_SOURCES = {"collect": "collected on this machine", "minari": "Minari", "file": "a user's file"}


@dataclass(frozen=True)
class Column:
    """A shown column: the group it stands in (or ""), its title, and a cell for each row."""

    group: str
    title: str
    cells: Sequence[str]
    numeric: bool = True

    @property
    def full_title(self) -> str:
        """The title for formats without groups; published columns are the rule and need no word."""
        return f"{self.title} ({self.group})" if self.group.startswith("ours") else self.title


def make_columns(rows: Sequence[TableRow]) -> list[Column]:
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
    others = sorted({row.source for row in rows if row.source} - {"d4rl"})
    if others:
        named = ", ".join(_SOURCES[source] for source in others)
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
    return _NOTHING if spread is None else spread.text()


def _our_cell(summary: Summary | None) -> str:
    if summary is None:
        return _NOTHING
    if summary.score is None:
        return summary.returns.text(digits=0) + "‡"
    return summary.score.text()


def _data_cell(row: TableRow) -> str:
    if row.data is None:
        return _NOTHING
    if row.data.score_mean is None:
        return f"{row.data.return_mean:.0f}‡"
    return f"{row.data.score_mean:.1f}"


def _count(row: TableRow) -> str:
    """Models x rollouts behind a mean; several where the methods differ."""
    counts = {_product(row.ours[method]) for method in OUR_METHODS if method in row.ours}
    return ", ".join(sorted(counts)) or _NOTHING


def _product(summary: Summary) -> str:
    rollouts, rest = divmod(summary.count, summary.seeds)
    return str(summary.count) if rest else f"{summary.seeds} x {rollouts}"
