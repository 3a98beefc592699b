"""Gaussian outputs equal densities at the bins' centres, and misfits are refused."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from tto.errors import TTOError
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.planning.cached import CachedEngine
from tto.planning.fastest import fastest_engine
from tto.planning.native import NativeEngine
from tto.planning.static import StaticEngine
from tto.planning.uncached import UncachedEngine
from tto.training.loss import next_token_losses

SIZES = dict(observation_dim=3, action_dim=1, vocabulary=20, layers=1, heads=2, width=16)
D = 6


def make_network() -> TrajectoryTransformer:
    config = ModelConfig(**SIZES, dropout=0.0, block_tokens=3 * D, output="gaussian")
    return TrajectoryTransformer(config, generator=torch.Generator().manual_seed(0))


def test_logits_are_those_of_a_gaussian():
    network = make_network()
    x = torch.randn(1, D + 2, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        network.output.mul_(20)
        p = network.logits(x).softmax(dim=-1)
        normed = network.output_norm(x)
    middles = (np.arange(20) + 0.5) / 10 - 1
    for b, l in np.ndindex(1, D + 2):
        mean, raw = (network.output[(l + 1) % D] @ normed[b, l]).tolist()
        deviation = np.exp(-5.3 + np.log1p(np.exp(raw + 5.3)))
        density = norm(mean, deviation).pdf(middles)
        np.testing.assert_allclose(p[b, l], density / density.sum(), atol=1e-5)
        one = network.logits(x[:, l : l + 1], start=l).softmax(dim=-1)
        torch.testing.assert_close(one[:, 0], p[:, l])


def test_it_learns_a_mean_and_a_deviation():
    """The tokens of each dimension are drawn around a different bin."""
    network = make_network()
    generator = torch.Generator().manual_seed(0)
    middles = torch.tensor([3.0, 8.0, 11.0, 15.0, 6.0, 9.0]).repeat(2)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(100):
        noise = 1.5 * torch.randn(64, 2 * D, generator=generator)
        tokens = (middles + noise).round().clamp(0, 19).long()
        loss = next_token_losses(network(tokens[:, :-1]), tokens).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    p = network(tokens[:, :-1]).softmax(dim=-1).mean(dim=0).detach()
    bins = torch.arange(20.0)
    means = p @ bins
    deviations = (p @ bins.square() - means.square()).sqrt()
    torch.testing.assert_close(means, middles[1:], atol=0.8, rtol=0)
    assert deviations.min() > 1.1
    assert deviations.max() < 2.0


def test_the_cached_engine_agrees_and_faster_ones_refuse():
    network = make_network()
    contexts = torch.randint(20, (2, 3), generator=torch.Generator().manual_seed(0))
    tokens = torch.randint(20, (8, 2), generator=torch.Generator().manual_seed(1))
    cached, uncached = fastest_engine(network), UncachedEngine(network)
    assert isinstance(cached, CachedEngine)
    logits = [engine.start(contexts, length=8) for engine in (cached, uncached)]
    torch.testing.assert_close(*logits)
    for row in tokens:
        torch.testing.assert_close(cached.append(row), uncached.append(row))
    for engine in (NativeEngine, StaticEngine):
        with pytest.raises(TTOError, match="use the cached engine"):
            engine(network)


def test_a_stop_token_is_refused():
    with pytest.raises(TTOError, match="stop token"):
        ModelConfig(**SIZES, output="gaussian", stop_token=True)
