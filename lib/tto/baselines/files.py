"""Folders of trained baselines: safetensors, JSON and a table of losses, without pickle."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from torch import Tensor, nn

from tto.errors import TTOError, one_line
from tto.files import StrPath, atomic_path
from tto.model.weights_file import read_config, read_weights, write_weights

FORMAT_VERSION = 1

Network = TypeVar("Network", bound=nn.Module)


def write_baseline(
    folder: Path,
    network: nn.Module,
    *,
    config: Mapping[str, Any],
    metrics: Sequence[Mapping[str, float | int]],
) -> None:
    """Write metrics.csv, config.json and, last, model.safetensors into `folder`.

    A loss that a row of metrics does not have is an empty cell.
    """
    stored = {"format_version": FORMAT_VERSION, **config}
    with atomic_path(folder / "metrics.csv") as path, open(path, "w", newline="") as table:
        columns = list(dict.fromkeys(name for row in metrics for name in row))
        writer = csv.DictWriter(table, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(metrics)
    tensors = {key: value.cpu() for key, value in network.state_dict().items()}
    write_weights(folder, tensors, stored)


def read_baseline(
    folder: StrPath,
    build: Callable[[dict[str, Any], dict[str, Tensor]], Network],
    *,
    what: str,
    kind: str,
) -> Network:
    """Read the network in a folder that `write_baseline` wrote.

    Args:
        build: makes a network of the right sizes from the config and the weights, which are loaded
            into it afterwards.
        what, kind: names of the baseline in errors, such as "an ensemble" and "ensemble".

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """
    folder = Path(folder)
    try:
        config = read_config(folder)
        version = config["format_version"]
        weights = read_weights(folder, config)
        network = build(config, weights)
        network.load_state_dict(weights)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise TTOError(
            f"{folder}: expected model.safetensors and config.json of {what}, got "
            f"{type(error).__name__} ({one_line(error)}); train it again"
        ) from error
    if version != FORMAT_VERSION:
        raise TTOError(
            f"{folder}: expected {kind} format version {FORMAT_VERSION}, got {version}; train it "
            "again"
        )
    return network
