"""A run's verdict on its datasets, in sentences for the head of its report."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tto.methods import OURS
from tto.report.numbers.names import BASELINE, OUR_METHODS
from tto.report.numbers.statistics import Estimate
from tto.report.page.answers import counts
from tto.report.page.averages import averages
from tto.report.tables.returns import BEST, DATA, digits_of
from tto.row_files import read_cells

_CLONING = "behaviour cloning"
_NAMES = {**OUR_METHODS, BASELINE: _CLONING, DATA: "the data"}


def sentences(results: Path, made: Collection[Path] | None = None) -> list[str]:
    """Return whether planning was better than other methods, a sentence each.

    The paper's datasets share a sentence; each dataset of one's own has one.

    Args:
        results, made: as in `tto.report.page.answers.answers`.
    """
    paper, own = (results / f"tables/{name}.csv" for name in ("table1", "returns"))
    found = [_paper_sentence(read_cells(paper))] if counts(paper, made) else []
    if counts(own, made):
        rows = read_cells(own)
        datasets = dict.fromkeys(row["dataset"] for row in rows)
        found += [_own_sentence(n, [row for row in rows if row["dataset"] == n]) for n in datasets]
    return [sentence for sentence in found if sentence]


def _paper_sentence(rows: Sequence[Mapping[str, str]]) -> str:
    """Planning against cloning by table 1; empty without a dataset whose rows have both."""
    rows = [row for row in rows if row["tto_minus_bc_score_low"] and row["data_score_mean"]]
    if not rows:
        return ""
    means = averages(rows)
    ours = f"{means.pop(OURS):.1f}"
    *shown, last = [f"{_NAMES[name]} {value:.1f}" for name, value in means.items()]
    numbers = f"{', '.join([ours, *shown])} and {last}"
    if len(rows) == 1:
        words = _verdict(rows[0], "tto_minus_bc_score", 1, _CLONING, "cloning")
        return f"On {rows[0]['dataset']}, planning scored {numbers}: {words}."
    verdicts = [_sign(row, "tto_minus_bc_score") for row in rows]
    counted = (
        f"better than {_CLONING} on {verdicts.count(1)}, worse on {verdicts.count(-1)}, and "
        f"undecided on {verdicts.count(0)}"
    )
    return (
        f"Of {len(rows)} datasets, planning is {counted}. On average over them it scored {numbers}."
    )


def _own_sentence(dataset: str, rows: Sequence[Mapping[str, str]]) -> str:
    of = {row["method"]: row for row in rows}
    digits = digits_of([float(row["return_mean"]) for row in rows])

    def shown(method: str) -> str:
        score = of[method]["score_mean"]
        more = f" (score {float(score):.1f})" if score else ""
        return f"{float(of[method]['return_mean']):,.{digits}f}{more}"

    ours = of[OURS]
    models, episodes = int(ours["models"]), int(ours["episodes"])
    played = f"{episodes} episode{'s' if episodes > 1 else ''}"
    who = "one model" if models == 1 else f"{models} models"
    others = [row for row in rows if row["method"] not in (OURS, DATA, BEST)]
    best = max(others, key=lambda row: float(row["return_mean"]))
    compared = f"{_CLONING} {shown(BASELINE)}"
    if best["method"] != BASELINE:
        compared += f", {OUR_METHODS[best['method']]} {shown(best['method'])}"
    name = OUR_METHODS[best["method"]]
    words = _verdict(best, "tto_less", digits, name, name)
    return (
        f"On {dataset} ({ours['env']}), planning returned {shown(OURS)} on average over {played} "
        f"of {who}, {compared}: {words}. The episodes of the data returned "
        f"{shown(DATA)} on average and {shown(BEST)} at best."
    )


def _verdict(row: Mapping[str, str], column: str, digits: int, name: str, short: str) -> str:
    """Whether planning or another method was better, or it is undecided, with the difference."""
    if not row[f"{column}_low"]:
        return "one episode decides nothing"
    words = {1: "planning is better", -1: f"{name} is better", 0: "undecided"}[_sign(row, column)]
    number = Estimate(*(float(row[f"{column}{end}"]) for end in ("", "_low", "_high")))
    return f"{words} (planning less {short}: {number.text(digits, signed=True)})"


def _sign(row: Mapping[str, str], column: str) -> int:
    """1 where the whole interval of a difference is above 0, -1 below, 0 undecided."""
    low, high = (float(row[f"{column}_{end}"]) for end in ("low", "high"))
    return int(low > 0) - int(high < 0)
