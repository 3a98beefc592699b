"""Recorded attention compared with the model, and each measure with a plain loop."""

import numpy as np
import pandas as pd
import pytest
import torch

from tto.analysis.heads import (
    clearest_heads,
    even_attention,
    measure_heads,
    measures,
    most_of_untrained,
    record_attention,
)
from tto.errors import TTOError
from tto.model.transformer import ModelConfig, TrajectoryTransformer

SIZES = dict(observation_dim=3, action_dim=2, vocabulary=9, layers=2, heads=2, width=8)
D, STEPS = 7, 4


def make_config(**changes) -> ModelConfig:
    return ModelConfig(**(SIZES | {"block_tokens": D * STEPS, "dropout": 0.0} | changes))


def make_network(**changes) -> TrajectoryTransformer:
    generator = torch.Generator().manual_seed(0)
    network = TrajectoryTransformer(make_config(**changes), generator=generator).double()
    with torch.no_grad():  # larger than GPT's initial weights, so that every part has an effect
        for parameter in network.parameters():
            parameter.normal_(std=0.4, generator=generator)
    return network


def make_tokens(batch: int = 3) -> torch.Tensor:
    return torch.randint(9, (batch, D * STEPS), generator=torch.Generator().manual_seed(1))


@torch.no_grad()  # training's attention computes its softmax in float32
@pytest.mark.parametrize(
    "changes", [{}, {"attend_values": True}, {"position": "factored", "output": "per_dimension"}]
)
def test_recorded_weights_make_the_models_logits(changes):
    network, tokens = make_network(**changes), make_tokens()
    weights, logits = record_attention(network, tokens)
    torch.testing.assert_close(logits, network(tokens), rtol=1e-12, atol=1e-12)
    assert weights.shape == (2, 3, 2, D * STEPS, D * STEPS)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights.sum(-1)))
    assert weights.triu(1).abs().max() == 0
    hidden = weights[..., D - 1 :: D].abs().max() == 0
    assert hidden == (not network.config.attend_values)

    def replay(layer, q, k, v):
        return weights[layer] @ v

    replayed = network.logits(network.run_blocks(network.embed(tokens), replay))
    torch.testing.assert_close(replayed, network(tokens), rtol=1e-12, atol=1e-12)


def plain_share(weights: np.ndarray, name: str) -> float:
    """A measure as the docstring of `measures` defines it, one prediction and key at a time."""
    L, shares = len(weights), []
    for row in range(L - 1):
        step, dimension = divmod(row + 1, D)
        kind = "state" if dimension < 3 else "action" if dimension < 5 else "other"
        wanted = {"actions": ["action"], "same": ["state"]}.get(name.split("_")[0])
        if step < 2 or kind not in (wanted or ["state", "action"]):
            continue
        share = 0.0
        for key in range(row + 1):
            key_step, key_dimension = divmod(key, D)
            ago = step - key_step
            counts = {
                "previous_transition": ago == 1,
                "older_transitions": ago >= 2,
                "same_dimension": ago >= 1 and key_dimension == dimension,
                "same_dimension_older": ago >= 2 and key_dimension == dimension,
                "actions_to_actions": ago >= 1 and key_dimension in (3, 4),
                "actions_to_states": ago >= 1 and key_dimension in (0, 1, 2),
                "actions_to_current_state": ago == 0 and key_dimension in (0, 1, 2),
            }
            share += float(weights[row, key]) * counts[name]
        shares.append(share)
    return float(np.mean(shares))


