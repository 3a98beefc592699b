"""Weights of other implementations by our names.

Three layouts hold the same network as ours under other names: the official code's, that of its port
in `transformers` 4.35.2 (`TrajectoryTransformerModel`), and that of the public re-implementation
that caches attention inputs. In all of them head i reads position i of a transition and predicts
what follows; here head i predicts dimension i. This file knows tensors only: no files, no bins.

Letters: D tokens a transition, V bins, C channels, P positions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tto.errors import TTOError
from tto.model.transformer import ModelConfig, TrajectoryTransformer

KINDS = ("weight", "bias")


@dataclass(frozen=True)
class Layout:
    """Names in one implementation's state.

    Attributes:
        block: name inside a block, by ours.
        attention: names of the query, key and value layers of a block, or the one of all three.
        norm: of the last layer norm.
        mask: of a block's buffer that says what may be attended to; `masked` stands where not.
    """

    name: str
    block: Mapping[str, str]
    attention: tuple[str, ...]
    norm: str
    mask: str
    masked: int


OFFICIAL = Layout(
    name="official",
    block={
        "attention_norm": "ln1",
        "mlp_norm": "ln2",
        "attention_out": "attn.proj",
        "mlp_in": "mlp.0",
        "mlp_out": "mlp.2",
    },
    attention=("attn.query", "attn.key", "attn.value"),
    norm="ln_f",
    mask="attn.mask",
    masked=0,
)
PORT = Layout(
    name="transformers",
    block={**OFFICIAL.block, "mlp_in": "l1", "mlp_out": "l2"},
    attention=OFFICIAL.attention,
    norm="ln_f",
    mask="attn.mask",
    masked=0,
)
CACHED = Layout(
    name="cached",
    block={
        "attention_norm": "norm1",
        "mlp_norm": "norm2",
        "attention_out": "attention.out_proj",
        "mlp_in": "mlp.0",
        "mlp_out": "mlp.2",
    },
    attention=("attention.in_proj",),
    norm="norm",
    mask="attn_mask",
    masked=1,
)
LAYOUTS = (OFFICIAL, PORT, CACHED)


def layout_of(tensors: Mapping[str, Tensor]) -> Layout:
    """Which layout a state has, by its first block's names.

    Raises:
        TTOError: none of the three, or a goal-conditioned model of the official code.
    """
    if "goal_emb.weight" in tensors:
        raise TTOError(
            "weights: expected a model without goals, got the official code's ConditionalGPT, "
            "which embeds them apart; import one that was trained without"
        )
    for layout in LAYOUTS:
        first = f"blocks.0.{layout.block['mlp_in']}.weight"
        norm = f"blocks.0.{layout.block['mlp_norm']}.weight"
        if first in tensors and norm in tensors:
            return layout
    some = ", ".join(sorted(tensors)[:4])
    raise TTOError(
        f"weights: expected names as in {', '.join(layout.name for layout in LAYOUTS)} models, got "
        f"{some or 'none'}, ...; name the file that holds the model's state"
    )


def config_of(
    tensors: Mapping[str, Tensor],
    layout: Layout,
    *,
    observation_dim: int,
    action_dim: int,
    heads: int,
    dropout: float = 0.1,
) -> ModelConfig:
    """Our config for a state; what shapes do not say is given.

    A block of T transitions less one token, as the official code has it, counts as T.

    Raises:
        TTOError: shapes that do not fit together or the dimensions.
    """
    output, rows = _tensor(tensors, "head.weight"), len(_tensor(tensors, "tok_emb.weight"))
    positions = _tensor(tensors, "pos_emb").shape[-2]
    D = observation_dim + action_dim + 2
    logits, width = output.shape[-2:]
    stop = int(rows == D * (logits - 1) + 1)
    if rows != D * (logits - stop) + stop or (output.ndim == 3 and len(output) != D):
        raise TTOError(
            f"weights: expected heads and an embedding of D = {observation_dim} + {action_dim} + 2 "
            f"= {D} dimensions, got {tuple(output.shape)} and {rows} rows; name the environment "
            "that the model was trained in"
        )
    transitions = (positions + 1) // D
    if transitions < 1:
        raise TTOError(
            f"weights: expected a block of whole transitions of {D} tokens, got {positions} "
            "positions; such a model cannot be imported"
        )
    return ModelConfig(
        observation_dim=observation_dim,
        action_dim=action_dim,
        vocabulary=logits - stop,
        layers=_layers(tensors),
        heads=heads,
        width=width,
        dropout=dropout,
        dropout_at="gpt",
        output="per_dimension" if output.ndim == 3 else "shared",
        attend_values=_attends_values(tensors, layout, D),
        position="learned",
        block_tokens=transitions * D,
        max_transitions=transitions,
        stop_token=bool(stop),
    )


def from_layout(
    tensors: Mapping[str, Tensor], layout: Layout, config: ModelConfig
) -> TrajectoryTransformer:
    """Our network with the weights of a state, in evaluation mode.

    Where the state lacks the block's last position, which the official code never feeds, it gets
    the vector of the same place one transition earlier; nothing but what follows a full block
    depends on it.

    Raises:
        TTOError: a tensor is missing, of another shape, not finite, or not known.
    """
    left = {name: tensor for name, tensor in tensors.items() if not name.endswith(layout.mask)}
    ours: dict[str, Tensor] = {}
    for kind in KINDS:
        for b in range(config.layers):
            block = f"blocks.{b}"
            for name, theirs in layout.block.items():
                ours[f"{block}.{name}.{kind}"] = _take(left, f"{block}.{theirs}.{kind}")
            joint = len(layout.attention) == 1  # torch's joint layer has an underscore there
            dot = "_" if joint else "."
            parts = [_take(left, f"{block}.{theirs}{dot}{kind}") for theirs in layout.attention]
            ours[f"{block}.attention_in.{kind}"] = torch.cat(parts)
        ours[f"output_norm.{kind}"] = _take(left, f"{layout.norm}.{kind}")
    ours["token_embedding.weight"] = _take(left, "tok_emb.weight")
    positions = _take(left, "pos_emb").flatten(0, -2)
    ours["position_embedding.weight"] = _whole_transitions(positions, config)
    output = _take(left, "head.weight")
    ours["output"] = output.roll(1, dims=0) if output.ndim == 3 else output[None]
    if "head.bias" in left:
        _fold_bias(ours, left.pop("head.bias"))
    if left:
        raise TTOError(f"weights: expected the {layout.name} layout, got also {sorted(left)[:4]}")
    return _network(ours, config)


def _network(state: dict[str, Tensor], config: ModelConfig) -> TrajectoryTransformer:
    network = TrajectoryTransformer(config)
    for name, parameter in network.state_dict().items():
        if state[name].shape != parameter.shape:
            raise TTOError(
                f"weights: expected {name} of shape {tuple(parameter.shape)}, got "
                f"{tuple(state[name].shape)}; check the sizes that were given"
            )
        if not state[name].isfinite().all():
            raise TTOError(f"weights: expected finite numbers, got NaN or infinity in {name}")
    network.load_state_dict(state)
    return network.eval()


def _whole_transitions(positions: Tensor, config: ModelConfig) -> Tensor:
    """The block's positions; see `from_layout` for the one that may be missing."""
    missing = config.block_size - len(positions)
    if missing <= 0:
        return positions[: config.block_size]
    before = len(positions) - config.transition_dim
    last = positions[before : before + 1] if before >= 0 else torch.zeros_like(positions[:1])
    return torch.cat([positions, last])


