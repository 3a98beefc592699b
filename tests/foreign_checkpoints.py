"""Write checkpoints in the layouts of other implementations.

All functions take `state`, the weights by the names of the port in `transformers`
(`tto.exchange.port.to_port`), and `config`, the sizes of the model.
"""

import contextlib
import json
import pickle
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from tto.exchange.port import port_sizes
from tto.model.transformer import ModelConfig

State = Mapping[str, Tensor]
_MODULES = ("", ".utils", ".utils.config", ".utils.discretization", ".models", ".datasets")


@contextlib.contextmanager
def foreign_classes() -> Iterator[Callable[[str, str], type]]:
    """Yield a function that defines classes in modules of foreign code, for pickling."""
    modules = {f"trajectory{name}": types.ModuleType(f"trajectory{name}") for name in _MODULES}

    def define(module: str, name: str) -> type:
        made = type(name, (), {"__module__": module})
        setattr(modules[module], name, made)
        return made

    with mock.patch.dict(sys.modules, modules):
        yield define


def write_port(folder: Path, state: State, config: ModelConfig, *, safe: bool = True) -> None:
    """Write a checkpoint like `save_pretrained`, with safetensors or in torch's own format."""
    folder.mkdir(parents=True)
    stored = {"model_type": "trajectory_transformer", **port_sizes(config)}
    (folder / "config.json").write_text(json.dumps(stored))
    if safe:
        save_file(dict(state), folder / "model.safetensors", metadata={"format": "pt"})
    else:
        torch.save(dict(state), folder / "pytorch_model.bin")


def write_official(folder: Path, state: State, config: ModelConfig) -> None:
    """Write a checkpoint like the official code: pickled configs, and states by epoch."""
    folder.mkdir(parents=True)
    state = {
        name.replace("l1.", "mlp.0.").replace("l2.", "mlp.2."): tensor
        for name, tensor in state.items()
    }
    state["pos_emb"] = state["pos_emb"][:, :-1]
    torch.save({name: torch.zeros_like(t) for name, t in state.items()}, folder / "state_9.pt")
    torch.save(state, folder / "state_19.pt")
    sizes = {k: v for k, v in port_sizes(config).items() if k != "max_position_embeddings"}
    settings = {"env": "hopper-medium-v2", "N": config.vocabulary, "penalty": -70}
    with foreign_classes() as define:
        made, gpt = define("trajectory.utils.config", "Config"), define("trajectory.models", "GPT")
        model, data = made(), made()
        model.__dict__.update(_class=gpt, _dict={**sizes, "embd_pdrop": 0.25})
        data.__dict__.update(
            _class=define("trajectory.datasets", "DiscretizedDataset"),
            _dict={**settings, "discount": 0.98},
        )
        for name, value in (("model_config", model), ("data_config", data)):
            (folder / f"{name}.pkl").write_bytes(pickle.dumps(value))


def write_cached(folder: Path, state: State, config: ModelConfig, edges: np.ndarray) -> None:
    """Write a checkpoint like the cached code: config.yaml, model_last.pt and discretizer.pt."""
    folder.mkdir(parents=True)
    V, T, D = config.vocabulary, config.block_transitions, config.transition_dim
    cached = {}
    for name, tensor in state.items():
        new = name.replace("ln_f", "norm").replace(".ln1", ".norm1").replace(".ln2", ".norm2")
        new = new.replace(".l1", ".mlp.0").replace(".l2", ".mlp.2")
        cached[new.replace(".attn.proj", ".attention.out_proj")] = tensor
    mask = ~torch.ones(T * D, T * D).tril().bool()
    mask[:, D - 1 :: D] = True
    for b in range(config.layers):
        for kind in ("weight", "bias"):
            names = [f"blocks.{b}.attn.{name}.{kind}" for name in ("query", "key", "value")]
            joint = torch.cat([cached.pop(name) for name in names])
            cached[f"blocks.{b}.attention.in_proj_{kind}"] = joint
        cached[f"blocks.{b}.attn_mask"] = mask
    cached["tok_emb.weight"] = cached["tok_emb.weight"][:-1]
    cached["head.weight"] = cached["head.weight"][:, :V]
    torch.save(cached, folder / "model_last.pt")
    centers = (edges[:, 1:] + edges[:, :-1]) / 2
    with foreign_classes() as define:
        bins = define("trajectory.utils.discretization", "KBinsDiscretizer")()
        bins.__dict__.update(
            strategy="quantile",
            n_bins=V,
            feature_dim=D,
            bin_edges=edges,
            bin_centers=centers,
            bin_centers_torch=torch.from_numpy(centers),
        )
        torch.save(bins, folder / "discretizer.pt")
    O, A = config.observation_dim, config.action_dim
    sizes = {"vocab_size": V, "transition_dim": D, "observation_dim": O, "action_dim": A}
    sizes |= {"seq_len": T * D, "embedding_dim": config.width}
    sizes |= {"num_layers": config.layers, "num_heads": config.heads}
    data = {"env_name": "hopper-medium-v2", "num_bins": V, "discount": 0.97}
    (folder / "config.yaml").write_text(yaml.safe_dump({"dataset": data, "model": sizes}))
