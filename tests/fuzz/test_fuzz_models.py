"""Hostile models, baselines and checkpoints: each loads and plays, or ends in one TTOError."""

import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_checkpoints import write_official, write_port
from hostile import changed, damaged
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save
from small_world import random_model
from trial import Trial

from tto.baselines.actor import Actor
from tto.baselines.behavior_cloning import BehaviorCloningConfig, Perceptron
from tto.baselines.decision_transformer import DecisionTransformer, DTConfig
from tto.baselines.files import write_baseline
from tto.baselines.mbop import MBOPConfig, MBOPNetworks
from tto.baselines.offline_rl import OfflineRLConfig
from tto.baselines.pets.ensemble import Ensemble, EnsembleConfig
from tto.exchange.port import to_port
from tto.exchange.pretrained import BINS_FILE
from tto.model.trained import save as save_model
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.model.weights_file import CONFIG, WEIGHTS, write_weights
from tto.training.checkpoint import save_checkpoint

ORIGIN = {"env_id": "Toy-v0", "dataset": "toy-v0", "seed": 0}
METRICS = [{"update": 1, "loss": 0.0}]


def tiny_model(folder: Path) -> None:
    save_model(folder, random_model("official"), extra={"seed": 3})


def tiny_cloning(folder: Path) -> None:
    settings = BehaviorCloningConfig(hidden=(4, 4))
    config = ORIGIN | asdict(settings)
    write_baseline(folder, Perceptron(3, 2, settings.hidden), config=config, metrics=METRICS)


def tiny_actor(folder: Path) -> None:
    settings = OfflineRLConfig(hidden=(4,))
    config = {"method": "cql", **ORIGIN, **asdict(settings)}
    write_baseline(folder, Actor(3, 2, settings.hidden), config=config, metrics=METRICS)


def tiny_mbop(folder: Path) -> None:
    settings = MBOPConfig(hidden=(4,), members=2, trajectories=4, horizon=2)
    network = MBOPNetworks(3, 2, members=2, hidden=settings.hidden)
    config = {"method": "mbop", **ORIGIN, **asdict(settings)}
    write_baseline(folder, network, config=config, metrics=METRICS)


def tiny_decision_transformer(folder: Path) -> None:
    settings = DTConfig(layers=1, width=4, context=2)
    network = DecisionTransformer(3, 2, 5, settings)
    config = {"method": "dt", **ORIGIN, **asdict(settings)}
    write_baseline(folder, network, config=config, metrics=METRICS)


def tiny_ensemble(folder: Path) -> None:
    settings = EnsembleConfig(hidden=(4,), members=2)
    config = {"masked": False, **ORIGIN, **asdict(settings)}
    network = Ensemble(3, 2, members=2, hidden=settings.hidden)
    write_baseline(folder, network, config=config, metrics=METRICS)


