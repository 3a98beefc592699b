"""Figure 3: what is shown of a map, and files that can be opened."""

import numpy as np
import pandas as pd
import pytest
import torch
from memory_dataset import MemoryDataset

from tto.analysis.heads import measure_heads, record_attention
from tto.analysis.heads_file import (
    held_out_windows,
    measure_model,
    read_attention,
    read_heads,
    write_attention,
)
from tto.data.episode import Episode
from tto.errors import TTOError
from tto.model.trained import TrainedModel
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.report.figures.paper.figure3 import draw_figure3, shown_map
from tto.tokens.discretizer import Discretizer
from tto.tokens.reward_to_go import rewards_to_go
from tto.tokens.token_file import TokenAttributes

O, A, V, STEPS = 3, 2, 6, 4
D = O + A + 2


def make_model():
    attributes = TokenAttributes(
        dataset="toy-v0",
        env="Toy-v0",
        observation_dim=O,
        action_dim=A,
        vocabulary=V,
        discretizer="uniform",
        discount=0.9,
        to_go_includes_reward=True,
        terminal_penalty=None,
    )
    config = ModelConfig(O, A, V, layers=2, heads=2, width=12, block_tokens=STEPS * D)
    generator = torch.Generator().manual_seed(0)
    network = TrajectoryTransformer(config, generator=generator)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.5, generator=generator)
    edges = np.linspace(np.zeros(D), 1.0, V + 1, axis=1)
    return TrainedModel(network.eval(), Discretizer("uniform", edges), attributes)


def make_windows(count):
    return np.random.default_rng(0).integers(0, V, size=(count, STEPS * D))


def test_numbers_do_not_depend_on_batches(monkeypatch):
    model, windows = make_model(), make_windows(5)
    rows, attention = measure_model(model, windows, seed=0)
    monkeypatch.setattr("tto.analysis.heads_file._BATCH", 2)
    in_parts, same = measure_model(model, windows, seed=0)
    pd.testing.assert_frame_equal(rows, in_parts)
    assert attention.heads == same.heads
    one_by_one = [measure_model(model, windows[i : i + 1], seed=0)[0] for i in range(5)]
    mean = np.mean([part["previous_transition"] for part in one_by_one], axis=0)
    np.testing.assert_allclose(rows["previous_transition"], mean, rtol=1e-6)


def test_the_random_model_depends_on_its_seed_alone():
    model, windows = make_model(), make_windows(2)
    first, same, other = (measure_model(model, windows, seed=seed)[0] for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, same)
    for rows in (first, other):
        assert rows["kind"].value_counts().to_dict() == {"head": 4, "random": 4, "even": 1}
    trained, random = ((first["kind"] == kind).to_numpy() for kind in ("head", "random"))
    pd.testing.assert_frame_equal(first[trained], other[trained])
    assert not first[random].equals(other[random])
    config = model.config
    network = TrajectoryTransformer(config, generator=torch.Generator().manual_seed(1))
    weights, _ = record_attention(network, torch.as_tensor(windows))
    expected = measure_heads(weights, config)["same_dimension_older"][:4]
    np.testing.assert_allclose(other.loc[random, "same_dimension_older"], expected, rtol=1e-5)


def make_episode(length, seed):
    rng = np.random.default_rng(seed)
    return Episode(
        observations=rng.random((length + 1, O)).astype(np.float32),
        actions=rng.random((length, A)).astype(np.float32),
        rewards=rng.random(length).astype(np.float32),
        terminated=False,
        truncated=True,
    )


def test_windows_are_whole_blocks_of_an_episode():
    model = make_model()
    episodes = [make_episode(9, 0), make_episode(3, 1), make_episode(4, 2)]
    held_out = MemoryDataset(episodes)
    windows = held_out_windows(model, held_out, count=10)
    assert windows.shape == (3, STEPS * D)
    for window, (episode, first) in zip(windows, [(0, 0), (0, 4), (2, 0)], strict=True):
        whole = episodes[episode]
        to_go = rewards_to_go(whole.rewards, discount=0.9)
        tokens = model.encode(whole.observations[:-1], whole.actions, whole.rewards, to_go)
        np.testing.assert_array_equal(window.reshape(STEPS, D), tokens[first : first + STEPS])
    np.testing.assert_array_equal(held_out_windows(model, held_out, count=2), windows[[0, 2]])
    with pytest.raises(TTOError, match="an episode of 4 or more transitions in held_out/toy-v0"):
        held_out_windows(model, MemoryDataset([make_episode(3, 0)]), count=2)


def test_maps_survive_the_file(tmp_path):
    model, windows = make_model(), make_windows(3)
    _, attention = measure_model(model, windows, seed=0)
    assert attention.heads["markov"] != attention.heads["striated"]
    for weights in attention.maps.values():
        np.testing.assert_allclose(weights.sum(axis=-1), 1.0, atol=1e-5)
    write_attention(tmp_path / "attention.h5", attention)
    found = read_attention(tmp_path / "attention.h5")
    assert (found.dataset, found.heads) == ("toy-v0", attention.heads)
    assert (found.observation_dim, found.action_dim) == (O, A)
    for name, weights in attention.maps.items():
        np.testing.assert_allclose(found.maps[name], weights, atol=1e-3)


def test_shown_rows_are_of_predicted_tokens():
    _, attention = measure_model(make_model(), make_windows(1), seed=0)
    weights = np.arange((STEPS * D) ** 2, dtype=float).reshape(STEPS * D, STEPS * D)
    shown = shown_map(attention, weights, steps=2)
    places = [p for p in range(2 * D, 4 * D) if p % D < O + A]
    assert shown.shape == (2 * (O + A), 2 * (O + A))
    for i, row in enumerate(places):
        for j, column in enumerate(places):
            assert shown[i, j] == weights[row - 1, column]
    whole = shown_map(attention, weights, steps=STEPS)
    assert (whole[0] == 0).all()


def test_figure_of_a_file(tmp_path):
    rows, attention = measure_model(make_model(), make_windows(2), seed=0)
    rows.to_csv(tmp_path / "attention.csv", index=False)
    paths = [tmp_path / "figure3.png", tmp_path / "figure3.pdf"]
    draw_figure3(attention, read_heads(tmp_path / "attention.csv"), paths, dpi=60)
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")


def test_bad_files(tmp_path):
    with pytest.raises(TTOError, match="expected a CSV file of heads"):
        read_heads(tmp_path / "attention.csv")
    (tmp_path / "attention.csv").write_text("kind,layer\nhead,1\n")
    with pytest.raises(TTOError, match="got kind, layer"):
        read_heads(tmp_path / "attention.csv")
    with pytest.raises(TTOError, match="expected a file of attention maps"):
        read_attention(tmp_path / "attention.h5")
