"""Weights as safetensors, with a config.json beside them; each file holds the other's SHA-256.

The digests reveal bits that flip on a disk or in a copy, which would silently change a weight or a
setting: `weights_sha256` in config.json, and `config_sha256`, of all other entries of config.json,
in the metadata of the weights. Files from before a digest was stored are read unchecked.

NaN or infinite weights are neither written nor read.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from tto.errors import TTOError
from tto.files import atomic_path

WEIGHTS, CONFIG = "model.safetensors", "config.json"
_DIGEST, _CONFIG_DIGEST = "weights_sha256", "config_sha256"
_LARGEST_CONFIG = 2**24  # bytes; ours have a thousand
_BOUNDS = ("action_low", "action_high")  # infinite where an action space has no bounds


def write_weights(folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """Write both files, completely or not at all; the weights appear last.

    Raises:
        TTOError: a weight is NaN or infinite.
    """
    _check_finite(tensors, folder, "the training diverged: lower its learning rate, train again")
    with atomic_path(folder / WEIGHTS) as weights:
        # safetensors' own writer hides errors of the system
        content = save(dict(tensors), metadata={_CONFIG_DIGEST: _config_digest(config)})
        weights.write_bytes(content)
        stored = {**config, _DIGEST: hashlib.sha256(content).hexdigest()}
        with atomic_path(folder / CONFIG) as path:
            path.write_text(json.dumps(stored, indent=2) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json. It may be damaged: `read_weights` compares it with its digest.

    Raises:
        OSError: the file is missing.
        ValueError: the file is not JSON, or no mapping.
    """
    path = folder / CONFIG
    _check_file(path)
    if path.stat().st_size > _LARGEST_CONFIG:
        raise ValueError(f"{CONFIG} has more than {_LARGEST_CONFIG} bytes")
    try:
        config = json.loads(path.read_text())
    except RecursionError as error:
        raise ValueError(f"{CONFIG} is nested too deeply") from error
    if not isinstance(config, dict):
        raise ValueError(f"{CONFIG} holds no mapping")
    return config


def read_weights(folder: Path, config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Read the tensors; check them and `config` against the digests in both files.

    Raises:
        OSError: the file is missing.
        SafetensorError: the file is cut off.
        TTOError: a file is not the one that was written, or a weight is NaN or infinite.
    """
    path = folder / WEIGHTS
    _check_file(path)
    content = path.read_bytes()
    expected, got = config.get(_DIGEST), hashlib.sha256(content).hexdigest()
    if expected not in (None, got):
        raise TTOError(
            f"{path}: expected content of SHA-256 {expected!s:.12}..., as config.json "
            f"says, got {got:.12}...; the file is damaged or from another model: copy both files "
            "again, or train it again"
        )
    tensors = load(content)
    expected, got = _metadata(content).get(_CONFIG_DIGEST), _config_digest(config)
    if expected not in (None, got):
        raise TTOError(
            f"{folder / CONFIG}: expected entries of SHA-256 {expected!s:.12}..., as {WEIGHTS} "
            f"says, got {got:.12}...; the file is damaged or was changed: copy both files again, "
            "or train it again"
        )
    _check_finite(tensors, folder, "the file is of no use: train it again")
    return tensors


def check_tensors(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Compare names, shapes and types of tensors with those that a config asks for.

    Args:
        found: the tensors of a file.
        expected: the state of a network of the config's sizes, on the device "meta", which takes no
            memory: a config may ask for more than there is.

    Raises:
        TTOError: a tensor is missing, unknown, or of another shape or type.
    """
    for name in sorted(expected.keys() | found.keys()):
        wanted, got = (_words(tensors.get(name)) for tensors in (expected, found))
        if wanted != got:
            raise TTOError(
                f"weights: expected {name if name in expected else f'no {name}'}{wanted}, got"
                f"{got or ' none'}; take config and weights from the same model"
            )


def _words(tensor: Tensor | None) -> str:
    if tensor is None:
        return ""
    return f" of shape {tuple(tensor.shape)} in {str(tensor.dtype).removeprefix('torch.')}"


def _check_file(path: Path) -> None:
    """Refuse what is no file, such as a pipe, which would be read for ever."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path.name}")


def _metadata(content: bytes) -> dict[str, str]:
    """The metadata in the header of a safetensors file that could be read."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return header.get("__metadata__") or {}


def _config_digest(config: Mapping[str, Any]) -> str:
    """SHA-256 of all entries but the weights' digest, in whatever order and layout."""
    others = {name: value for name, value in config.items() if name != _DIGEST}
    plain = json.loads(json.dumps(others))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _check_finite(tensors: Mapping[str, Tensor], folder: Path, remedy: str) -> None:
    for name, tensor in tensors.items():
        wrong = tensor.isnan() if name in _BOUNDS else ~tensor.isfinite()
        if wrong.any():
            raise TTOError(
                f"{folder}: expected finite weights, got NaN or infinity in {name}; {remedy}"
            )