def _fold_bias(state: dict[str, Tensor], bias: Tensor) -> None:
    """Let the last norm and the output layer W add `bias` to the logits; ours has none of its own.

    A normalised vector z sums to zero, so adding k_v / g to row v of W changes g z + b by
    k_v * sum(b / g) alone. With b' = b + t g, where t makes that sum C, rows and bias fit.
    """
    g, b = state["output_norm.weight"].double(), state["output_norm.bias"].double()
    if (g == 0).any():
        raise TTOError("weights: expected a last layer norm without zeros, got some; train it on")
    weight = state["output"].double()
    t = 1 - (b / g).mean()
    k = (bias.double() - t * (weight @ g)) / len(g)
    state["output_norm.bias"] = (b + t * g).float()
    state["output"] = (weight + k[..., None] / g).float()


def _attends_values(tensors: Mapping[str, Tensor], layout: Layout, D: int) -> bool:
    """Whether a later token may attend to the first reward-to-go; without a stored mask, no."""
    mask = tensors.get(f"blocks.0.{layout.mask}")
    if mask is None or mask.shape[-1] <= D:
        return False
    return int(mask.reshape(mask.shape[-2:])[D, D - 1]) != layout.masked


def _layers(tensors: Mapping[str, Tensor]) -> int:
    return 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks."))


def _tensor(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in tensors:
        raise TTOError(f"weights: expected the tensor {name}, found none; is the file whole?")
    return tensors[name]


def _take(tensors: dict[str, Tensor], name: str) -> Tensor:
    tensor = _tensor(tensors, name).float()
    del tensors[name]
    return tensor
