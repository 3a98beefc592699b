"""Import of models from the official code, its port and the cached re-implementation.

Settings are read from the folder's config (JSON, YAML, or a pickle from which only plain values are
taken); settings that are not there must be given. Weights are read from safetensors or by torch's
weights-only loader, so that a checkpoint cannot run code. `tto.exchange.layouts` converts them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from tto.data.environments import env_dimensions, robot_of, split_module
from tto.errors import TTOError, one_line
from tto.exchange.foreign_bins import read_bins
from tto.exchange.layouts import CACHED, Layout, config_of, from_layout, layout_of
from tto.files import StrPath, check_is_no_pointer
from tto.model.trained import TrainedModel, is_model, load
from tto.model.weights_file import read_config
from tto.plain_pickle import read_config_pickle
from tto.tokens.token_file import TokenAttributes

BINS_FILE = "discretizer.safetensors"
_BINS = (BINS_FILE, "discretizer.pt", "discretizer.npz", "discretizer.npy")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model_last.pt")
_NUMBERED = re.compile(r"(?:state|model)_(\d+)\.pt")
# Simulators of D4RL's v2 data, by the robot's name in the dataset's name.
_ENVIRONMENTS = {
    robot_of(env): env for env in ("Hopper-v4", "HalfCheetah-v4", "Walker2d-v4", "Ant-v4")
}
_OFFICIAL_PENALTY = -100.0


@dataclass(frozen=True)
class ImportSettings:
    """Settings that replace those in the checkpoint's folder; None keeps the folder's setting.

    Attributes:
        env: environment that the model acts in; it determines the dimensions.
        dataset: dataset that the model was trained on.
        heads: number of attention heads, which cannot be inferred from shapes.
        discount: discount of the reward-to-go.
    """

    env: str | None = None
    dataset: str | None = None
    heads: int | None = None
    discount: float | None = None


@dataclass(frozen=True)
class Source:
    """A checkpoint as it was found: weights, settings and bins.

    Attributes:
        path: file of the weights.
        tensors: weights under their original names.
        layout: layout of these names.
        known: settings in the config, by our names.
        bins: file with the edges of the bins, or None if there is none.
        ours: attributes of the tokens and whether sequences begin with goals, if our own export
            wrote the folder; else empty.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    layout: Layout
    known: dict[str, Any]
    bins: Path | None
    ours: dict[str, Any] = field(default_factory=dict)


def import_model(
    source: StrPath,
    *,
    bins: StrPath | None = None,
    given: ImportSettings | None = None,
) -> TrainedModel:
    """Make a model for planning from a checkpoint of another implementation.

    Args:
        source: folder of the checkpoint, or the file with the weights in such a folder.
        bins: file or folder with the edges of the bins if they are not beside the weights
            (`tto.exchange.foreign_bins`).
        given: settings that replace those in the folder.

    Raises:
        TTOError: a file or a setting is missing or does not fit, a file is of an unknown kind, or
            settings are given for a model of this library.
    """
    ours = Path(source) if Path(source).is_dir() else Path(source).parent
    given = given or ImportSettings()
    if is_model(ours):
        named = [name for name, value in vars(given).items() if value is not None]
        if named := [*named, *(["bins"] if bins is not None else [])]:
            raise TTOError(
                f"{ours}: expected no {', '.join(named)} for a model of this library, whose files "
                "state all of it; leave that out"
            )
        return load(ours)  # a model of ours, or its export with --layout tto
    found = read_source(source)
    try:
        return _converted(found, given, bins)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise TTOError(
            f"{found.path}: expected weights and settings of a whole checkpoint, got others "
            f"({type(error).__name__}: {one_line(error)}); download it again"
        ) from error


def _converted(found: Source, given: ImportSettings, bins: StrPath | None) -> TrainedModel:
    meaning = found.ours.get("tokens") or _meaning(found, given)
    config = config_of(
        found.tensors,
        found.layout,
        observation_dim=meaning["observation_dim"],
        action_dim=meaning["action_dim"],
        heads=_heads(found, given),
        dropout=found.known.get("dropout", 0.1),
    )
    if bins is None and found.bins is None:
        raise TTOError(
            f"{found.path}: expected the bins that the model was trained with, found none beside "
            "it; give their edges (.npy, .npz, .h5) or the dataset by --bins"
        )
    attributes = TokenAttributes(
        **{"vocabulary": config.vocabulary, "discretizer": "quantile", **meaning}
    )
    discretizer = read_bins(bins or found.bins or "", attributes)
    if found.ours:
        config = replace(config, goal=found.ours.get("goal"))
        discretizer = replace(discretizer, kind=attributes.discretizer)
    else:
        attributes = replace(attributes, discretizer=discretizer.kind)
    network = from_layout(found.tensors, found.layout, config)
    return TrainedModel(network, discretizer, attributes)


