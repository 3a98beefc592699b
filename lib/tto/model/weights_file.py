"""Weights as safetensors, with a config.json beside them that holds their SHA-256.

The digest reveals bits that flip on a disk or in a copy, which would silently change a weight.
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
    """Write both files, completely or not at all; the weights appear last."""
    with atomic_path(folder / WEIGHTS) as weights:
        content = save(dict(tensors))
        weights.write_bytes(content)  # safetensors' own writer hides errors of the system
        stored = {**config, _DIGEST: hashlib.sha256(content).hexdigest()}
        with atomic_path(folder / CONFIG) as path:
            path.write_text(json.dumps(stored, indent=2) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json.

    Raises:
        OSError: the file is missing.
        ValueError: the file is not JSON.
    """
    return json.loads((folder / CONFIG).read_text())


def read_weights(folder: Path, config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Read the tensors and check them against the digest in `config`.

    Folders from before digests were stored are not checked.

    Raises:
        OSError: the file is missing.
        SafetensorError: the file is cut off.
        TTOError: the file is not the one that was written.
    """
    content = (folder / WEIGHTS).read_bytes()
    expected, got = config.get(_DIGEST), hashlib.sha256(content).hexdigest()
    if expected not in (None, got):
        raise TTOError(
            f"{folder / WEIGHTS}: expected content of SHA-256 {expected:.12}..., as config.json "
            f"says, got {got:.12}...; the file is damaged or from another model: copy both files "
            "again, or train it again"
        )
    return load(content)