@pytest.mark.parametrize("attend_values", [False, True])
def test_measures_equal_plain_loops(attend_values):
    config = make_config(attend_values=attend_values)
    weights, _ = record_attention(make_network(attend_values=attend_values), make_tokens())
    rows = measure_heads(weights, config)
    assert len(rows) == 2 * 2 + 1
    names = list(measures(config, D * STEPS))
    assert list(rows.columns) == ["kind", "layer", "head", *names]
    *heads, even = rows.to_dict("records")
    assert even["kind"] == "even"
    for row in heads:
        of_head = weights[row["layer"] - 1, :, row["head"] - 1].numpy()
        for name in names:
            mean = np.mean([plain_share(of_window, name) for of_window in of_head])
            assert row[name] == pytest.approx(mean, abs=1e-12)
    uniform = np.tril(np.ones((D * STEPS, D * STEPS)))
    uniform[:, D - 1 :: D] *= attend_values
    uniform /= uniform.sum(axis=1, keepdims=True)
    for name in names:
        assert even[name] == pytest.approx(plain_share(uniform, name), abs=1e-6)


def drawn_head(step_shares: dict[int, float], *, same_dimension: bool) -> torch.Tensor:
    """Attention to given numbers of steps before the predicted one, with the given shares.

    It is even within a step, or on the predicted dimension alone.
    """
    config, L = make_config(), D * STEPS
    key, predicted = torch.arange(L), torch.arange(L) + 1
    past = predicted[:, None] // D - key // D
    weights = 1e-9 * even_attention(config, L).double()
    for ago, share in step_shares.items():
        chosen = (past == ago) & (key <= predicted[:, None] - 1)
        if same_dimension:
            chosen &= predicted[:, None] % D == key % D
        weights += share * chosen / chosen.sum(-1, keepdim=True).clamp(min=1)
    return weights / weights.sum(-1, keepdim=True)


def test_the_clearest_heads_are_those_with_made_up_patterns():
    striated = drawn_head({1: 0.3, 2: 0.3, 3: 0.3}, same_dimension=True)
    markov = drawn_head({1: 1.0}, same_dimension=False)
    even = even_attention(make_config(), D * STEPS).double()
    weights = torch.stack([torch.stack([even, striated]), torch.stack([markov, even])])[:, None]
    rows = measure_heads(weights, make_config())
    assert clearest_heads(rows) == {"striated": (1, 2), "markov": (2, 1)}
    found = rows.set_index(["layer", "head"])
    assert found.loc[(2, 1), "previous_transition"] > 0.999
    assert found.loc[(1, 2), "same_dimension"] > 0.999
    assert found.loc[(2, 1), "same_dimension_older"] < 1e-6


def test_one_head_is_not_chosen_for_both_patterns():
    both = drawn_head({1: 0.7, 2: 0.3}, same_dimension=True)
    even = even_attention(make_config(), D * STEPS).double()
    rows = measure_heads(torch.stack([both, even])[None, None].transpose(0, 1), make_config())
    assert clearest_heads(rows) == {"striated": (1, 1), "markov": (1, 2)}
    with pytest.raises(TTOError, match="two heads or more"):
        clearest_heads(pd.DataFrame(rows[rows["head"] == 1]))


def test_short_windows_and_goals_are_errors():
    with pytest.raises(TTOError, match="3 or more transitions, got 14 tokens"):
        measures(make_config(), 2 * D)
    with pytest.raises(TTOError, match="a model without goals"):
        measures(make_config(goal=True), D * STEPS)


def test_heads_of_a_random_model_are_measured_too():
    weights, _ = record_attention(make_network(), make_tokens())
    untrained, _ = record_attention(
        TrajectoryTransformer(make_config(), generator=torch.Generator().manual_seed(5)).double(),
        make_tokens(),
    )
    rows = measure_heads(weights, make_config(), untrained=untrained)
    assert rows["kind"].tolist() == ["head"] * 4 + ["random"] * 4 + ["even"]
    alone = measure_heads(untrained, make_config())
    names = list(measures(make_config(), D * STEPS))
    random = rows[rows["kind"] == "random"].reset_index(drop=True)
    pd.testing.assert_frame_equal(random[names], alone[names][:4])
    assert random[["layer", "head"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    for name in names:
        assert most_of_untrained(rows, name) == max(alone[name][:4])
    assert clearest_heads(rows) == clearest_heads(measure_heads(weights, make_config()))
    with pytest.raises(TTOError, match="heads of a random model, got none"):
        most_of_untrained(alone, names[0])
