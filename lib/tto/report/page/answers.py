"""What a run found, in a few lines for the head of its report."""

from pathlib import Path

import numpy as np
import pandas as pd

from tto.report.claims.claims import LOCAL
from tto.report.tables.table1_rows import BLOCKS

_METHODS = {"tto": "TTO", "bc": "cloning"}


def answers(results: Path) -> dict[str, str]:
    """Return short answers by question, for the tables that a run has.

    Args:
        results: the run's folder.
    """
    found = {
        "offline RL": _offline_rl(results / "tables/table1.csv"),
        "goals reached": _goals(results / "tables/goal_reaching.csv"),
        "a plan takes": _plan_time(results / "tables/costs.csv"),
        "claims of the paper": _claims(results / "claims.csv"),
    }
    return {question: answer for question, answer in found.items() if answer}


def _offline_rl(path: Path) -> str:
    """Mean scores over datasets; returns of one dataset whose environment has no score."""
    if not path.is_file():
        return ""
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
    if not path.is_file():
        return ""
    ours = pd.read_csv(path).query("method == 'goal'")
    return f"{int(ours['reached'].iloc[0])} of {int(ours['pairs'].iloc[0])}" if len(ours) else ""


def _plan_time(path: Path) -> str:
    if not path.is_file():
        return ""
    ours = pd.read_csv(path).query("method == 'tto'")["plan_ms_median"]
    return f"{ours.mean():.0f} ms for one episode alone" if len(ours) else ""


def _claims(path: Path) -> str:
    if not path.is_file():
        return ""
    rows = pd.read_csv(path)
    counts = rows.loc[rows["section"] != LOCAL, "verdict"].value_counts()
    words = {"holds": "hold", "fails": "fail", "undecided": "undecided", "not tested": "not tested"}
    return ", ".join(f"{counts.get(verdict, 0)} {word}" for verdict, word in words.items())
