"""Tables in the cosine basis agree with plain tables."""

import copy
import math

import pytest
import torch

from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.training.smooth_bins import CosineTables, fold, smooth_bins

BINS = 6


def network(*, mask=False, **changes):
    sizes = dict(observation_dim=2, action_dim=1, layers=1, heads=2, width=8, block_tokens=10)
    config = ModelConfig(**(sizes | {"vocabulary": BINS + mask} | changes))
    return TrajectoryTransformer(config, generator=torch.Generator().manual_seed(0))


def tokens():
    return torch.randint(BINS, (3, 10), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "changes",
    [
        {"output": "shared"},
        {"output": "per_dimension"},
        {"output": "gaussian"},
        {"output": "per_dimension", "stop_token": True},
        {"output": "per_dimension", "mask": True},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_folded_tables_are_the_same_model_in_the_plain_layout(changes):
    plain, smooth = network(**changes), network(**changes)
    smooth_bins(smooth, bins=BINS)
    before = smooth(tokens())
    fold(smooth)
    assert {k: v.shape for k, v in smooth.state_dict().items()} == {
        k: v.shape for k, v in plain.state_dict().items()
    }
    assert type(smooth) is TrajectoryTransformer
    torch.testing.assert_close(smooth(tokens()), before)
    assert not torch.equal(plain.token_embedding.weight, smooth.token_embedding.weight)


def test_tables_are_sums_of_waves_and_other_rows_stay():
    rows, channels = BINS + 1, 3
    coefficients = torch.randn(2 * rows + 1, channels, generator=torch.Generator().manual_seed(0))
    got = CosineTables(BINS, rows=rows)(coefficients)
    expected = coefficients.clone()
    strengths = [1 / (1 + k) for k in range(BINS)]
    size = math.sqrt(sum(s * s for s in strengths) / BINS)
    for table in range(2):
        for v in range(BINS):
            value = torch.zeros(channels)
            for k in range(BINS):
                norm = math.sqrt((1 if k == 0 else 2) / BINS)
                wave = norm * math.cos(math.pi * k * (v + 0.5) / BINS)
                value += strengths[k] / size * wave * coefficients[table * rows + k]
            expected[table * rows + v] = value
    torch.testing.assert_close(got, expected)


def test_any_table_can_be_reached():
    basis = CosineTables(BINS, rows=BINS).basis
    assert torch.linalg.matrix_rank(basis) == BINS


def test_a_step_for_one_bin_moves_its_neighbours_more_than_bins_far_away():
    model, before = network(output="per_dimension"), network(output="per_dimension")
    for each in (model, before):
        smooth_bins(each, bins=BINS)
    fold(before)
    model.token_embedding.weight[0].sum().backward()  # bin 0 of the first dimension
    with torch.no_grad():
        for parameter in model.token_embedding.parameters():
            assert parameter.grad is not None
            parameter -= 0.1 * parameter.grad
    fold(model)
    moved = (model.token_embedding.weight - before.token_embedding.weight)[:BINS].norm(dim=1)
    assert moved[0] > moved[1] > moved[BINS - 1]


def test_tables_keep_the_initial_deviation():
    model = network(output="per_dimension", width=512, heads=8)
    smooth_bins(model, bins=BINS)
    assert 0.018 < model.output.std() < 0.022
    assert 0.018 < model.token_embedding.weight.std() < 0.022


def test_fold_leaves_a_plain_network_alone():
    model = network()
    before = copy.deepcopy(model.state_dict())
    fold(model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
