"""Training: the objective by hand, resuming without a difference, models and checkpoints."""

import fcntl
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import tto
from tto.errors import TTOError
from tto.files import content_digest
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes, TokenBlock, write_token_file
from tto.training.checkpoint import load_checkpoint, locked, save_checkpoint
from tto.training.config import TrainingConfig
from tto.training.loss import LossWeights, next_token_losses, weighted_sum
from tto.training.optimizers import OptimizerConfig, learning_rate, make_optimizers
from tto.training.smooth_bins import smooth_bins
from tto.training.state import METRICS, TrainingState
from tto.training.train import train
from tto.training.windows import Windows

SIZES = dict(layers=1, heads=2, width=8, block_tokens=15)


@pytest.fixture
def token_path(tmp_path):
    """Six episodes of a cycle through 4 bins, one of them shorter than a window."""
    blocks = [
        TokenBlock(
            (np.arange(length)[:, None] + np.arange(5) + start).astype(np.uint8) % 4,
            [length],
            [start % 2 == 0],
            np.zeros((1, 2), np.uint8),
        )
        for start, length in enumerate((20, 2, 15, 30, 12, 9))
    ]
    attributes = TokenAttributes("toy-v0", "Toy-v0", 2, 1, 4, "uniform", 0.99, True, None)
    edges = np.tile(np.arange(5.0), (5, 1))
    path = tmp_path / "toy-v0.h5"
    write_token_file(
        path,
        blocks,
        attributes=attributes,
        discretizer=Discretizer("uniform", edges),
        source_digest="0" * 64,
    )
    return path


def config(optimizer: str = "adam", **changes) -> TrainingConfig:
    rates = OptimizerConfig(optimizer=optimizer, learning_rate=1e-2, warmup_updates=5)
    settings = dict(epochs=20, batch_size=8, optimizer=rates, held_out_fraction=0.2)
    return TrainingConfig(**(settings | dict(evaluate_every=7, checkpoint_every=5) | changes))


def run(token_path, name, *, model=None, seed=0, **changes):
    root = token_path.parent
    return train(
        token_path,
        root / name,
        model=SIZES | {"dropout": 0.1} | (model or {}),
        training=config(**changes),
        seed=seed,
        checkpoints=root / f"checkpoints-{name}",
    )


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
@pytest.mark.parametrize("dropout_at", ["block", "gpt"])
def test_a_cycle_is_learned(token_path, optimizer, dropout_at):
    model = {"dropout_at": dropout_at}
    run(token_path, "out", optimizer=optimizer, epochs=40, model=model)
    metrics = pd.read_csv(token_path.parent / "out" / "metrics.csv")
    assert tuple(metrics.columns) == METRICS
    assert metrics.held_out_loss.iloc[-1] < 0.5 < 1.0 < metrics.held_out_loss.iloc[0]


def test_the_loss_is_the_papers_sum_over_real_tokens():
    logits = torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(0))
    tokens = torch.tensor([[0, 1, 2, 3, 0] * 2, [3, 2, 1, 0, 3] * 2])
    real = torch.ones(2, 10, dtype=torch.bool)
    real[1, 5:] = False
    weights = torch.tensor([1.0, 1.0, 5.0, 2.0, 3.0])
    total, count = 0.0, 0
    for b in range(2):
        for position in range(1, 10):
            if real[b, position]:
                log_prob = logits[b, position - 1].log_softmax(0)[tokens[b, position]]
                total -= float(weights[position % 5] * log_prob)
                count += 1
    found = weighted_sum(next_token_losses(logits, tokens), real, weights)
    assert count == 13
    assert float(found) == pytest.approx(total, rel=1e-5)


