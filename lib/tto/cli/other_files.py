"""Descriptions of what `tto inspect` opens beside data and models: baselines, runs, tables."""

import csv
import json
from pathlib import Path
from typing import Any

import yaml

from tto.baselines.pets.ensemble import load_ensemble
from tto.baselines.policies import is_policy, load_policy
from tto.config.file import read_config_file
from tto.config.settings import datasets_of
from tto.errors import TTOError
from tto.hdf5 import read_hdf5
from tto.model.weights_file import WEIGHTS, read_config, read_weights
from tto.training.checkpoint import CHECKPOINT, load_checkpoint

Lines = list[tuple[str, str]]  # pairs of a label and a value
TEXTS = (".csv", ".md", ".html", ".tex", ".json", ".yaml", ".yml", ".txt", ".log", ".tsv")
_SIZES = ("hidden", "members", "updates", "epochs", "batch_size", "learning_rate", "horizon")


def stored_config(folder: Path) -> dict[str, Any]:
    """The config.json of a folder; empty where there is none, or no mapping."""
    try:
        stored = read_config(folder)
    except (OSError, ValueError, RecursionError):
        return {}
    return stored if isinstance(stored, dict) else {}


def is_baseline(folder: Path) -> bool:
    """Whether a folder holds a policy or an ensemble."""
    stored = stored_config(folder)
    return is_policy(folder) or ("members" in stored and "model" not in stored)


def is_run(folder: Path) -> bool:
    """Whether a folder holds the results of a run, or a part of them."""
    parts = ("rollouts.csv", "datasets", "tokens", "models", "logs")
    return any((folder / name).exists() for name in parts) and not (folder / WEIGHTS).is_file()


def is_unfinished_training(path: Path) -> bool:
    """Whether a path is the checkpoint of an unfinished training, or its folder."""
    return path.name == CHECKPOINT or (path / CHECKPOINT).is_file()


def baseline(folder: Path) -> Lines:
    """Describe behaviour cloning, a method of offline RL, or an ensemble."""
    stored = stored_config(folder)
    if is_policy(folder):
        _, env_id, dataset, _ = load_policy(folder)
        kind = str(stored.get("method", "bc"))
        lines = [("policy", kind), ("environment", env_id), ("dataset", dataset)]
    else:
        load_ensemble(folder)
        lines = [("ensemble", folder.name), ("dataset", str(stored.get("dataset", "unknown")))]
    numbers = sum(tensor.numel() for tensor in read_weights(folder, stored).values())
    sizes = [f"{name} {stored[name]}" for name in _SIZES if name in stored]
    size = (folder / WEIGHTS).stat().st_size
    return [
        *lines,
        ("parameters", f"{numbers:,}"),
        ("settings", "; ".join(sizes)),
        ("size", f"{size / 1e6:,.1f} MB"),
    ]


def run(folder: Path) -> Lines:
    """Describe the folder of a run: its config, and how much of it is made."""
    path = folder / "config.yaml"  # the workflow writes it at the end
    config = read_config_file(path) if path.is_file() else {}
    names = [
        name
        for experiment in (None, "imitation", "goal_reaching", "model_analysis")
        for name in datasets_of(config, experiment)
    ]
    made = {
        "datasets": "datasets/*/data",
        "token files": "tokens/*.h5",
        "models": f"models/*/*/{WEIGHTS}",
        "baselines": f"baselines/*/*/*/{WEIGHTS}",
        "rollouts": "rollouts/*/*/*.h5",
        "tables": "tables/*.csv",
        "figures": "figures/*.png",
    }
    report = "yes" if (folder / "report.html").is_file() else "not yet"
    return [
        ("run", str(config.get("run", folder.name))),
        ("its config names", ", ".join(names) or "nothing yet"),
        *((name, f"{len(list(folder.glob(pattern))):,}") for name, pattern in made.items()),
        ("report", report),
    ]


def unfinished_training(path: Path) -> Lines:
    """Describe the checkpoint from which a training goes on.

    Raises:
        TTOError: the file is damaged, or holds no training.
    """
    folder = path.parent if path.name == CHECKPOINT else path
    state = load_checkpoint(folder)
    if not isinstance(state, dict) or "update" not in state:
        raise TTOError(
            f"{folder / CHECKPOINT}: expected the checkpoint of a training, got other content; "
            "remove it to train from the beginning"
        )
    return [
        ("checkpoint", "of an unfinished training; the same command goes on from it"),
        ("update", str(state["update"])),
        ("holds", ", ".join(map(str, state))),
        ("size", f"{(folder / CHECKPOINT).stat().st_size / 1e6:,.1f} MB"),
    ]


def arrays(path: Path) -> Lines:
    """Describe an HDF5 file of the analysis by its arrays and attributes."""
    with read_hdf5(path, expected="a whole HDF5 file", remedy="make it again") as file:
        shapes = [(name, str(getattr(file[name], "shape", "a group"))) for name in sorted(file)]
        attributes = [(str(name), f"{value!s:.60}") for name, value in file.attrs.items()]
    return [("file", f"{path.name}, HDF5"), *attributes, *shapes]


def text(path: Path) -> Lines:
    """Describe a table, a config or another text file by its size and what it begins with."""
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix in (".csv", ".tsv"):
            rows = csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t")
            columns = next(rows, [])
            parts = [("rows", f"{sum(1 for _ in rows):,}"), ("columns", ", ".join(columns))]
        else:
            content = file.read()
            parts = [("lines", f"{content.count(chr(10)):,}"), *_keys(path, content)]
    return [("file", path.name), *parts, ("size", f"{path.stat().st_size / 1e6:,.3f} MB")]


def _keys(path: Path, content: str) -> Lines:
    """Keys of a JSON or YAML file; none of other text."""
    read = {".json": json.loads, ".yaml": yaml.safe_load, ".yml": yaml.safe_load}.get(path.suffix)
    found = read(content) if read else None
    return [("keys", ", ".join(map(str, found)))] if isinstance(found, dict) else []
