"""What a run knows of one of its models, for the model's card."""

from pathlib import Path
from typing import Any

import pandas as pd

from tto.config.file import read_config_file
from tto.config.settings import datasets_of, settings_of
from tto.config.trials import changes_of_candidate
from tto.evaluation.results import read_results
from tto.evaluation.sweeps import read_choice
from tto.exchange.card import Facts
from tto.model.planner_file import read_planner
from tto.model.weights_file import read_config
from tto.report.numbers.statistics import estimate, values_by_seed

NAMES = {"tto": "planning, as below", "bc": "behaviour cloning"}
SOURCES = {
    "d4rl": "D4RL's dataset of that name",
    "minari": "Minari's dataset",
    "collect": "collected by this project's behaviour policies",
    "file": "the author's own episodes",
}
_OF_FILES = {"format_version", "model", "tokens", "weights_sha256"}  # written anew by a copy


def facts_of(folder: Path, *, licence: str | None = None) -> Facts:
    """Data, scores and planner of a model `results/<run>/models/<dataset>/seed<k>`.

    Of a model without its run, only the planner is known, if a `planner.json` is beside it.

    Args:
        licence: identifier of the licence, as the hub knows it.

    Raises:
        TTOError: a file of the run is damaged.
    """
    folder = folder.resolve()
    settings = read_planner(folder)
    if folder.parent.parent.name != "models":
        return Facts(planner=settings, licence=licence)
    run, dataset = folder.parents[2], folder.parent.name
    rows = run / "rollouts.csv"
    config = run / "config.yaml"
    known = read_config_file(config) if config.is_file() else None
    return Facts(
        data=_data(known, dataset) if known else "",
        scores=_scores(read_results(rows), dataset) if rows.is_file() else (),
        planner=settings or (_planner(known, run, dataset) if known else {}),
        licence=licence,
    )


def other_entries(folder: Path) -> dict[str, Any]:
    """Entries of a model's config.json beside those that each copy has of its own."""
    return {name: value for name, value in read_config(folder).items() if name not in _OF_FILES}


def _data(config: dict[str, Any], dataset: str) -> str:
    experiments = (None, "imitation", "goal_reaching", "model_analysis")
    entries = {name: spec for e in experiments for name, spec in datasets_of(config, e).items()}
    spec = entries.get(dataset, {})
    source = SOURCES.get(str(spec.get("source")), "of an unknown source")
    kind = f", kind `{spec['kind']}`" if "kind" in spec else ""
    return f"`{dataset}`, of `{spec.get('env', 'unknown')}`: {source}{kind}."


def _scores(results: pd.DataFrame, dataset: str) -> list[tuple[str, str, str]]:
    lines = []
    for method, name in NAMES.items():
        rows = pd.DataFrame(results.query(f"dataset == {dataset!r} and method == {method!r}"))
        if not len(rows):
            continue
        column = "score" if bool(rows["score"].notna().all()) else "return"
        values = values_by_seed(rows, column)
        number = estimate(list(values.values())).text()
        what = "normalised score" if column == "score" else "return"
        interval = "95 % interval" if len(values) > 1 else "no interval of one model"
        over = f"mean {what}; {len(values)} models, {len(rows)} episodes; {interval}"
        lines.append((name, number, over))
    return lines


def _planner(config: dict[str, Any], run: Path, dataset: str) -> dict[str, Any]:
    choice = run / "tuning/tto" / f"{dataset}.txt"
    changes = changes_of_candidate(config, "tto", read_choice(choice)) if choice.is_file() else {}
    return settings_of(config, "planning", dataset, changes)
