"""The model equals a plain implementation and has the properties in appendix A."""

import math

import numpy as np
import pytest
import torch

from tto.errors import TTOError
from tto.model.transformer import ModelConfig, TrajectoryTransformer

VARIANTS = {
    "paper": {},
    "official": {
        "output": "per_dimension",
        "dropout_at": "gpt",
        "stop_token": True,
    },
    "factored": {"output": "per_dimension", "position": "factored"},
    "visible": {"attend_values": True},
}


def small_model(variant: str = "paper", **changes) -> TrajectoryTransformer:
    sizes = dict(observation_dim=3, action_dim=2, vocabulary=11, layers=2, heads=2, width=8)
    config = ModelConfig(
        **(sizes | {"block_tokens": 30, "dropout": 0.5} | VARIANTS[variant] | changes)
    )
    generator = torch.Generator().manual_seed(0)
    network = TrajectoryTransformer(config, generator=generator)
    with torch.no_grad():  # GPT's initial weights are too small to make all terms matter
        for parameter in network.parameters():
            parameter.normal_(std=0.4, generator=generator)
    return network


def random_tokens(network: TrajectoryTransformer, batch: int, length: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(network.config.logits, (batch, length), generator=generator)


def plain_logits(network: TrajectoryTransformer, tokens: torch.Tensor) -> torch.Tensor:
    """Logits of one sequence by the formulas, one position and one head at a time."""
    config, state = network.config, network.state_dict()
    D, V, H = config.transition_dim, config.vocabulary, config.heads
    K = config.width // H

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        x = (x - x.mean()) / torch.sqrt(x.var(unbiased=False) + 1e-5)
        return x * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return state[f"{name}.weight"] @ x + state[f"{name}.bias"]

    xs = []
    for position, token in enumerate(tokens.tolist()):
        row = D * V if token == V else token + V * (position % D)
        x = state["token_embedding.weight"][row]
        if config.position == "learned":
            x = x + state["position_embedding.weight"][position]
        else:
            x = x + state["position_embedding.weight"][position // D]
            x = x + state["dimension_embedding.weight"][position % D]
        xs.append(x)
    for b in range(config.layers):
        projected = [
            linear(f"blocks.{b}.attention_in", norm(f"blocks.{b}.attention_norm", x)) for x in xs
        ]
        for position in range(len(xs)):
            seen = [j for j in range(position + 1) if config.attend_values or j % D != D - 1]
            heads = []
            for h in range(H):
                q = projected[position][h * K : (h + 1) * K]
                ks = torch.stack([projected[j][(H + h) * K : (H + h + 1) * K] for j in seen])
                vs = torch.stack(
                    [projected[j][(2 * H + h) * K : (2 * H + h + 1) * K] for j in seen]
                )
                heads.append(torch.softmax(ks @ q / math.sqrt(K), dim=0) @ vs)
            xs[position] = xs[position] + linear(f"blocks.{b}.attention_out", torch.cat(heads))
        for position, x in enumerate(xs):
            hidden = linear(f"blocks.{b}.mlp_in", norm(f"blocks.{b}.mlp_norm", x))
            hidden = torch.nn.functional.gelu(hidden)
            xs[position] = x + linear(f"blocks.{b}.mlp_out", hidden)
    heads = state["output"].expand(D, -1, -1)
    return torch.stack(
        [heads[(position + 1) % D] @ norm("output_norm", x) for position, x in enumerate(xs)]
    )


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("length", [1, 6, 7, 20, 28])
@torch.no_grad()
def test_logits_equal_the_plain_model(variant, length):
    network = small_model(variant)
    tokens = random_tokens(network, 2, length)
    logits = network(tokens)
    for row, sequence in enumerate(tokens):
        torch.testing.assert_close(
            logits[row], plain_logits(network, sequence), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_the_future_does_not_matter(variant):
    network = small_model(variant)
    tokens = random_tokens(network, 1, 28)
    changed = tokens.clone()
    changed[:, 15:] = (changed[:, 15:] + 1) % 11
    torch.testing.assert_close(network(tokens)[:, :15], network(changed)[:, :15])
    assert not torch.allclose(network(tokens)[:, 15:], network(changed)[:, 15:])


@torch.no_grad()
def test_hidden_values_do_not_matter_to_later_tokens():
    hidden, seen = small_model("paper"), small_model("visible")
    for network, same in ((hidden, True), (seen, False)):
        tokens = random_tokens(network, 1, 21)
        changed = tokens.clone()
        changed[:, 6] = (changed[:, 6] + 1) % 11  # the first reward-to-go
        after = network(tokens)[:, 7:], network(changed)[:, 7:]
        assert torch.allclose(*after) is same


def test_the_input_vocabulary_is_offset_by_dimension():
    config = small_model().config
    network = small_model()
    assert network.token_embedding.weight.shape[0] == 11 * (3 + 2 + 2)
    embedded = network.embed(torch.zeros(1, 7, dtype=torch.long))[0]
    rows = network.token_embedding.weight[:: config.vocabulary]
    torch.testing.assert_close(embedded - network.position_embedding.weight[:7], rows)


def test_default_sizes_are_the_papers():
    config = ModelConfig(observation_dim=11, action_dim=3, vocabulary=100)
    assert (config.layers, config.heads, config.width, config.dropout) == (4, 6, 192, 0.1)
    assert (config.block_transitions, config.block_size) == (32, 512)
    assert ModelConfig(observation_dim=17, action_dim=6, vocabulary=100).block_size == 20 * 25
    network = TrajectoryTransformer(config)
    assert network.output.shape == (1, 100, 192)


def test_the_generator_determines_the_dropout():
    for variant in ("paper", "official"):
        network = small_model(variant)
        tokens = random_tokens(network, 2, 20)
        torch.testing.assert_close(network(tokens), network(tokens))
        first, again, other = (
            network(tokens, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)
        )
        torch.testing.assert_close(first, again)
        assert not torch.allclose(first, other)


def test_wrong_sizes_are_errors():
    with pytest.raises(TTOError, match="divisible by heads"):
        ModelConfig(observation_dim=3, action_dim=1, vocabulary=10, width=10, heads=3)
    with pytest.raises(TTOError, match="expected a whole transition of 603 tokens in a block"):
        ModelConfig(observation_dim=600, action_dim=1, vocabulary=10)
    with pytest.raises(TTOError, match="at most 28 tokens, got 29"):
        small_model()(torch.zeros(1, 29, dtype=torch.long))


def test_the_generator_determines_the_weights():
    def weights(seed: int) -> np.ndarray:
        config = ModelConfig(observation_dim=3, action_dim=2, vocabulary=5)
        network = TrajectoryTransformer(config, generator=torch.Generator().manual_seed(seed))
        return network.output.detach().numpy()

    np.testing.assert_array_equal(weights(0), weights(0))
    assert not np.array_equal(weights(0), weights(1))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_on_a_gpu_are_those_of_the_processor(variant):
    gradients = []
    for device in ("cpu", "cuda"):
        network = small_model(variant).to(device)
        logits = network(random_tokens(network, 4, 28).to(device))
        logits.log_softmax(dim=-1)[..., 0].sum().backward()
        gradients.append([parameter.grad.cpu() for parameter in network.parameters()])
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-3, rtol=1e-3)
