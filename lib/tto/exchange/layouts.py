"""Conversion of other implementations' weights to ours.

Three layouts hold the same network as ours under other names: that of the official code, that of
its port in `transformers` 4.35.2 (`TrajectoryTransformerModel`), and that of the public
re-implementation that caches attention inputs. In all of them head i reads position i of a
transition and predicts the next token; in ours head i predicts dimension i. This module only
handles tensors, no files and no bins.

Letters: D tokens a transition, V bins, C channels, P positions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tto.errors import TTOError
from tto.model.transformer import ModelConfig, TrajectoryTransformer, network_of

KINDS = ("weight", "bias")


@dataclass(frozen=True)
class Layout:
    """Names in one implementation's state.

    Attributes:
        name: name of the layout.
        block: names inside a block, keyed by our names.
        attention: names of the query, key and value layers of a block, or of one joint layer.
        norm: name of the last layer norm.
        mask: name of a block's attention mask.
        masked: value in that mask where attention is forbidden.
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
    """Recognise the layout of a state dict by the names of the tensors in its first layer.

    Raises:
        TTOError: the names match no known layout, or the model is goal-conditioned.
    """
    if "goal_emb.weight" in tensors:
        raise TTOError(
            "weights: expected a model without goals, got the official code's ConditionalGPT, "
            "which embeds goals separately; import a model that was trained without goals"
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
    """Our config for a state, from its shapes and from the arguments.

    A block of T transitions less one token, as in the official code, counts as T transitions.

    Raises:
        TTOError: shapes that do not fit the dimensions or one another.
    """
    output = _tensor(tensors, "head.weight", axes=(2, 3))
    rows = len(_tensor(tensors, "tok_emb.weight", axes=(2,)))
    positions = _tensor(tensors, "pos_emb", axes=(2, 3)).shape[-2]
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
        # weights that are all 0 are no trained stop token (`tto.exchange.port`)
        stop_token=bool(stop) and bool(output[..., -1, :].any()),
    )


def from_layout(
    tensors: Mapping[str, Tensor], layout: Layout, config: ModelConfig
) -> TrajectoryTransformer:
    """Make our network with the weights of a state, in evaluation mode.

    The official code never uses the block's last position. If the state lacks it, it gets the
    vector of the same dimension one transition earlier; only the prediction of the token after a
    full block depends on it.

    Raises:
        TTOError: a tensor is missing, unknown, of another shape or not finite.
    """
    left = {name: tensor for name, tensor in tensors.items() if not name.endswith(layout.mask)}
    ours: dict[str, Tensor] = {}
    for kind in KINDS:
        for b in range(config.layers):
            block = f"blocks.{b}"
            for name, theirs in layout.block.items():
                ours[f"{block}.{name}.{kind}"] = _take(left, f"{block}.{theirs}.{kind}")
            # the parameters of torch's joint layer are in_proj_weight and in_proj_bias
            dot = "_" if len(layout.attention) == 1 else "."
            parts = [_take(left, f"{block}.{theirs}{dot}{kind}") for theirs in layout.attention]
            ours[f"{block}.attention_in.{kind}"] = torch.cat(parts)
        ours[f"output_norm.{kind}"] = _take(left, f"{layout.norm}.{kind}")
    ours["token_embedding.weight"] = _take(left, "tok_emb.weight")
    positions = _take(left, "pos_emb").flatten(0, -2)
    ours["position_embedding.weight"] = _whole_transitions(positions, config)
    output = _take(left, "head.weight")
    ours["output"] = output.roll(1, dims=0) if output.ndim == 3 else output[None]
    bias = left.pop("head.bias", None)
    if not config.stop_token and ours["output"].shape[1] > config.vocabulary:
        for name in ("output", "token_embedding.weight"):
            ours[name] = ours[name][..., :-1, :]
        bias = bias if bias is None else bias[..., :-1]
    if bias is not None:
        _fold_bias(ours, bias)
    if left:
        raise TTOError(f"weights: expected the {layout.name} layout, got also {sorted(left)[:4]}")
    return _network(ours, config)


def _network(state: dict[str, Tensor], config: ModelConfig) -> TrajectoryTransformer:
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise TTOError(f"weights: expected finite numbers, got NaN or infinity in {name}")
    return network_of(config, state).eval()


def _whole_transitions(
    positions: Float[Tensor, "P C"], config: ModelConfig
) -> Float[Tensor, "block C"]:
    """The block's positions; the last one may be missing (see `from_layout`)."""
    missing = config.block_size - len(positions)
    if missing <= 0:
        return positions[: config.block_size]
    before = len(positions) - config.transition_dim
    last = positions[before : before + 1] if before >= 0 else torch.zeros_like(positions[:1])
    return torch.cat([positions, last])


def _fold_bias(state: dict[str, Tensor], bias: Tensor) -> None:
    """Change the last norm and the output layer so that they add `bias` to the logits.

    Our output layer W has no bias. The last norm has gains g, biases b and normalised inputs z. As
    z sums to zero, adding k_v / g to row v of W changes the logit W_v (g z + b) by k_v sum(b / g)
    only. With b' = b + t g and t such that sum(b' / g) = C, k_v can be chosen to add the bias.
    """
    g, b = state["output_norm.weight"].double(), state["output_norm.bias"].double()
    if (g == 0).any():
        raise TTOError(
            "weights: expected a last layer norm without zeros, got some; train the model further"
        )
    weight = state["output"].double()
    t = 1 - (b / g).mean()
    k = (bias.double() - t * (weight @ g)) / len(g)
    state["output_norm.bias"] = (b + t * g).float()
    state["output"] = (weight + k[..., None] / g).float()


def _attends_values(tensors: Mapping[str, Tensor], layout: Layout, D: int) -> bool:
    """Whether later tokens may attend to the first reward-to-go; False without a stored mask."""
    mask = tensors.get(f"blocks.0.{layout.mask}")
    if mask is None or mask.shape[-1] <= D:
        return False
    return int(mask.reshape(mask.shape[-2:])[D, D - 1]) != layout.masked


def _layers(tensors: Mapping[str, Tensor]) -> int:
    return len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})


def _tensor(tensors: Mapping[str, Tensor], name: str, *, axes: Sequence[int] = ()) -> Tensor:
    """The tensor of a name, which has one of these numbers of axes if any are given."""
    if name not in tensors:
        raise TTOError(f"weights: expected the tensor {name}, found none; is the file whole?")
    if axes and tensors[name].ndim not in axes:
        raise TTOError(
            f"weights: expected {name} of {' or '.join(map(str, axes))} axes, got shape "
            f"{tuple(tensors[name].shape)}; is the file another model's?"
        )
    return tensors[name]


def _take(tensors: dict[str, Tensor], name: str) -> Tensor:
    tensor = _tensor(tensors, name).float()
    del tensors[name]
    return tensor