# The tiny folder of each kind, and the case of `trial.py` that opens and uses it.
KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "model": (tiny_model, "plan"),
    "cloning": (tiny_cloning, "act"),
    "actor": (tiny_actor, "act"),
    "mbop": (tiny_mbop, "act"),
    "dt": (tiny_decision_transformer, "act"),
    "ensemble": (tiny_ensemble, "ensemble"),
}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """The process that opens the files, when it has imported and compiled what it needs."""
    trial, folder = Trial(), tmp_path_factory.mktemp("first")
    tiny_model(folder)
    assert trial("plan", folder) == "ok"
    yield trial
    trial.close()


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A whole folder of each kind, a folder to spoil, and the case that opens it."""
    make, case = KINDS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "whole").mkdir()
    make(folder / "whole")
    shutil.copytree(folder / "whole", folder / "spoiled")
    return folder / "whole", folder / "spoiled", case


def author(folder: Path, config: Any) -> None:
    """Write config.json as whoever made the model could have: with digests that fit, or without."""
    content = save(load((folder / WEIGHTS).read_bytes()))  # without the digest of the config
    (folder / WEIGHTS).write_bytes(content)
    if isinstance(config, dict):
        config = {**config, "weights_sha256": hashlib.sha256(content).hexdigest()}
    (folder / CONFIG).write_text(json.dumps(config))


@given(st.data())
def test_any_config_is_used_or_refused(kind, trial, data):
    whole, spoiled, case = kind
    shutil.copy(whole / WEIGHTS, spoiled / WEIGHTS)
    config = json.loads((whole / CONFIG).read_text())
    author(spoiled, data.draw(changed(config)))
    trial(case, spoiled)


@given(st.data())
def test_any_damage_of_a_file_is_noticed(kind, trial, data):
    whole, spoiled, case = kind
    name = data.draw(st.sampled_from([CONFIG, WEIGHTS]))
    for each in (CONFIG, WEIGHTS):
        shutil.copy(whole / each, spoiled / each)
    before = (whole / name).read_bytes()
    after = data.draw(damaged(before))
    (spoiled / name).write_bytes(after)
    if trial(case, spoiled) == "ok" and after != before:  # only what has no meaning may change
        assert name == CONFIG
        assert json.loads(after) == json.loads(before)


@given(st.data())
def test_any_weights_without_a_digest_are_used_or_refused(kind, trial, data):
    whole, spoiled, case = kind
    shutil.copy(whole / WEIGHTS, spoiled / WEIGHTS)
    author(spoiled, json.loads((whole / CONFIG).read_text()))
    config = json.loads((spoiled / CONFIG).read_text())
    del config["weights_sha256"]
    (spoiled / CONFIG).write_text(json.dumps(config))
    (spoiled / WEIGHTS).write_bytes(data.draw(damaged((spoiled / WEIGHTS).read_bytes())))
    trial(case, spoiled)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_never_used(kind, trial, value):
    whole, spoiled, case = kind
    tensors = load((whole / WEIGHTS).read_bytes())
    config = json.loads((whole / CONFIG).read_text())
    for name, tensor in tensors.items():
        if name in ("action_low", "action_high"):
            continue
        bad = {**tensors, name: tensor.clone()}
        bad[name].view(-1)[-1] = value
        (spoiled / WEIGHTS).write_bytes(save(bad))
        (spoiled / CONFIG).write_text(
            json.dumps({k: v for k, v in config.items() if k != "weights_sha256"})
        )
        line = trial(case, spoiled)
        assert "NaN or infinity" in line
        assert name in line


PORT = ModelConfig(
    observation_dim=11,
    action_dim=3,
    vocabulary=5,
    layers=1,
    heads=2,
    width=4,
    output="per_dimension",
    dropout_at="gpt",
    stop_token=True,
    max_transitions=2,
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of the official code and of its port, with bins beside them."""
    folder = tmp_path_factory.mktemp("port")
    state = to_port(TrajectoryTransformer(PORT))
    write_port(folder / "port", state, PORT)
    write_official(folder / "official", state, PORT)
    edges = torch.arange(6.0, dtype=torch.float64).expand(16, -1).contiguous()
    for name in ("port", "official"):
        (folder / name / BINS_FILE).write_bytes(save({"edges": edges}))
    return folder


@given(st.data())
def test_any_foreign_checkpoint_is_imported_or_refused(port, trial, data):
    name = data.draw(st.sampled_from(["port", "official"]))
    spoiled = port / "spoiled"
    shutil.rmtree(spoiled, ignore_errors=True)
    shutil.copytree(port / name, spoiled)
    path = data.draw(st.sampled_from(sorted(spoiled.iterdir())))
    if path.name == "config.json" and data.draw(st.booleans()):
        path.write_text(json.dumps(data.draw(changed(json.loads(path.read_text())))))
    else:
        path.write_bytes(data.draw(damaged(path.read_bytes())))
    trial("imported", spoiled)


def test_whole_folders_are_used(kind, port, trial):
    whole, _, case = kind
    assert trial(case, whole) == "ok"
    for name in ("port", "official"):
        assert trial("imported", port / name) == "ok"


@given(st.data())
def test_any_damaged_checkpoint_is_refused(tmp_path_factory, trial, data):
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, {"update": 1, "weights": torch.arange(50.0), "rows": [{"a": 1}]})
    path = folder / "checkpoint.pt"
    whole = path.read_bytes()
    content = data.draw(damaged(whole))
    if data.draw(st.booleans()):  # as whoever wrote another file in its place
        content = content[:-32] + hashlib.sha256(content[:-32]).digest()
        path.write_bytes(content)
        trial("resume", folder)
    else:
        path.write_bytes(content)
        line = trial("resume", folder)
        assert content == whole or "remove it to train from the beginning" in line


def test_old_folders_without_a_digest_of_the_config_are_read(kind, trial):
    whole, spoiled, case = kind
    shutil.copy(whole / WEIGHTS, spoiled / WEIGHTS)
    author(spoiled, copy.deepcopy(json.loads((whole / CONFIG).read_text())))
    assert trial(case, spoiled) == "ok"


def test_each_flipped_bit_of_a_config_is_refused_or_without_meaning(tmp_path, trial):
    settings = {"format_version": 1, "model": {"layers": 2, "goal": False}, "seed": 3}
    write_weights(tmp_path, {"a": torch.zeros(1)}, settings)
    from tto.model.weights_file import read_config, read_weights

    whole = (tmp_path / CONFIG).read_bytes()
    for place in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << (place % 8)
        (tmp_path / CONFIG).write_bytes(flipped)
        try:
            config = read_config(tmp_path)
            read_weights(tmp_path, config)
        except Exception:
            continue
        assert config == json.loads(whole)