def test_padding_has_no_part_in_the_gradient(token_path):
    """A padded window of one transition has the same gradient as the transition alone."""
    model = ModelConfig(observation_dim=2, action_dim=1, vocabulary=4, **SIZES)
    tokens = torch.tensor([[0, 1, 2, 3, 0] + [0] * 10])
    real = torch.arange(15)[None] < 5
    weights = LossWeights().of_dimensions(model, torch.device("cpu"))
    gradients = []
    for length in (15, 5):
        network = TrajectoryTransformer(model, generator=torch.Generator().manual_seed(0))
        logits = network(tokens[:, : length - 1])
        losses = next_token_losses(logits, tokens[:, :length])
        weighted_sum(losses, real[:, :length], weights).backward()
        gradients.append({n: p.grad.clone() for n, p in network.named_parameters()})
    for name, padded in gradients[0].items():
        torch.testing.assert_close(padded, gradients[1][name])


def test_the_rate_rises_falls_and_stays():
    rates = OptimizerConfig(learning_rate=1.0, warmup_updates=10, final_learning_rate_fraction=0.1)
    curve = [learning_rate(u, updates=110, config=rates) for u in range(200)]
    assert curve[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert curve[60] == pytest.approx(0.55)
    assert curve[110:] == pytest.approx([0.1] * 90)
    assert max(curve) == curve[10] == 1.0


def test_the_rate_keeps_its_plateau_and_falls_in_a_line():
    rates = OptimizerConfig(
        learning_rate=2.0,
        warmup_updates=10,
        learning_rate_plateau=0.4,
        learning_rate_decay="linear",
    )
    curve = [learning_rate(u, updates=110, config=rates) for u in range(120)]
    assert curve[9:50] == pytest.approx([2.0] * 41)
    assert curve[50:110] == pytest.approx([2 * (110 - u) / 60 for u in range(50, 110)])
    assert curve[110:] == pytest.approx([0.0] * 10)


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
def test_every_parameter_is_updated_once(optimizer, smooth):
    network = TrajectoryTransformer(
        ModelConfig(observation_dim=2, action_dim=1, vocabulary=4, position="factored", **SIZES)
    )
    if smooth:
        smooth_bins(network, bins=4)
    optimizers = make_optimizers(network, OptimizerConfig(optimizer=optimizer, weight_decay=0.1))
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    held = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(held) == sorted(id(parameter) for parameter in network.parameters())
    if optimizer == "adamw":  # decay on linear weights only
        decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
        linear = {
            id(p)
            for name, p in network.named_parameters()
            if "output" in name.split(".") or (p.ndim == 2 and "embedding" not in name)
        }
        assert decayed == linear


def test_the_first_updates_see_as_many_transitions_in_short_windows(token_path, monkeypatch):
    seen = []
    original = Windows.gather

    def recorded(self, windows):
        tokens, counted = original(self, windows)
        seen.append(tokens.shape)
        return tokens, counted

    monkeypatch.setattr(Windows, "gather", recorded)
    run(token_path, "out", short_windows=0.5, held_out_fraction=0.0)
    updates, D = len(seen), 5
    B, L = seen[-1]
    assert L // D == 3
    short = math.ceil(updates / 2)
    assert seen == [(B * 3 // 2, 2 * D)] * short + [(B, L)] * (updates - short)


@pytest.mark.parametrize(
    ("optimizer", "bins", "short_windows"),
    [("adam", "independent", 0.0), ("muon", "smooth", 0.0), ("muon", "smooth", 0.5)],
)
@pytest.mark.parametrize("cut", [1, 5, 12])
def test_resumed_equals_uninterrupted(token_path, monkeypatch, optimizer, bins, short_windows, cut):
    settings = {"optimizer": optimizer, "bins": bins, "short_windows": short_windows}
    whole = run(token_path, "whole", **settings)

    class Cut(Exception):
        pass

    original = TrainingState._make_update

    def failing(self):
        if self.update == cut:
            raise Cut
        return original(self)

    monkeypatch.setattr(TrainingState, "_make_update", failing)
    with pytest.raises(Cut):
        run(token_path, "cut", **settings)
    assert not (token_path.parent / "cut").exists()
    monkeypatch.setattr(TrainingState, "_make_update", original)
    resumed = run(token_path, "cut", **settings)
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], tensor, rtol=0, atol=0)
    digests = [
        content_digest(token_path.parent / name / "model.safetensors") for name in ("whole", "cut")
    ]
    assert digests[0] == digests[1]
    timeless = [name for name in METRICS if name not in ("seconds", "tokens_per_second")]
    tables = [
        pd.read_csv(token_path.parent / name / "metrics.csv")[timeless] for name in ("whole", "cut")
    ]
    pd.testing.assert_frame_equal(*tables)


def test_only_the_same_run_is_resumed(token_path):
    run(token_path, "out")
    checkpoints = token_path.parent / "checkpoints-out"
    assert len(list(checkpoints.iterdir())) == 1
    run(token_path, "out", seed=1)
    run(token_path, "out", batch_size=4)
    run(token_path, "out", model={"width": 4})
    assert len(list(checkpoints.iterdir())) == 4


def test_an_exploding_loss_stops_with_step_and_rate(token_path):
    rates = OptimizerConfig(learning_rate=1e30, warmup_updates=1)
    with pytest.raises(TTOError, match=r"expected .*, got .* at update \d+ with learning rate"):
        train(
            token_path,
            token_path.parent / "out",
            model=SIZES,
            training=TrainingConfig(epochs=20, batch_size=8, optimizer=rates),
            seed=0,
            checkpoints=token_path.parent / "checkpoints",
        )


def test_saved_and_loaded_models_are_equal(token_path):
    trained = run(token_path, "out")
    loaded = tto.load(token_path.parent / "out")
    tokens = np.arange(15).reshape(3, 5) % 4
    np.testing.assert_array_equal(loaded.log_probs(tokens), trained.log_probs(tokens))
    np.testing.assert_array_equal(loaded.discretizer.edges, trained.discretizer.edges)
    assert loaded.tokens == trained.tokens
    assert np.exp(loaded.log_probs(tokens)).sum(axis=1) == pytest.approx(np.ones(15), abs=1e-5)
    encoded = loaded.encode(np.full((2, 2), 1.5), np.zeros((2, 1)), np.zeros(2), np.full(2, 3.2))
    np.testing.assert_array_equal(encoded, [[1, 1, 0, 0, 3]] * 2)


def test_damaged_models_are_refused(token_path):
    run(token_path, "out")
    folder = token_path.parent / "out"
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(TTOError, match="expected content of SHA-256"):
        tto.load(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(TTOError, match=r"expected model.safetensors in it, found none"):
        tto.load(folder)


def test_wrong_shapes_to_encode_are_errors(token_path):
    trained = run(token_path, "out")
    with pytest.raises(TTOError, match=r"encode: .*expected shape \(T, 2\)"):
        trained.encode(np.zeros((2, 3)), np.zeros((2, 1)), np.zeros(2), np.zeros(2))


def test_a_model_without_rewards_ignores_them(token_path):
    trained = run(token_path, "out")
    blind = replace(trained, tokens=replace(trained.tokens, rewards_ignored=True))
    columns = np.ones((3, 2)), np.ones((3, 1)), np.full(3, 2.0), np.array([3.0, 2.0, 1.0])
    assert trained.encode(*columns)[:, 3:].tolist() == [[2, 3], [2, 2], [2, 1]]
    np.testing.assert_array_equal(blind.encode(*columns)[:, 3:], 0)
    np.testing.assert_array_equal(blind.encode(*columns)[:, :3], 1)


def test_a_lock_keeps_a_second_trainer_out(tmp_path):
    with locked(tmp_path), open(tmp_path / "lock") as second, pytest.raises(BlockingIOError):
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_checkpoints_are_replaced_whole(tmp_path):
    assert load_checkpoint(tmp_path) is None
    save_checkpoint(tmp_path, {"update": 1, "loss": math.nan, "weights": torch.ones(2)})
    save_checkpoint(tmp_path, {"update": 2})
    assert load_checkpoint(tmp_path) == {"update": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
