"""Weights in each layout give the logits of the port in `transformers`, in both directions."""

import pytest
import torch
from port_reference import port_logits, port_of, randomise

from tto.errors import TTOError
from tto.exchange.layouts import CACHED, OFFICIAL, PORT, config_of, from_layout, layout_of
from tto.exchange.port import to_port
from tto.model.transformer import ModelConfig, TrajectoryTransformer

O, A, V, T = 4, 2, 9, 3
D = O + A + 2
SIZES = {"observation_dim": O, "action_dim": A, "heads": 2}


def small_config(**changes) -> ModelConfig:
    fields = {
        "observation_dim": O,
        "action_dim": A,
        "vocabulary": V,
        "layers": 2,
        "heads": 2,
        "width": 8,
        "output": "per_dimension",
        "attend_values": False,
        "dropout_at": "gpt",
        "stop_token": True,
        "max_transitions": T,
    }
    return ModelConfig(**{**fields, **changes})


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def port(generator) -> torch.nn.Module:
    port = port_of(small_config())
    randomise(port, generator)
    return port


def as_official(port: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The port's weights in the official code's layout, whose block lacks the last position."""
    state = {
        name.replace("l1.", "mlp.0.").replace("l2.", "mlp.2."): tensor
        for name, tensor in port.state_dict().items()
    }
    state["pos_emb"] = state["pos_emb"][:, :-1]
    mask = torch.ones(T * D - 1, T * D - 1).tril()
    mask[:, D - 1 :: D] = 0
    return state | {f"blocks.{b}.attn.mask": mask[None, None] for b in range(2)}


def as_cached(port: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The port's weights in the layout of the cached re-implementation, without a stop token."""
    state = port.state_dict()
    mask = ~torch.ones(T * D, T * D).tril().bool()
    mask[:, D - 1 :: D] = True
    cached = {
        "tok_emb.weight": state["tok_emb.weight"][:-1],
        "pos_emb": state["pos_emb"],
        "head.weight": state["head.weight"][:, :V],
    }
    for kind in ("weight", "bias"):
        cached[f"norm.{kind}"] = state[f"ln_f.{kind}"]
        for b in (f"blocks.{i}" for i in range(2)):
            query, key, value = (state[f"{b}.attn.{n}.{kind}"] for n in ("query", "key", "value"))
            cached[f"{b}.attention.in_proj_{kind}"] = torch.cat([query, key, value])
            cached[f"{b}.attention.out_proj.{kind}"] = state[f"{b}.attn.proj.{kind}"]
            cached[f"{b}.norm1.{kind}"] = state[f"{b}.ln1.{kind}"]
            cached[f"{b}.norm2.{kind}"] = state[f"{b}.ln2.{kind}"]
            cached[f"{b}.mlp.0.{kind}"] = state[f"{b}.l1.{kind}"]
            cached[f"{b}.mlp.2.{kind}"] = state[f"{b}.l2.{kind}"]
            cached[f"{b}.attn_mask"] = mask
    return cached


def as_port(port: torch.nn.Module) -> dict[str, torch.Tensor]:
    return port.state_dict()


@pytest.mark.parametrize(
    ("stored", "layout"), [(as_official, OFFICIAL), (as_port, PORT), (as_cached, CACHED)]
)
def test_each_layout_gives_the_ports_logits(port, generator, stored, layout):
    state = stored(port)
    assert layout_of(state) is layout
    config = config_of(state, layout, **SIZES)
    assert config.block_size == T * D
    assert not config.attend_values
    network = from_layout(state, layout, config)
    tokens = torch.randint(V, (3, T * D), generator=generator)
    if layout is OFFICIAL:  # its block lacks the last position
        tokens = tokens[:, :-1]
    with torch.no_grad():
        ours = network(tokens)
    torch.testing.assert_close(ours[..., :V], port_logits(port, tokens)[..., :V], rtol=0, atol=1e-5)


def test_the_last_position_is_copied_from_the_transition_before(port):
    state = as_official(port)
    network = from_layout(state, OFFICIAL, config_of(state, OFFICIAL, **SIZES))
    table = network.position_embedding.weight
    assert torch.equal(table[-1], table[-1 - D])
    assert torch.equal(table[:-1], state["pos_emb"][0])


def test_a_cached_model_without_a_value_mask_attends_to_values(port):
    state = as_cached(port)
    for b in range(2):
        state[f"blocks.{b}.attn_mask"] = ~torch.ones(T * D, T * D).tril().bool()
    assert config_of(state, CACHED, **SIZES).attend_values


def test_the_bias_of_a_shared_head_is_kept(port, generator):
    state = as_cached(port)
    state["head.weight"] = torch.randn(V, 8, generator=generator)
    config = config_of(state, CACHED, **SIZES)
    assert config.output == "shared"
    plain = from_layout(state, CACHED, config)
    bias = torch.randn(V, generator=generator)
    biased = from_layout(state | {"head.bias": bias}, CACHED, config)
    tokens = torch.randint(V, (2, T * D), generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(biased(tokens), plain(tokens) + bias, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"output": "shared", "stop_token": False},
        {"position": "factored", "stop_token": False},
        {"dropout_at": "block", "dropout": 0.2},
    ],
)
def test_weights_survive_the_way_to_the_port_and_back(generator, changes):
    config = small_config(**changes)
    network = TrajectoryTransformer(config).eval()
    randomise(network, generator)
    state = to_port(network)
    port = port_of(config)
    port.load_state_dict(state)
    back = from_layout(state, PORT, config_of(state, PORT, **SIZES))
    tokens = torch.randint(V, (3, T * D), generator=generator)
    with torch.no_grad():
        expected = network(tokens)[..., :V]
        torch.testing.assert_close(back(tokens)[..., :V], expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(port_logits(port, tokens)[..., :V], expected, rtol=0, atol=1e-5)


def test_a_model_that_attends_to_values_does_not_go_to_the_port():
    with pytest.raises(TTOError, match="attend_values: true; export with --layout tto"):
        to_port(TrajectoryTransformer(small_config(attend_values=True)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unknown.weight": torch.zeros(1)}, r"got also \['unknown.weight'\]"),
        ({"ln_f.weight": torch.zeros(3)}, "expected output_norm.weight of shape"),
        ({"ln_f.weight": torch.full((8,), torch.nan)}, "NaN or infinity in output_norm.weight"),
        ({"tok_emb.weight": torch.zeros(5, 8)}, r"D = 4 \+ 2 \+ 2 = 8 dimensions"),
        ({"pos_emb": torch.zeros(1, 5, 8)}, "whole transitions of 8 tokens, got 5"),
        ({"goal_emb.weight": torch.zeros(1)}, "expected a model without goals"),
    ],
)
def test_misfits_are_refused(port, change, message):
    state = as_port(port) | change
    with pytest.raises(TTOError, match=message):
        from_layout(state, layout_of(state), config_of(state, PORT, **SIZES))


def test_missing_tensors_are_named(port):
    state = as_port(port)
    del state["blocks.1.attn.key.bias"]
    with pytest.raises(TTOError, match=r"the tensor blocks\.1\.attn\.key\.bias"):
        from_layout(state, PORT, config_of(state, PORT, **SIZES))
    with pytest.raises(TTOError, match="expected names as in official, transformers, cached"):
        layout_of({"layer.weight": torch.zeros(1)})
