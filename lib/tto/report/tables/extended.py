"""Table 1 continued: results published since on the same datasets, beside ours.

Results on D4RL's v0 data, on its v2 data and on any other data are in tables of their own.
`extended.csv` names the source of each number; results on v0 data are from `published.csv`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
import pandas as pd

from tto.report.numbers.names import OUR_METHODS
from tto.report.numbers.paper_rows import PAPER_ROWS, PaperRow, paper_row
from tto.report.numbers.published import PUBLISHED_METHODS, published_cells
from tto.report.numbers.statistics import (
    INTERVALS,
    Estimate,
    Values,
    estimate,
    interquartile_mean,
    require_shared_seeds,
    values_by_seed,
)
from tto.report.numbers.summary import Spread, spread
from tto.report.tables.formats import Column, Table, TableFiles, cell_text, write_tables
from tto.row_files import read_cells

OTHER = "other"  # data that is not D4RL's
_OURS = "this run"
_TITLES = {
    "v2": "On D4RL's v2 data.",
    "v0": "On D4RL's v0 data.",
    "not stated": "On D4RL's data, of a version that is not stated.",
    OTHER: "Ours on other data than D4RL's†: compare them only with each other.",
}
_NOTES = (
    "Normalised scores as published; ours are mean ± standard deviation over rollouts. Mean: over "
    "the nine datasets, or over as many as the number in brackets says. IQM: mean of the middle "
    "half (Agarwal et al. 2021, arXiv:2108.13264). For published methods it is of the nine means. "
    "For ours it is of a model's rollouts on all datasets, averaged over the models whose seeds "
    f"all datasets have. In square brackets the {INTERVALS}",
    "mixed, med-expert: D4RL's medium-replay and medium-expert. TT: the paper's TTO, as its later "
    "version calls it.",
    "The versions of the data differ in how episodes were collected and cut, so do not compare "
    "numbers across versions.",
)


@dataclass(frozen=True)
class ExtendedRow:
    """One method on one kind of data.

    Attributes:
        data: version of D4RL's data, or `OTHER`.
        label: name of the method.
        scores: scores by row of the paper's table; a standard deviation is None if unknown.
        iqm: interquartile mean, with an interval for ours.
        source: publication of the numbers.
    """

    data: str
    label: str
    scores: Mapping[PaperRow, Spread]
    iqm: Estimate
    source: str

    @property
    def mean(self) -> float:
        """Mean over the datasets that have a score."""
        return float(np.mean([score.mean for score in self.scores.values()]))


def published_rows() -> list[ExtendedRow]:
    """Return all published methods, on the latest data first, in the order of their files."""
    methods: dict[tuple[str, str], list[dict[str, str]]] = {}
    for cell in [*_newer_cells(), *_older_cells()]:
        methods.setdefault((cell["data_version"], cell["label"]), []).append(cell)
    rows = []
    for (data, label), cells in methods.items():
        scores = {
            PaperRow(cell["robot"], cell["kind"]): Spread(float(cell["score"]), None)
            for cell in cells
        }
        means = np.array([score.mean for score in scores.values()])
        iqm = Estimate(interquartile_mean(means), None, None)
        rows.append(ExtendedRow(data, label, scores, iqm, cells[0]["source"]))
    return rows


def _newer_cells() -> list[dict[str, str]]:
    return read_cells(resources.files("tto.report.tables").joinpath("extended.csv"))


def _older_cells() -> list[dict[str, str]]:
    """Return the cells of the paper's table on v0 data; the newer file has those on v2 data."""
    return [
        cell | {"label": PUBLISHED_METHODS[cell["method"]], "score": cell["mean"]}
        for cell in published_cells()
        if cell["data_version"] == "v0"
    ]


def our_rows(results: pd.DataFrame) -> list[ExtendedRow]:
    """Return our results on datasets of the paper, a row for each method and kind of data.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).

    Raises:
        TTOError: the datasets of one method and kind of data have no common seed.
    """
    groups: dict[tuple[str, bool, str], dict[PaperRow, dict[int, Values]]] = {}
    for _, part in results.dropna(subset=["score"]).groupby(["dataset", "method"], sort=True):
        dataset, method, source = (
            str(part[name].iloc[0]) for name in ("dataset", "method", "source")
        )
        paper = paper_row(dataset)
        if paper is not None and method in OUR_METHODS:
            key = (method, source == "d4rl", dataset.rsplit("-", 1)[-1])
            groups.setdefault(key, {})[paper] = values_by_seed(part, "score")
    rows = []
    for method, title in OUR_METHODS.items():
        for key in sorted(key for key in groups if key[0] == method):
            _, on_d4rl, version = key
            seeds = groups[key]
            rows.append(
                ExtendedRow(
                    version if on_d4rl else OTHER,
                    f"{title} (ours)" + ("" if on_d4rl else "†"),
                    {paper: spread(np.concatenate([*of.values()])) for paper, of in seeds.items()},
                    _iqm_of(list(seeds.values())),
                    _OURS,
                )
            )
    return rows


def _iqm_of(parts: Sequence[Mapping[int, Values]]) -> Estimate:
    """Return the IQM of each model's rollouts on all datasets, averaged over models."""
    seeds = require_shared_seeds(parts, "extended table")
    units = [np.concatenate([part[seed] for part in parts]) for seed in seeds]
    return estimate(units, interquartile_mean)


def write_extended(results: pd.DataFrame, files: TableFiles) -> None:
    """Write the table in three formats; the CSV file has one row for each method and data.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        files: paths of the table.
    """
    rows = [*published_rows(), *our_rows(results)]
    tables = []
    for data in dict.fromkeys([*_TITLES, *(row.data for row in rows)]):
        part = [row for row in rows if row.data == data]
        if part:
            title = _TITLES.get(data, f"On D4RL's {data} data.")
            tables.append(Table(_columns(part), title))
    notes = [*_NOTES, _sources(rows)]
    cells = [_csv_cells(row) for row in rows]
    write_tables(files, cells, tables, notes, title="Results published since")


def _sources(rows: Iterable[ExtendedRow]) -> str:
    """Return a note that names the publication of each method's numbers."""
    methods: dict[str, list[str]] = {}
    for row in rows:
        if row.source != _OURS:
            methods.setdefault(row.source, []).append(f"{row.label} ({row.data})")
    parts = [f"{', '.join(labels)}: {source}" for source, labels in methods.items()]
    return f"Sources. {'. '.join(parts)}."


def _csv_cells(row: ExtendedRow) -> dict[str, object]:
    cells: dict[str, object] = {"data": row.data, "method": row.label}
    for paper in PAPER_ROWS:
        score = row.scores.get(paper)
        cells[f"{paper.robot}_{paper.kind}"] = score and score.mean
    value, low, high = row.iqm
    cells |= {"mean": row.mean, "iqm": value, "iqm_low": low, "iqm_high": high}
    return cells | {"datasets": len(row.scores), "source": row.source}


def _columns(rows: Sequence[ExtendedRow]) -> list[Column]:
    columns = [Column("", "method", [row.label for row in rows], numeric=False)]
    for paper in PAPER_ROWS:
        cells = [cell_text(row.scores.get(paper)) for row in rows]
        columns.append(Column(paper.robot, paper.label, cells))
    return [
        *columns,
        Column("", "mean", [_mean(row) for row in rows]),
        Column("", "IQM", [cell_text(row.iqm) for row in rows]),
    ]


def _mean(row: ExtendedRow) -> str:
    missing = len(row.scores) < len(PAPER_ROWS)
    return cell_text(row.mean) + (f" ({len(row.scores)})" if missing else "")
