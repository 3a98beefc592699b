"""Names of methods, models and kinds of states in tables and figures."""

from collections.abc import Mapping
from typing import Any

from tto.analysis.log_likelihoods import MARGINAL
from tto.methods import OURS

BASELINE = "bc"  # is compared with ours on each dataset
OUR_METHODS = {
    BASELINE: "BC",
    "cql": "CQL",
    "mopo": "MOPO",
    "mbop": "MBOP",
    OURS: "TTO",
    "iql": "IQL",
    "td3_bc": "TD3+BC",
    "dt": "DT",
}
OURS_FIRST = (OURS, *(method for method in OUR_METHODS if method != OURS))  # planning first
GOAL_METHODS = {"goal": "TTO", "collector": "collector"}  # goal reaching
MODEL_LABELS = {  # model analysis
    "transformer": "Transformer",
    "transformer_recorded": "Transformer, recorded actions",
    "transformer_sampled": "Transformer, actions of its own",
    "markovian": "Markovian Transformer",
    "quantile": "Transformer, quantile bins",
    "gaussian": "continuous Transformer",
    "ensemble_ts_inf": "feedforward ensemble (TS-inf)",
    "ensemble_ts1": "feedforward ensemble (TS1)",
    "ensemble_ts_inf_recorded": "feedforward ensemble, recorded actions (TS-inf)",
    "ensemble_ts1_recorded": "feedforward ensemble, recorded actions (TS1)",
    "ensemble_ts_inf_sampled": "feedforward ensemble, the policy's actions (TS-inf)",
    "ensemble_ts1_sampled": "feedforward ensemble, the policy's actions (TS1)",
    MARGINAL: "marginal of the training data",
}
STATE_TITLES = {"full": "fully observed", "masked": "partially observed"}


def label_of(model: str) -> str:
    """Return a model's name in figures and tables."""
    return MODEL_LABELS.get(model, f"Transformer, {model.replace('_', ' ')}")


def rank_of(model: str) -> tuple[int, str]:
    """Return a key that sorts models for tables and legends: known ones first."""
    names = list(MODEL_LABELS)
    return (names.index(model) if model in names else len(names), model)


def dataset_names(config: Mapping[str, Any]) -> set[str]:
    """Return the names of all datasets of a run's config."""
    parts = (part for part in (config, *config.values()) if isinstance(part, Mapping))
    return {
        name
        for part in parts
        if isinstance(datasets := part.get("datasets"), Mapping)
        for name, spec in datasets.items()
        if spec
    }
