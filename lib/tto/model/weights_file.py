"""Weights as safetensors, and a config.json beside them that holds their SHA-256.

A bit that flips on a disk or on the way to another machine changes a weight and nothing that could
be seen; the digest tells.
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
_DIGEST = "weights_sha256"


def write_weights(folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """Write both files, whole or not at all; the weights appear last."""
    with atomic_path(folder / WEIGHTS) as weights:
        content = save(dict(tensors))
        weights.write_bytes(content)  # safetensors' own writer hides the system's error
        stored = {**config, _DIGEST: hashlib.sha256(content).hexdigest()}
        with atomic_path(folder / CONFIG) as path:
            path.write_text(json.dumps(stored, indent=2) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """What stands in config.json.

    Raises:
        OSError, ValueError: it is not there, or no JSON.
    """
    return json.loads((folder / CONFIG).read_text())


def read_weights(folder: Path, config: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors, checked against the digest in `config`; older folders have none.

    Raises:
        OSError, SafetensorError: the file is not there, or cut off.
        TTOError: it is not the file that was written.
    """
    content = (folder / WEIGHTS).read_bytes()
    expected, got = config.get(_DIGEST), hashlib.sha256(content).hexdigest()
    if expected not in (None, got):
        raise TTOError(
            f"{folder / WEIGHTS}: expected content of SHA-256 {expected:.12}..., as config.json "
            f"says, got {got:.12}...; damaged or another model: copy both again, or train it again"
        )
    return load(content)
