"""Rows of table 1: the paper's, with published scores, and the run's datasets, with ours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.names import OUR_METHODS
from tto.report.numbers.paper_rows import PaperRow, paper_row
from tto.report.numbers.published import PUBLISHED_METHODS, read_published
from tto.report.numbers.statistics import Estimate, PairedDifference
from tto.report.numbers.summary import (
    UNITS,
    Spread,
    Summary,
    Unit,
    paired_differences,
    summarize,
)

# Blocks of columns that are never averaged together: models trained on D4RL's data, which compare
# with the published columns, and models trained on any other data, which do not.
BLOCKS = ("d4rl", "other")


@dataclass(frozen=True)
class TableRow:
    """A row of the paper, a dataset of the run, or both.

    Attributes:
        paper: the paper's row; None for a dataset that is not in the paper.
        published: published scores by method.
        dataset: id of the run's dataset; None if the run has none for this row.
        ours: our results by method.
        data: statistics of the dataset's own episodes.
        differences: TTO - BC by unit (`score`, `return`).
    """

    paper: PaperRow | None = None
    published: Mapping[str, Spread] = field(default_factory=dict)
    dataset: str | None = None
    ours: Mapping[str, Summary] = field(default_factory=dict)
    data: DatasetStatistics | None = None
    differences: Mapping[Unit, PairedDifference] = field(default_factory=dict)

    @property
    def source(self) -> str | None:
        """Source of the dataset's episodes."""
        return next((summary.source for summary in self.ours.values()), None)

    @property
    def env(self) -> str | None:
        """Environment of the evaluation."""
        return next((summary.env for summary in self.ours.values()), None)

    def ours_in(self, block: str, method: str) -> Summary | None:
        """Return our result if it belongs in this block of columns."""
        summary = self.ours.get(method)
        belongs = summary is not None and summary.on_d4rl == (block == "d4rl")
        return summary if belongs else None

    def difference(self, unit: Unit) -> Estimate | None:
        """Return TTO - BC in a unit, if there is one."""
        paired = self.differences.get(unit)
        return paired and paired.difference


def make_rows(
    results: pd.DataFrame, statistics: Iterable[DatasetStatistics] = ()
) -> list[TableRow]:
    """Return the paper's nine rows in its order, then other datasets of the run.

    A row without a dataset of the run keeps its published scores. A row with several datasets (for
    example two versions of the data) is repeated for each of them.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        statistics: statistics of the run's datasets, if known.
    """
    ours: dict[str, dict[str, Summary]] = {}
    for summary in summarize(results):
        ours.setdefault(summary.dataset, {})[summary.method] = summary
    data = {row.dataset: row for row in statistics}
    differences: dict[Unit, dict[str, PairedDifference]] = {
        unit: paired_differences(results, unit) for unit in UNITS
    }

    def row_of(paper: PaperRow | None, published: Mapping[str, Spread], name: str) -> TableRow:
        paired: dict[Unit, PairedDifference] = {
            unit: found[name] for unit, found in differences.items() if name in found
        }
        return TableRow(paper, published, name, ours[name], data.get(name), paired)

    rows = []
    for paper, published in read_published().items():
        names = [name for name in ours if paper_row(name) == paper]
        rows += [row_of(paper, published, name) for name in names]
        if not names:
            rows.append(TableRow(paper, published))
    return rows + [row_of(None, {}, name) for name in ours if paper_row(name) is None]


def csv_cells(row: TableRow) -> dict[str, object]:
    """Return all numbers of a row with all their digits, by column; None where there is none."""
    cells: dict[str, object] = {
        "robot": row.paper and row.paper.robot,
        "kind": row.paper and row.paper.kind,
    }
    for method in PUBLISHED_METHODS:
        cells |= _spread(f"published_{method}", row.published.get(method))
    cells |= {"dataset": row.dataset, "env": row.env, "source": row.source}
    for block in BLOCKS:
        for method in OUR_METHODS:
            cells |= _summary(f"ours_{block}_{method}", row.ours_in(block, method))
    for unit in UNITS:
        paired = row.differences.get(unit)
        cells |= _estimate(f"tto_minus_bc_{unit}", paired and paired.difference)
        cells[f"tto_minus_bc_{unit}_seeds"] = paired and paired.seeds
    cells["data_return_mean"] = row.data and row.data.return_mean
    cells["data_score_mean"] = row.data and row.data.score_mean
    return cells


def _summary(name: str, summary: Summary | None) -> dict[str, object]:
    return {
        **_spread(f"{name}_score", summary and summary.score),
        **_spread(f"{name}_return", summary and summary.returns),
        **_estimate(f"{name}_score_iqm", summary and summary.score_iqm),
        **_estimate(f"{name}_return_iqm", summary and summary.return_iqm),
        f"{name}_seeds": summary and summary.seeds,
        f"{name}_count": summary and summary.count,
    }


def _estimate(name: str, estimate: Estimate | None) -> dict[str, object]:
    value, low, high = estimate or (None, None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _spread(name: str, value: Spread | None) -> dict[str, object]:
    mean, std = value or (None, None)
    return {f"{name}_mean": mean, f"{name}_std": std}
