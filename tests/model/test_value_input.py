"""Continuous inputs: linear in the value of a token, and refused without Gaussian outputs."""

import pytest
import torch

from tto.errors import TTOError
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.planning.cached import CachedEngine
from tto.planning.fastest import fastest_engine
from tto.planning.native import NativeEngine
from tto.planning.uncached import UncachedEngine
from tto.training.loss import next_token_losses
from tto.training.smooth_bins import fold, smooth_bins

V, D = 20, 6
SIZES = dict(observation_dim=3, action_dim=1, vocabulary=V, layers=1, heads=2, width=16)
CONTINUOUS = {"input": "values", "output": "gaussian"}


def make_network(**changes) -> TrajectoryTransformer:
    config = ModelConfig(**SIZES, dropout=0.0, block_tokens=3 * D, **CONTINUOUS, **changes)
    return TrajectoryTransformer(config, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("position", ["learned", "factored"])
def test_a_token_enters_as_its_centre_times_its_dimensions_slope(position: str):
    network = make_network(position=position)
    tokens = torch.randint(V, (2, 2 * D), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        x, zero = network.embed(tokens), torch.empty(2, 2 * D, 16)
        for b in range(2):
            for l in range(2 * D):
                centre = (int(tokens[b, l]) + 0.5) / V * 2 - 1
                zero[b, l] = x[b, l] - centre * network.token_embedding.weight[l % D]
        torch.testing.assert_close(zero[0], zero[1])  # the remainder does not depend on tokens
        later = network.embed(tokens[:, D + 2 : D + 4], start=D + 2)
    torch.testing.assert_close(later, x[:, D + 2 : D + 4])


def test_the_number_of_parameters_does_not_depend_on_the_bins():
    def count(bins: int) -> int:
        config = ModelConfig(**(SIZES | {"vocabulary": bins}), block_tokens=3 * D, **CONTINUOUS)
        return sum(p.numel() for p in TrajectoryTransformer(config).parameters())

    assert count(10) == count(1000)


def test_it_learns_a_linear_sequence():
    """Each token is two bins above the token before it."""
    network = make_network()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(250):
        first = torch.randint(3, 8, (64, 1), generator=generator)
        tokens = first + torch.tensor([0, 2, 4, 6, 8, 10])
        loss = next_token_losses(network(tokens[:, :-1]), tokens).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = network(tokens[:, :-1]).argmax(dim=-1)
    assert (found - tokens[:, 1:]).abs().float().mean() < 0.3  # guessing is off by 1.2


def test_smooth_bins_change_nothing():
    network = make_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    smooth_bins(network, bins=V)
    assert network.state_dict().keys() == before.keys()
    fold(network)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name])


def test_the_cached_engine_agrees_and_faster_ones_refuse():
    network = make_network()
    contexts = torch.randint(V, (2, 3), generator=torch.Generator().manual_seed(0))
    rows = torch.randint(V, (8, 2), generator=torch.Generator().manual_seed(1))
    cached, uncached = fastest_engine(network), UncachedEngine(network)
    assert isinstance(cached, CachedEngine)
    torch.testing.assert_close(*(e.start(contexts, length=8) for e in (cached, uncached)))
    for row in rows:
        torch.testing.assert_close(cached.append(row), uncached.append(row))
    with pytest.raises(TTOError, match="use the cached engine"):
        NativeEngine(network)


@pytest.mark.parametrize("output", ["shared", "per_dimension"])
def test_values_need_a_gaussian_output(output: str):
    with pytest.raises(TTOError, match=f"expected output gaussian .* got {output}"):
        ModelConfig(**SIZES, input="values", output=output)
