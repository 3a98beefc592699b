"""What a run found, in a few lines for the head of its report."""

import csv
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tto.methods import OURS
from tto.report.claims.claims import LOCAL
from tto.report.numbers.names import BASELINE
from tto.report.tables.returns import BEST, DATA, digits_of
from tto.report.tables.table1_rows import BLOCKS

_METHODS = {"tto": "TTO", "bc": "cloning"}


def answers(results: Path, made: Collection[Path] | None = None) -> dict[str, str]:
    """Return short answers by question, for the tables that a run has.

    Args:
        results: the run's folder.
        made: files of the run that count; None takes all.
    """
    rows = {"offline RL": _offline_rl, "goals reached": _goals, "a plan takes": _plan_time}
    files = {"offline RL": "table1", "goals reached": "goal_reaching", "a plan takes": "costs"}
    found = {
        question: answer(results / f"tables/{files[question]}.csv")
        for question, answer in rows.items()
        if _counts(results / f"tables/{files[question]}.csv", made)
    }
    if _counts(results / "tables/claims.html", made):
        found["claims of the paper"] = _claims(results / "claims.csv")
    return {question: answer for question, answer in found.items() if answer}


def sentences(results: Path, made: Collection[Path] | None = None) -> list[str]:
    """Return the result on each dataset of one's own, a sentence each.

    Args:
        results, made: as in `answers`.
    """
    path = results / "tables/returns.csv"
    if not _counts(path, made):
        return []
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    datasets = dict.fromkeys(row["dataset"] for row in rows)
    return [_sentence(name, [row for row in rows if row["dataset"] == name]) for name in datasets]


def _sentence(dataset: str, rows: Sequence[Mapping[str, str]]) -> str:
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
    return (
        f"On {dataset} ({ours['env']}), planning returned {shown(OURS)} on average over {played} "
        f"of {who}, behaviour cloning {shown(BASELINE)}. The episodes of the data returned "
        f"{shown(DATA)} on average and {shown(BEST)} at best."
    )


def _counts(path: Path, made: Collection[Path] | None) -> bool:
    """Whether a table is there and may be shown."""
    return path.is_file() and (made is None or path in made)


def _offline_rl(path: Path) -> str:
    """Mean scores over datasets; returns of one dataset whose environment has no score."""
    rows = pd.read_csv(path).dropna(subset=["dataset"])
    for unit, words in (("score", "normalised score"), ("return", "return")):
        means = {
            name: _mean([f"ours_{block}_{method}_{unit}_mean" for block in BLOCKS], rows)
            for method, name in _METHODS.items()
        }
        means["data"] = _mean([f"data_{unit}_mean"], rows)
        shown = [f"{name} {value:.1f}" for name, value in means.items() if value is not None]
        if means["TTO"] is not None and (unit == "score" or len(rows) == 1):
            one = "" if len(rows) == 1 else f", mean of {len(rows)} datasets"
            return f"{', '.join(shown)} ({words}{one})"
    return ""


def _mean(columns: list[str], rows: pd.DataFrame) -> float | None:
    """Mean of the numbers in some columns; None without a number."""
    known = [column for column in columns if column in rows]
    numbers = rows[known].to_numpy(dtype=float)
    return None if np.isnan(numbers).all() else float(np.nanmean(numbers))


def _goals(path: Path) -> str:
    ours = pd.read_csv(path).query("method == 'goal'")
    return f"{int(ours['reached'].iloc[0])} of {int(ours['pairs'].iloc[0])}" if len(ours) else ""


def _plan_time(path: Path) -> str:
    ours = pd.read_csv(path).query("method == 'tto'")["plan_ms_median"]
    return f"{ours.mean():.0f} ms for one episode alone" if len(ours) else ""


def _claims(path: Path) -> str:
    rows = pd.read_csv(path)
    counts = rows.loc[rows["section"] != LOCAL, "verdict"].value_counts()
    if set(counts.index) == {"not tested"}:
        return ""
    words = {"holds": "hold", "fails": "fail", "undecided": "undecided", "not tested": "not tested"}
    return ", ".join(f"{counts.get(verdict, 0)} {word}" for verdict, word in words.items())
