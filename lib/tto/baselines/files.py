"""Folders of trained baselines: safetensors, JSON and a table of losses, without pickle."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from tto.errors import TTOError, one_line
from tto.fields import Between, Printable, check_fields
from tto.files import StrPath, atomic_path
from tto.model.weights_file import (
    check_tensors,
    read_config,
    read_weights,
    write_weights,
)

FORMAT_VERSION = 1

Network = TypeVar("Network", bound=nn.Module)
Settings = TypeVar("Settings")


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
            into it afterwards. It is called twice: a first network, without memory, shows whether
            the sizes fit.
        what, kind: names of the baseline in errors, such as "an ensemble" and "ensemble".

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """
    folder = Path(folder)
    try:
        config = read_config(folder)
        version = config.get("format_version")
        if version != FORMAT_VERSION:
            raise TTOError(
                f"{folder}: expected {kind} format version {FORMAT_VERSION}, got {version!r:.80}; "
                "train it again"
            )
        weights = read_weights(folder, config)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise _damaged(folder, what, error) from error
    try:
        Origin(config["env_id"], config["dataset"], config["seed"])
        with torch.device("meta"):
            check_tensors(weights, build(config, weights).state_dict())
        network = build(config, weights)
        network.load_state_dict(weights)
    except (ValueError, KeyError, TypeError, RuntimeError, TTOError) as error:
        raise _damaged(folder, what, error) from error
    return network


@dataclass(frozen=True)
class Origin:
    """What each baseline's config.json says beside its settings.

    Attributes:
        env_id: environment of the dataset.
        dataset: name of the dataset.
        seed: seed of the training.

    Raises:
        TTOError: a value is of another type or out of range.
    """

    env_id: Annotated[str, Printable(without=":")]
    dataset: Annotated[str, Printable()]
    seed: Annotated[int, Between(0, 2**63 - 1)]

    def __post_init__(self) -> None:
        check_fields(self, "config.json")


def settings_in(config: Mapping[str, Any], kind: type[Settings]) -> Settings:
    """The settings of a baseline in its config.json, as a record that checks them.

    Raises:
        TTOError: a value is of another type or out of range.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: config[name] for name in names if name in config})


def _damaged(folder: Path, what: str, error: Exception) -> TTOError:
    return TTOError(
        f"{folder}: expected model.safetensors and config.json of {what}, got "
        f"{type(error).__name__} ({one_line(error)}); train it again"
    )
