"""What stands in table 1: the paper's rows with published scores, the run's datasets with ours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tto.report.numbers.comparison import UNITS, Comparison
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.names import OUR_METHODS
from tto.report.numbers.published import PUBLISHED_METHODS, PaperRow, paper_row, read_published
from tto.report.numbers.statistics import Estimate
from tto.report.numbers.summary import Spread, Summary

# Blocks of columns that are never averaged together: models trained on D4RL's data, which compare
# with the published columns, and models trained on any other data, which do not.
BLOCKS = ("d4rl", "other")


@dataclass(frozen=True)
class TableRow:
    """A row of the paper, a dataset of the run, or both.

    Attributes:
        paper: the paper's row; None for a dataset that it does not have.
        published: scores by method.
        dataset: id of the run's dataset; None if the run has none for this row.
        ours: results by method.
        data: statistics of the dataset's own episodes.
        comparisons: interquartile means and paired difference by unit (`score`, `return`).
    """

    paper: PaperRow | None = None
    published: Mapping[str, Spread] = field(default_factory=dict)
    dataset: str | None = None
    ours: Mapping[str, Summary] = field(default_factory=dict)
    data: DatasetStatistics | None = None
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)

    @property
    def comparison(self) -> Comparison | None:
        """In scores, or in returns where the environment has no score."""
        return self.comparisons.get("score", self.comparisons.get("return"))

    @property
    def digits(self) -> int:
        """Shown after the point: one of a score, none of a return."""
        return 1 if "score" in self.comparisons else 0

    @property
    def unit_mark(self) -> str:
        """What marks a cell that is a return."""
        return "" if "score" in self.comparisons else "‡"

    @property
    def source(self) -> str | None:
        """Where the dataset's episodes come from."""
        return next((summary.source for summary in self.ours.values()), None)

    @property
    def env(self) -> str | None:
        """The environment of the evaluation."""
        return next((summary.env for summary in self.ours.values()), None)

    def ours_in(self, block: str, method: str) -> Summary | None:
        """Our result, if this block of columns is where it belongs."""
        summary = self.ours.get(method)
        belongs = summary is not None and summary.on_d4rl == (block == "d4rl")
        return summary if belongs else None


def make_rows(
    summaries: Iterable[Summary],
    statistics: Iterable[DatasetStatistics] = (),
    comparisons: Mapping[tuple[str, str], Comparison] | None = None,
) -> list[TableRow]:
    """The paper's nine rows in its order, then other datasets of the run.

    A row without a dataset of the run keeps its published scores; one with several datasets (data
    of two versions, say) is repeated for each of them.
    """
    ours: dict[str, dict[str, Summary]] = {}
    for summary in summaries:
        ours.setdefault(summary.dataset, {})[summary.method] = summary
    data = {row.dataset: row for row in statistics}

    def row_of(paper: PaperRow | None, published: Mapping[str, Spread], name: str) -> TableRow:
        units = {unit: c for (of, unit), c in (comparisons or {}).items() if of == name}
        return TableRow(paper, published, name, ours[name], data.get(name), units)

    rows = []
    for paper, published in read_published().items():
        names = [name for name in ours if paper_row(name) == paper]
        rows += [row_of(paper, published, name) for name in names]
        if not names:
            rows.append(TableRow(paper, published))
    return rows + [row_of(None, {}, name) for name in ours if paper_row(name) is None]


def csv_cells(row: TableRow) -> dict[str, object]:
    """All numbers of a row with all their digits; None where there is none."""
    cells: dict[str, object] = {
        "robot": row.paper and row.paper.robot,
        "kind": row.paper and row.paper.kind,
    }
    for method in PUBLISHED_METHODS:
        cells |= _spread(f"published_{method}", row.published.get(method))
    cells |= {"dataset": row.dataset, "env": row.env, "source": row.source}
    for block in BLOCKS:
        for method in OUR_METHODS:
            cells |= _our_cells(f"ours_{block}_{method}", row, row.ours_in(block, method))
    for unit in UNITS:
        comparison = row.comparisons.get(unit)
        paired = comparison and comparison.difference
        cells |= _estimate(f"tto_minus_bc_{unit}", paired and paired.difference)
        cells[f"tto_minus_bc_{unit}_seeds"] = paired and paired.seeds
    cells["data_return_mean"] = row.data and row.data.return_mean
    cells["data_score_mean"] = row.data and row.data.score_mean
    return cells


def _our_cells(name: str, row: TableRow, summary: Summary | None) -> dict[str, object]:
    cells = _spread(f"{name}_score", summary and summary.score)
    cells |= _spread(f"{name}_return", summary and summary.returns)
    for unit in UNITS:
        comparison = row.comparisons.get(unit)
        iqm = comparison.iqm.get(summary.method) if comparison and summary else None
        cells |= _estimate(f"{name}_{unit}_iqm", iqm)
    return cells | {
        f"{name}_seeds": summary and summary.seeds,
        f"{name}_count": summary and summary.count,
    }


def _estimate(name: str, estimate: Estimate | None) -> dict[str, object]:
    return {
        name: estimate and estimate.value,
        f"{name}_low": estimate and estimate.low,
        f"{name}_high": estimate and estimate.high,
    }


def _spread(name: str, value: Spread | None) -> dict[str, object]:
    return {f"{name}_mean": value and value.mean, f"{name}_std": value and value.std}