def read_source(source: StrPath) -> Source:
    """Read weights and settings of a checkpoint without converting them.

    Raises:
        TTOError: there is no checkpoint, or it cannot be read without running code.
    """
    weights = _weights_file(Path(source))
    tensors, folder = _read_weights(weights), weights.parent
    bins = next((folder / name for name in _BINS if (folder / name).is_file()), None)
    known, ours = _read_settings(folder)
    return Source(weights, tensors, layout_of(tensors), known, bins, ours)


def _weights_file(source: Path) -> Path:
    if source.is_file():
        return source
    for name in _WEIGHTS:
        if (source / name).is_file():
            return source / name
    files = source.glob("*.pt") if source.is_dir() else ()
    numbered = [(int(match[1]), path) for path in files if (match := _NUMBERED.match(path.name))]
    if not numbered:
        raise TTOError(
            f"{source}: expected a folder with {', '.join(_WEIGHTS)} or state_<epoch>.pt, or one "
            "of these files, found none; name the file"
        )
    return max(numbered)[1]


def _read_weights(path: Path) -> dict[str, Tensor]:
    check_is_no_pointer(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, weights_only=True, map_location="cpu")
    except MemoryError:
        raise
    except Exception as error:  # a foreign file makes torch's reader fail in any way
        raise TTOError(
            f"{path}: expected weights that load without running code, but loading failed "
            f"({one_line(error)}); save the model's state_dict() again"
        ) from error
    if isinstance(state, dict):  # of training frameworks, which store more beside the weights
        state = next((state[key] for key in ("state_dict", "model") if key in state), state)
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(t, Tensor) for name, t in state.items()
    ):
        raise TTOError(
            f"{path}: expected a state of named tensors, got {type(state).__name__}; save the "
            "model's state_dict()"
        )
    return _without_wrappers(state)


def _without_wrappers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove the prefixes that data parallelism and `torch.compile` put before all names."""
    for prefix in ("module.", "_orig_mod.", "module."):  # either may be around the other
        if state and all(str(name).startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _read_settings(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings in the configs of a folder, by our names, and the entries of our own export."""
    raw: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    try:
        if (folder / "config.json").is_file():
            raw = read_config(folder)
            ours = dict(raw.get("tto", {}))
        elif (folder / "config.yaml").is_file():
            stored = yaml.safe_load((folder / "config.yaml").read_text())
            raw = {**stored["dataset"], **stored["model"]}
        for name in ("data_config.pkl", "model_config.pkl"):
            if (folder / name).is_file():
                raw |= read_config_pickle(folder / name)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        yaml.YAMLError,
    ) as error:
        raise TTOError(
            f"{folder}: expected a complete config beside the weights, but reading it failed "
            f"({one_line(error)}); download it again"
        ) from error
    return {name: raw[key] for key, name in _OUR_NAMES.items() if raw.get(key) is not None}, ours


_OUR_NAMES = {
    "n_head": "heads",
    "num_heads": "heads",
    "observation_dim": "observation_dim",
    "action_dim": "action_dim",
    "embd_pdrop": "dropout",
    "embedding_dropout": "dropout",
    "env": "dataset",
    "env_name": "dataset",
    "discount": "discount",
    "penalty": "terminal_penalty",
}


def _meaning(found: Source, given: ImportSettings) -> dict[str, Any]:
    """Attributes of the model's tokens, without `vocabulary` and `discretizer`."""
    dataset = given.dataset or found.known.get("dataset")
    env = given.env or _ENVIRONMENTS.get(str(dataset).split("-")[0].lower())
    if env is None:
        raise TTOError(
            f"{found.path}: expected the environment that the model acts in, found none in a "
            f"config; name it by --env (such as --env {_ENVIRONMENTS['hopper']})"
        )
    O, A = env_dimensions(env)
    stated = found.known.get("observation_dim", O), found.known.get("action_dim", A)
    if stated != (O, A):
        raise TTOError(
            f"{found.path}: expected the {O} + {A} dimensions of {env}, got a model of "
            f"{stated[0]} + {stated[1]}; name its environment by --env"
        )
    penalty = None if found.layout is CACHED else _OFFICIAL_PENALTY
    return {
        "dataset": dataset or "unknown",
        "env": split_module(env)[1],
        "observation_dim": O,
        "action_dim": A,
        "discount": found.known.get("discount", 0.99) if given.discount is None else given.discount,
        "to_go_includes_reward": False,
        "terminal_penalty": found.known.get("terminal_penalty", penalty),
    }


def _heads(found: Source, given: ImportSettings) -> int:
    heads = found.known.get("heads") if given.heads is None else given.heads
    if heads is None:
        raise TTOError(
            f"{found.path}: expected the number of attention heads, which shapes do not determine, "
            "found none in a config; give it by --heads (the official code has 4)"
        )
    return heads
