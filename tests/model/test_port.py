"""The official recipe's model against the port in `transformers` 4.35.2, with the same weights.

The port is only right on a full sequence, without its cache. Its head i reads position i of a
transition and predicts what follows, which is our head of dimension i + 1.
"""

import warnings

import pytest
import torch

from tto.model.transformer import ModelConfig, TrajectoryTransformer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it registers itself with torch in ways that torch deprecates
    transformers = pytest.importorskip("transformers", exc_type=ImportError)
    if transformers.__version__ != "4.35.2":
        pytest.skip("later versions than transformers 4.35.2 lack it", allow_module_level=True)
    PortConfig = transformers.TrajectoryTransformerConfig
    Port = transformers.TrajectoryTransformerModel

O, A, V = 5, 3, 20
D = O + A + 2


def port_of(config: ModelConfig) -> torch.nn.Module:
    """The port in the sizes of `config`, in evaluation mode."""
    sizes = PortConfig(
        vocab_size=config.vocabulary,
        observation_dim=config.observation_dim,
        action_dim=config.action_dim,
        transition_dim=config.transition_dim,
        block_size=config.block_size,
        n_layer=config.layers,
        n_head=config.heads,
        n_embd=config.width,
    )
    return Port(sizes).eval()


def copy_to_port(network: TrajectoryTransformer, port: torch.nn.Module) -> None:
    """Every weight of `network` goes into `port`."""
    ours, theirs = network.state_dict(), {}
    for b in range(network.config.layers):
        block = f"blocks.{b}"
        for kind in ("weight", "bias"):
            parts = ours[f"{block}.attention_in.{kind}"].chunk(3)
            for name, part in zip(("query", "key", "value"), parts, strict=True):
                theirs[f"{block}.attn.{name}.{kind}"] = part
            for name, their_name in (
                ("attention_norm", "ln1"),
                ("mlp_norm", "ln2"),
                ("attention_out", "attn.proj"),
                ("mlp_in", "l1"),
                ("mlp_out", "l2"),
            ):
                theirs[f"{block}.{their_name}.{kind}"] = ours[f"{block}.{name}.{kind}"]
    for kind in ("weight", "bias"):
        theirs[f"ln_f.{kind}"] = ours[f"output_norm.{kind}"]
    theirs["tok_emb.weight"] = ours["token_embedding.weight"]
    theirs["pos_emb"] = ours["position_embedding.weight"][None]
    theirs["head.weight"] = ours["output"].roll(-1, dims=0)
    port.load_state_dict(theirs)


@pytest.mark.parametrize("training", [False, True])
def test_logits_equal_the_port(training):
    config = ModelConfig(
        observation_dim=O,
        action_dim=A,
        vocabulary=V,
        layers=3,
        heads=4,
        width=32,
        output="per_dimension",
        attend_values=False,
        dropout_at="gpt",
        stop_token=True,
        max_transitions=10,
    )
    generator = torch.Generator().manual_seed(0)
    network = TrajectoryTransformer(config, generator=generator)
    with torch.no_grad():  # larger than GPT's first weights, so that everything matters
        for parameter in network.parameters():
            parameter.normal_(std=0.3, generator=generator)
    port = port_of(config)
    copy_to_port(network, port)
    tokens = torch.randint(V, (4, config.block_size), generator=generator)
    tokens[2:, 7 * D :] = V  # two sequences have stopped
    with torch.set_grad_enabled(training):  # our training has an attention of its own
        ours, theirs = network(tokens), port(tokens, return_dict=True).logits
    assert ours.shape == theirs.shape == (4, config.block_size, V + 1)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
