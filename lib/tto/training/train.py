"""Training of a Trajectory Transformer on a token file (section 3.1, appendix A)."""

import csv
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tto.digest import code_digest
from tto.files import StrPath, atomic_path, content_digest
from tto.model.trained import TrainedModel, save
from tto.model.transformer import ModelConfig
from tto.tokens.token_file import read_token_file
from tto.training.checkpoint import Row, locked, train_to_end
from tto.training.config import TrainingConfig
from tto.training.distributed import ProcessGroup
from tto.training.held_out import write_dimension_losses
from tto.training.interruption import catch_stop_signals
from tto.training.smooth_bins import fold
from tto.training.state import METRICS, TrainingState


def train(
    token_path: StrPath,
    output: StrPath,
    *,
    model: dict[str, Any],
    training: TrainingConfig,
    seed: int,
    checkpoints: StrPath,
    device: str = "cpu",
    events: StrPath | None = None,
) -> TrainedModel:
    """Train on the tokens at `token_path`; write model, metrics.csv and dimensions.csv to `output`.

    An interrupted training resumes from its last checkpoint, and the interruption does not change
    the result. Its checkpoints are in a folder under `checkpoints` that is named by the digest of
    all that determines the result. SIGTERM and SIGINT stop the training after a checkpoint. Several
    processes that torchrun started (`tto.training.worker`) train one model together.

    Args:
        model: fields of `ModelConfig` that are not in the token file.
        seed: seed of the initial weights, the held-out episodes, the windows and dropout.
        checkpoints: folder of the checkpoints of all trainings.
        events: folder of TensorBoard's event files; None writes no events.

    Raises:
        TTOError: an unreadable token file, sizes that do not fit, a loss that is not finite, a
            checkpoint that cannot be written, or a signal to stop.
    """
    group = ProcessGroup.current()
    file = read_token_file(token_path)
    config = ModelConfig(
        observation_dim=file.attributes.observation_dim,
        action_dim=file.attributes.action_dim,
        vocabulary=file.attributes.token_count,
        **model,
    )
    folder = Path(checkpoints) / _key(token_path, config, training, seed)
    with locked(folder, shared_with=group), catch_stop_signals() as stop_signal:
        state = TrainingState(
            file, config, training, seed=seed, device=torch.device(device), group=group
        )
        train_to_end(
            state,
            folder,
            stop_signal,
            name="training",
            checkpoint_every=training.checkpoint_every,
            events=events if group.is_first else None,
            shown=_shown,
            group=group,
            device=state.device,
        )
    fold(state.network)
    trained = TrainedModel(state.network, file.discretizer, file.attributes)
    if group.is_first:
        _write(Path(output), state, trained, extra={"training": asdict(training), "seed": seed})
    return trained


def _key(token_path: StrPath, config: ModelConfig, training: TrainingConfig, seed: int) -> str:
    """Digest of exactly what determines the result."""
    identity = {
        "model": asdict(config),
        "training": asdict(training),
        "seed": seed,
        "tokens": content_digest(token_path),
        "code": code_digest(__name__),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _shown(row: Row) -> str:
    """Words on a row of metrics, beside the progress."""
    return (
        f"loss {row['train_loss']:.3f}, held out {row['held_out_loss']:.3f}, "
        f"{row['tokens_per_second']:,.0f} tokens/s"
    )


def _write(
    output: Path, state: TrainingState, trained: TrainedModel, *, extra: dict[str, Any]
) -> None:
    with atomic_path(output / "metrics.csv") as path, open(path, "w", newline="") as table:
        writer = csv.DictWriter(table, METRICS)
        writer.writeheader()
        writer.writerows(state.metrics)
    losses = state.dimension_losses()
    write_dimension_losses(output / "dimensions.csv", state.network.config, *losses)
    save(output, trained, extra=extra)
