"""Export of our models, in the layout of the port in `transformers` 4.35.2 or in our own.

The exported folder suits the Hugging Face hub. It holds `model.safetensors`, `config.json`, a model
card `README.md` and the bins' edges, without which tokens have no meaning.
`tto.exchange.pretrained` reads it.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file

from tto.errors import TTOError
from tto.exchange.port import port_sizes, to_port
from tto.exchange.pretrained import BINS_FILE
from tto.files import StrPath, atomic_path
from tto.model.trained import TrainedModel, save

ExportLayout = Literal["transformers", "tto"]

_CARD = """---
library_name: {library}
pipeline_tag: reinforcement-learning
tags:
- reinforcement-learning
- offline-rl
- trajectory-transformer
---

# Trajectory Transformer, {dataset}

A Trajectory Transformer ([arXiv:2106.02039](https://arxiv.org/abs/2106.02039)) for `{env}`, trained
on `{dataset}`. It predicts trajectories token by token; beam search with it plans actions.

| | |
|---|---|
| a transition | {D} tokens: {O} of the observation, {A} of the action, reward, reward-to-go |
| bins | {V} a dimension, {kind}; edges in `{bins}` |
| reward-to-go | discount {discount}, {includes} its own reward |
| network | {layers} layers, {heads} heads, width {width}, {parameters:,} parameters |
| block | {transitions} transitions ({tokens} tokens){goal} |

## Use

{use}

The token of a number x in dimension i is the number of its bin, 0 to {last}: the largest v with
`edges[i, v] <= x`. Evaluate the model to see how well it plans. Scores on data that was collected
locally are not comparable with scores on D4RL's data.
"""
_USE_TRANSFORMERS = """With `transformers==4.35.2` (later versions lack the model), uncached:

```python
from safetensors.numpy import load_file
from transformers import TrajectoryTransformerModel

model = TrajectoryTransformerModel.from_pretrained("FOLDER").eval()
edges = load_file("FOLDER/{bins}")["edges"]  # (D, V + 1)
logits = model(tokens, use_cache=False, return_dict=True).logits[:, :, :{V}]
```

Logit {V} belongs to the stop token{stop}. To plan with it, import it into
[this reproduction](https://arxiv.org/abs/2106.02039): `tto import FOLDER MODEL`, then
`tto play MODEL`."""
_USE_TTO = """```python
import tto

controller = tto.Controller(tto.load("FOLDER"){goal}, beam_width=32, horizon=5, context=5)
action = controller.act(observation)
controller.observe(action, reward)
```

or `tto play FOLDER --video out.mp4`."""


def export_model(
    model: TrainedModel, folder: StrPath, *, layout: ExportLayout = "transformers"
) -> None:
    """Write a folder for the Hugging Face hub, completely or not at all.

    Args:
        layout: "transformers" for the port in `transformers`, or "tto" for `tto.load`.

    Raises:
        TTOError: an unknown layout, or a model that the port cannot represent.
    """
    if layout not in ("transformers", "tto"):
        raise TTOError(f"export: expected the layout transformers or tto, got {layout!r}")
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        if layout == "tto":
            save(temporary, model, extra={})
        else:
            _write_port(temporary, model)
        (temporary / "README.md").write_text(model_card(model, layout=layout))


def model_card(model: TrainedModel, *, layout: ExportLayout) -> str:
    """The README of an exported model: its sizes and how to use it."""
    config, tokens = model.config, model.tokens
    stop = "" if config.stop_token else ", which this model was trained without: ignore it"
    goal = ', objective="goal", goal=goal' if config.goal else ""
    use = _USE_TRANSFORMERS if layout == "transformers" else _USE_TTO
    bins = BINS_FILE if layout == "transformers" else "model.safetensors (discretizer.edges)"
    return _CARD.format(
        library="transformers" if layout == "transformers" else "tto",
        dataset=tokens.dataset,
        env=tokens.env,
        D=config.transition_dim,
        O=config.observation_dim,
        A=config.action_dim,
        V=model.discretizer.vocabulary,
        kind=tokens.discretizer,
        bins=bins,
        discount=tokens.discount,
        includes="including" if tokens.to_go_includes_reward else "without",
        layers=config.layers,
        heads=config.heads,
        width=config.width,
        parameters=sum(parameter.numel() for parameter in model.network.parameters()),
        transitions=config.block_transitions,
        tokens=config.block_size,
        goal="; the first is the goal's" if config.goal else "",
        last=model.discretizer.vocabulary - 1,
        use=use.format(bins=bins, V=config.vocabulary, stop=stop, goal=goal),
    )


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
