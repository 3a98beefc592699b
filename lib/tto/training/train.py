"""Training of a Trajectory Transformer on a token file (section 3.1, appendix A)."""

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from tto.digest import code_digest
from tto.errors import TTOError
from tto.files import StrPath, atomic_path, content_digest
from tto.model.trained import TrainedModel, save
from tto.model.transformer import ModelConfig
from tto.tokens.token_file import read_token_file
from tto.training.checkpoint import load_checkpoint, locked, save_checkpoint
from tto.training.config import TrainingConfig
from tto.training.distributed import Group
from tto.training.events import Events
from tto.training.held_out import write_dimension_losses
from tto.training.interruption import asked_to_stop
from tto.training.smooth_bins import fold
from tto.training.state import METRICS, Run


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

    Training that was cut off, by whatever, goes on from its last checkpoint under `checkpoints`, in
    a folder named by the digest of all that determines the result, and ends as it would have
    without. SIGTERM and SIGINT save a checkpoint first. Several processes that torchrun started
    (`tto.training.worker`) train one model together.

    Args:
        model: fields of `ModelConfig` other than those that the token file gives.
        seed: of the initial weights, the held-out episodes, the windows' order and dropout.
        events: folder of TensorBoard's event files.

    Raises:
        TTOError: an unreadable token file, sizes that do not fit, a loss that is not finite, a
            checkpoint that cannot be written, or a signal to stop.
    """
    group = Group.current()
    file = read_token_file(token_path)
    config = ModelConfig(
        observation_dim=file.attributes.observation_dim,
        action_dim=file.attributes.action_dim,
        vocabulary=file.attributes.token_count,
        **model,
    )
    folder = Path(checkpoints) / _key(token_path, config, training, seed)
    with locked(folder, shared_with=group), asked_to_stop() as signal:
        run = Run(file, config, training, seed=seed, device=torch.device(device), group=group)
        state = load_checkpoint(folder)
        if state is not None:
            run.restore(state)
        _finish(run, folder, signal, events=events if group.is_first else None)
    fold(run.network)
    trained = TrainedModel(run.network, file.discretizer, file.attributes)
    if group.is_first:
        _write(Path(output), run, trained, extra={"training": asdict(training), "seed": seed})
    return trained


def _key(token_path: StrPath, config: ModelConfig, training: TrainingConfig, seed: int) -> str:
    """Digest of all that determines the result, and of nothing else."""
    identity = {
        "model": asdict(config),
        "training": asdict(training),
        "seed": seed,
        "tokens": content_digest(token_path),
        "code": code_digest(__name__),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _finish(
    run: Run,
    folder: Path,
    signal: Callable[[], str | None],
    *,
    events: StrPath | None,
) -> None:
    """Make the updates that are left, with checkpoints."""
    written = Events(events, rows=run.metrics)
    progress = tqdm(total=run.updates, initial=run.update, desc="train", unit="upd", disable=None)
    first = run.group.is_first
    try:
        while not run.finished:
            row = run.advance()
            progress.update()
            if row is not None:
                written.add(row)
                progress.set_postfix_str(
                    f"loss {row['train_loss']:.3f}, held out {row['held_out_loss']:.3f}, "
                    f"{row['tokens_per_second']:,.0f} tokens/s"
                )
            stop = run.group.any(signal() is not None, run.device) and not run.finished
            if first and (stop or run.finished or run.update % run.training.checkpoint_every == 0):
                save_checkpoint(folder, run.state())
            if stop:
                raise TTOError(
                    f"training: stopped by {signal() or 'a signal'} at update {run.update} of "
                    f"{run.updates}; a checkpoint is saved, run again to go on"
                )
    finally:
        written.close()
        progress.close()


def _write(output: Path, run: Run, trained: TrainedModel, *, extra: dict[str, Any]) -> None:
    with atomic_path(output / "metrics.csv") as path, open(path, "w", newline="") as table:
        writer = csv.DictWriter(table, METRICS)
        writer.writeheader()
        writer.writerows(run.metrics)
    write_dimension_losses(output / "dimensions.csv", run.network.config, *run.dimension_losses())
    save(output, trained, extra=extra)
