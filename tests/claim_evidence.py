"""Evidence for claims, made by hand: rows of the files that a run writes."""

import pandas as pd
from rollout_rows import rollout_rows

from tto.analysis.log_likelihoods import COLUMNS as LIKELIHOOD_COLUMNS
from tto.evaluation.goal_rows import ROWS as GOAL_COLUMNS
from tto.evaluation.plan_times import COLUMNS as PLAN_COLUMNS
from tto.report.claims.claim import judge
from tto.report.claims.claims import CLAIMS
from tto.report.claims.evidence import Evidence
from tto.report.numbers.dataset_statistics import DatasetStatistics

BY_ID = {claim.id: claim for claim in CLAIMS}
PER_CENT, ZERO = 32.54572305, -20.272305  # of hopper's scores, in returns


def returns(*scores: float) -> list[list[float]]:
    """One rollout of each seed, as hopper's returns."""
    return [[score * PER_CENT + ZERO] for score in scores]


def hopper(kind: str, *, source: str = "collect", **scores: tuple[float, ...]) -> pd.DataFrame:
    """Scores by method and seed."""
    played = {method: returns(*values) for method, values in scores.items()}
    return rollout_rows(f"hopper-{kind}-v2", returns=played, source=source)


def found(name: str, **evidence):
    return judge(BY_ID[name], Evidence(**evidence))


def data_of(dataset: str, return_mean: float, score_mean: float | None = None):
    row = DatasetStatistics(
        dataset, "collect", "x", 9, 900, return_mean, 1.0, return_mean, score_mean, 100.0
    )
    return {dataset: row}


def goals(reached: int, length: float, pairs: int = 200, models: int = 8) -> pd.DataFrame:
    """Models that reach the first of the pairs, by ways that differ by a thousandth."""
    rows = [
        (
            method,
            pair % models,
            pair,
            int(method == "collector" or pair < reached),
            way + pair % 2 / 1e3,
            9,
            1,
        )
        for method, way in (("goal", length), ("collector", 1.0))
        for pair in range(pairs)
    ]
    return pd.DataFrame(rows, columns=list(GOAL_COLUMNS))


def sweep(name: str, cells: list[tuple[str, str, str, int, float]]) -> dict[str, pd.DataFrame]:
    """(value, line, dataset, seed, score) to rows."""
    rows = [(name, v, line, data, seed, 0, 100 * s, s) for v, line, data, seed, s in cells]
    columns = ["sweep", "value", "line", "dataset", "seed", "rollout", "return", "score"]
    return {name: pd.DataFrame(rows, columns=columns)}


def timed(*, width: int = 192, **plan_ms: float) -> pd.DataFrame:
    return pd.DataFrame(
        [(f"{env}-v5", 4, width, 256, 10, "cpu", 1, ms) for env, ms in plan_ms.items()],
        columns=list(PLAN_COLUMNS),
    )


def likelihoods(env: str = "Hopper-v5", state: str = "full", *, steps: int = 3, **models):
    """Models to (level, loss a step); the second of 2 seeds loses a hundredth more a step."""
    rows = [
        (
            *(f"{env}-{state}", env, state, model, seed, episode, step),
            *(level - loss * (1 + seed / 100) * (step - 1) + episode, 100.0, 0.9, 0.0),
        )
        for model, (level, loss) in models.items()
        for seed in (0, 1)
        for episode in (0, 1)
        for step in range(1, steps + 1)
    ]
    return pd.DataFrame(rows, columns=list(LIKELIHOOD_COLUMNS))


def attention() -> pd.DataFrame:
    names = ["kind", "layer", "head", "previous_transition", "older_transitions"]
    names += ["same_dimension_older", "actions_to_actions", "actions_to_states"]
    rows = [
        ("head", 1, 1, 0.7, 0.1, 0.01, 0.3, 0.1),
        ("head", 2, 1, 0.2, 0.6, 0.15, 0.1, 0.3),
        ("random", 1, 1, 0.4, 0.4, 0.06, 0.1, 0.3),
        ("random", 2, 1, 0.3, 0.4, 0.04, 0.1, 0.3),
        ("even", 0, 0, 0.3, 0.4, 0.05, 0.1, 0.3),
    ]
    return pd.DataFrame(rows, columns=names)
