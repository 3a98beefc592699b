"""Checkpoints of unfinished training: one writer at a time, whole files only."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from tto.files import atomic_path

_FILE = "checkpoint.pt"


@contextlib.contextmanager
def locked(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Hold `folder` against other trainers; wait for one that is still at work.

    A trainer whose workflow was killed goes on as an orphan; a second one must not write beside it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint by `state` (tensors, numbers, strings, lists, dicts)."""
    with atomic_path(folder / _FILE) as path:
        torch.save(state, path)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The folder's checkpoint, or None; only tensors and plain values are read, never code."""
    path = folder / _FILE
    return torch.load(path, weights_only=True, map_location="cpu") if path.is_file() else None
