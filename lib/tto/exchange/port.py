"""Conversion of our weights to the port in `transformers` 4.35.2 (`TrajectoryTransformerModel`).

The opposite conversion is in `tto.exchange.layouts`. This module only handles tensors, no files and
no bins.

Letters: D tokens a transition, V bins, C channels.
"""

from typing import Any

import torch
from torch import Tensor

from tto.errors import TTOError
from tto.exchange.layouts import KINDS, PORT
from tto.model.transformer import ModelConfig, TrajectoryTransformer


def to_port(network: TrajectoryTransformer) -> dict[str, Tensor]:
    """The state of a port that has the same logits of the V bins.

    One shared output layer becomes D equal heads, and factored positions become a table of their
    sums. A model without a stop token gets one, whose weights are 0; its logit has no meaning.

    Raises:
        TTOError: the model attends to rewards-to-go or predicts Gaussians; the port does neither.
    """
    config = network.config
    if config.output == "gaussian":
        raise TTOError(
            "export: expected a model that predicts bins, as the port in transformers does, got "
            "model.output: gaussian; export with --layout tto"
        )
    if config.attend_values:
        raise TTOError(
            "export: expected a model that does not attend to past rewards-to-go, as the port in "
            "transformers never does, got model.attend_values: true; export with --layout tto, or "
            "train with attend_values: false (config/official.yaml)"
        )
    D, C = config.transition_dim, config.width
    ours, theirs = network.state_dict(), {}
    for kind in KINDS:
        for b in range(config.layers):
            block = f"blocks.{b}"
            parts = ours[f"{block}.attention_in.{kind}"].chunk(3)
            for name, part in zip(PORT.attention, parts, strict=True):
                theirs[f"{block}.{name}.{kind}"] = part
            for name, their_name in PORT.block.items():
                theirs[f"{block}.{their_name}.{kind}"] = ours[f"{block}.{name}.{kind}"]
        theirs[f"{PORT.norm}.{kind}"] = ours[f"output_norm.{kind}"]
    positions = torch.arange(config.block_size, device=network.output.device)
    table = ours["position_embedding.weight"]
    if network.dimension_embedding is not None:
        table = table[positions // D] + ours["dimension_embedding.weight"][positions % D]
    theirs["pos_emb"] = table[None]
    output, rows = ours["output"].expand(D, -1, -1), ours["token_embedding.weight"]
    if not config.stop_token:
        output = torch.cat([output, output.new_zeros(D, 1, C)], dim=1)
        rows = torch.cat([rows, rows.new_zeros(1, C)])
    theirs["tok_emb.weight"] = rows
    theirs["head.weight"] = output.roll(-1, dims=0)
    return {name: tensor.detach().cpu().clone() for name, tensor in theirs.items()}


def port_sizes(config: ModelConfig) -> dict[str, Any]:
    """Arguments of `TrajectoryTransformerConfig` for a port of a network with `config`."""
    gpt = config.dropout if config.dropout_at == "gpt" else 0.0
    return {
        "vocab_size": config.vocabulary,
        "observation_dim": config.observation_dim,
        "action_dim": config.action_dim,
        "transition_dim": config.transition_dim,
        "block_size": config.block_size,
        "n_layer": config.layers,
        "n_head": config.heads,
        "n_embd": config.width,
        "embd_pdrop": gpt,
        "attn_pdrop": gpt,
        "resid_pdrop": config.dropout,
    }
