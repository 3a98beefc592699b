"""Export of our models, in the layout of the port in `transformers` 4.35.2 or in our own.

The exported folder suits the Hugging Face hub. It holds `model.safetensors`, `config.json`, a model
card `README.md` and the bins' edges, without which tokens have no meaning.
`tto.exchange.pretrained` reads it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tto.errors import TTOError
from tto.exchange.card import ExportLayout, Facts, model_card
from tto.exchange.port import port_sizes, to_port
from tto.exchange.pretrained import BINS_FILE
from tto.files import StrPath, atomic_path
from tto.model.trained import TrainedModel, save


def export_model(
    model: TrainedModel,
    folder: StrPath,
    *,
    layout: ExportLayout | None = None,
    facts: Facts | None = None,
    extra: Mapping[str, Any] | None = None,
) -> ExportLayout:
    """Write a folder for the Hugging Face hub, completely or not at all.

    Args:
        layout: "transformers" for the port in `transformers`, or "tto" for `tto.load`; None takes
            the first one that can represent the model.
        facts: what the card says beside what is in the model.
        extra: further entries of config.json in the layout "tto".

    Returns:
        The layout that was written.

    Raises:
        TTOError: an unknown layout, or a model that the port cannot represent.
    """
    layout = layout or fitting_layout(model)
    if layout not in ("transformers", "tto"):
        raise TTOError(f"export: expected the layout transformers or tto, got {layout!r}")
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        if layout == "tto":
            save(temporary, model, extra=dict(extra or {}))
        else:
            _write_port(temporary, model)
        (temporary / "README.md").write_text(model_card(model, layout=layout, facts=facts))
    return layout


def fitting_layout(model: TrainedModel) -> ExportLayout:
    """The layout of the port if it can represent the model, else our own."""
    config = model.config
    return "tto" if config.output == "gaussian" or config.attend_values else "transformers"


def _write_port(folder: Path, model: TrainedModel) -> None:
    config = {
        "architectures": ["TrajectoryTransformerModel"],
        "model_type": "trajectory_transformer",
        "torch_dtype": "float32",
        **port_sizes(model.config),
        "max_position_embeddings": model.config.block_size,
        "use_cache": False,  # the port's cache restarts the positions
        "tto": {"tokens": asdict(model.tokens), "goal": model.config.goal},
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file(to_port(model.network), folder / "model.safetensors", metadata={"format": "pt"})
    edges = torch.from_numpy(model.discretizer.edges.astype("float64"))
    save_file({"edges": edges}, folder / BINS_FILE)
