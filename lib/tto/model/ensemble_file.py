"""A trained ensemble on disk: safetensors, JSON and a table of losses, without pickle."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tto.errors import TTOError
from tto.files import atomic_path
from tto.model.ensemble import Ensemble

FORMAT_VERSION = 1
METRICS = ("update", "seconds", "learning_rate", "train_loss", "held_out_loss")


def save_ensemble(
    folder: str | os.PathLike[str],
    network: Ensemble,
    *,
    config: dict[str, Any],
    metrics: list[dict[str, float]],
) -> None:
    """Write metrics.csv, config.json and model.safetensors into `folder`, the last one last."""
    folder = Path(folder)
    stored = {"format_version": FORMAT_VERSION, "masked": network.masked, **config}
    with atomic_path(folder / "metrics.csv") as path, open(path, "w", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerows([METRICS, *(row.values() for row in metrics)])
    with atomic_path(folder / "config.json") as path:
        path.write_text(json.dumps(stored, indent=1) + "\n")
    with atomic_path(folder / "model.safetensors") as path:
        save_file({key: value.cpu() for key, value in network.state_dict().items()}, path)


def load_ensemble(folder: str | os.PathLike[str], *, device: str = "cpu") -> Ensemble:
    """The ensemble in a folder that `train_ensemble` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text())
        version = config["format_version"]
        weights = load_file(folder / "model.safetensors")
        network = Ensemble(
            len(weights["observation_mean"]),
            len(weights["action_mean"]),
            members=config["members"],
            hidden=tuple(config["hidden"]),
            masked=config["masked"],
            generator=torch.Generator(),  # replaced at once; the global one stays as it is
        )
        network.load_state_dict(weights)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise TTOError(
            f"{folder}: expected model.safetensors and config.json of an ensemble, got "
            f"{type(error).__name__} ({reason}); train it again"
        ) from error
    if version != FORMAT_VERSION:
        raise TTOError(
            f"{folder}: expected ensemble format version {FORMAT_VERSION}, got {version}; train it "
            "again"
        )
    return network.to(device)
