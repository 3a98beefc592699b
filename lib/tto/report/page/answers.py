"""What a run found, in a few numbers for the head of its report."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from tto.methods import OURS
from tto.report.claims.claims import LOCAL
from tto.report.numbers.names import BASELINE, OUR_METHODS
from tto.report.numbers.overtraining import held_out
from tto.report.numbers.summary import Unit
from tto.report.page.averages import averages
from tto.report.tables.returns import DATA
from tto.row_files import read_cells

_NAMES = {**OUR_METHODS, BASELINE: "cloning", DATA: "data"}


def answers(results: Path, made: Collection[Path] | None = None) -> dict[str, str]:
    """Return short answers by question, for the tables that a run has.

    Args:
        results: the run's folder.
        made: files of the run that count; None takes all.
    """
    tables = {
        "offline RL": ("table1", _offline_rl),
        "imitation of experts": ("imitation", _imitation),
        "goals reached": ("goal_reaching", _goals),
        "log-likelihood of the Transformer": ("model_analysis", _lead),
        "a plan takes": ("costs", _plan_time),
    }
    found = {
        question: answer(results / f"tables/{table}.csv")
        for question, (table, answer) in tables.items()
        if counts(results / f"tables/{table}.csv", made)
    }
    if counts(results / "tables/claims.html", made):
        found["claims of the paper"] = _claims(results / "claims.csv")
    return {question: answer for question, answer in found.items() if answer}


def warnings(results: Path, datasets: Collection[str]) -> list[str]:
    """Return a sentence for each dataset whose held-out loss rose while its model was trained.

    Args:
        results: the run's folder.
        datasets: the run's datasets; models of others, from an earlier config, do not count.
    """
    found = {}
    for path in sorted((results / "models").glob("*/seed*/metrics.csv")):
        dataset = path.parent.parent.name
        if dataset not in datasets:
            continue
        loss = held_out(path)
        if loss is not None and loss.rose:
            found[dataset] = f"The held-out loss of {dataset} was {loss.text()}."
    return list(found.values())


def counts(path: Path, made: Collection[Path] | None) -> bool:
    """Whether a table is there and may be shown."""
    return path.is_file() and (made is None or path in made)


def _offline_rl(path: Path) -> str:
    """Mean scores over datasets; returns of one dataset whose environment has no score."""
    rows = [row for row in read_cells(path) if row["dataset"]]
    units: tuple[tuple[Unit, str], ...] = (("score", "normalised score"), ("return", "return"))
    for unit, words in units:
        means = averages(rows, unit) if rows else {}
        if OURS in means and (unit == "score" or len(rows) == 1):
            shown = [f"{_NAMES[name]} {value:.1f}" for name, value in means.items()]
            one = "" if len(rows) == 1 else f", mean of {len(rows)} datasets"
            return f"{', '.join(shown)} ({words}{one})"
    return ""


def _goals(path: Path) -> str:
    ours = pd.read_csv(path).query("method == 'goal'")
    return f"{int(ours['reached'].iloc[0])} of {int(ours['pairs'].iloc[0])}" if len(ours) else ""


def _imitation(path: Path) -> str:
    """The longest search's return on each dataset."""
    rows = pd.read_csv(path).dropna(subset="predicted_transitions")
    best = rows.sort_values("predicted_transitions").groupby("dataset", sort=False).last()
    shown = [f"{name} {row['percent']:.0f} %" for name, row in best.sort_index().iterrows()]
    return f"{', '.join(shown)} of the expert data's return" if shown else ""


def _lead(path: Path) -> str:
    """The Transformer's log-likelihood above the better ensemble's at the last step, by dataset."""
    rows = pd.read_csv(path).set_index(["dataset", "model"])
    last = rows["last_log_likelihood"].unstack()
    ensembles = [name for name in last if str(name).startswith("ensemble")]
    if not ensembles or "transformer" not in last:
        return ""
    leads = (last["transformer"] - last[ensembles].max(axis=1)).dropna()
    shown = ", ".join(f"{name} {lead:+.1f}" for name, lead in leads.items())
    return f"{shown} nats above the ensemble's at step {rows['last_step'].iloc[0]}"


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
