"""A trained ensemble on disk."""

from pathlib import Path
from typing import Any

import torch

from tto.baselines.baseline_file import read_baseline, write_baseline
from tto.baselines.ensemble import Ensemble
from tto.files import StrPath


def save_ensemble(
    folder: StrPath,
    network: Ensemble,
    *,
    config: dict[str, Any],
    metrics: list[dict[str, float]],
) -> None:
    """Write metrics.csv, config.json and model.safetensors into `folder`, the last one last."""
    stored = {"masked": network.masked, **config}
    write_baseline(Path(folder), network, config=stored, metrics=metrics)


def load_ensemble(folder: StrPath, *, device: str = "cpu") -> Ensemble:
    """The ensemble in a folder that `train_ensemble` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """
    network = read_baseline(
        folder,
        lambda config, weights: Ensemble(
            len(weights["observation_mean"]),
            len(weights["action_mean"]),
            members=config["members"],
            hidden=tuple(config["hidden"]),
            masked=config["masked"],
            generator=torch.Generator(),  # replaced at once; the global one stays as it is
        ),
        what="an ensemble",
        kind="ensemble",
    )
    return network.to(device)
