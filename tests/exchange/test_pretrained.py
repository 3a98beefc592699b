"""Checkpoints in the formats of other implementations become models that plan."""

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from foreign_checkpoints import write_cached, write_official, write_port
from port_reference import Port, port_logits, port_of, randomise

import tto
from tto.errors import TTOError
from tto.exchange.card import model_card
from tto.exchange.export import export_model
from tto.exchange.pretrained import ImportSettings, import_model, read_source
from tto.model.trained import TrainedModel, save
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.plain_pickle import read_config_pickle
from tto.planning.uncached import UncachedEngine
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes

O, A, V, T = 11, 3, 9, 3  # hopper's
D = O + A + 2
CONFIG = ModelConfig(
    observation_dim=O,
    action_dim=A,
    vocabulary=V,
    layers=1,
    heads=2,
    width=8,
    output="per_dimension",
    attend_values=False,
    dropout_at="gpt",
    stop_token=True,
    max_transitions=T,
)
EDGES = np.sort(np.random.default_rng(0).normal(size=(D, V + 1)), axis=1)


@pytest.fixture
def port() -> torch.nn.Module:
    port = port_of(CONFIG)
    randomise(port, torch.Generator().manual_seed(0))
    return port


def assert_plans_with_the_ports_logits(model: TrainedModel, port: torch.nn.Module) -> None:
    tokens = np.random.default_rng(1).integers(V, size=(T, D))
    expected = port_logits(port, torch.from_numpy(tokens.reshape(1, -1)))[0, :-1, :V]
    ours = model.log_probs(tokens)[:-1]
    np.testing.assert_allclose(ours, expected.log_softmax(-1).numpy(), rtol=0, atol=1e-4)
    controller = tto.Controller(
        model, beam_width=2, horizon=2, context=1, engine=UncachedEngine(model.network)
    )
    for _ in range(2):
        action = controller.act(np.zeros(O))
        assert action.shape == (A,)
        controller.observe(action, 0.0)


@pytest.mark.parametrize("safe", [True, False])
def test_a_transformers_folder(tmp_path, port, safe):
    write_port(tmp_path / "port", port.state_dict(), CONFIG, safe=safe)
    np.save(tmp_path / "thresholds.npy", EDGES.T)
    model = import_model(
        tmp_path / "port", bins=tmp_path / "thresholds.npy", given=ImportSettings(env="Hopper-v5")
    )
    assert np.array_equal(model.discretizer.edges, EDGES)
    assert model.tokens.env == "Hopper-v5"
    assert_plans_with_the_ports_logits(model, port)
    save(tmp_path / "ours", model, extra={})
    assert_plans_with_the_ports_logits(tto.load(tmp_path / "ours"), port)


def test_a_folder_of_the_official_code(tmp_path, port):
    write_official(tmp_path / "run", port.state_dict(), CONFIG)
    np.savez(tmp_path / "bins.npz", thresholds=EDGES.T)
    model = import_model(tmp_path / "run", bins=tmp_path / "bins.npz")
    tokens = model.tokens
    assert (tokens.dataset, tokens.env) == ("hopper-medium-v2", "Hopper-v4")
    assert (tokens.discount, tokens.terminal_penalty) == (0.98, -70)
    assert not tokens.to_go_includes_reward
    assert (model.config.heads, model.config.dropout) == (2, 0.25)
    assert_plans_with_the_ports_logits(model, port)  # it reads state_19.pt, the last one


def use_names_of_numpy_1(path: Path) -> None:
    """Rename NumPy's modules in a file that torch saved to their names before version 2."""
    with zipfile.ZipFile(path) as file:
        records = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in records.items():
            file.writestr(name, content.replace(b"numpy._core.", b"numpy.core."))


@pytest.mark.parametrize("old", [False, True])
def test_a_folder_of_the_cached_code(tmp_path, port, old):
    write_cached(tmp_path / "run", port.state_dict(), CONFIG, EDGES)
    if old:
        use_names_of_numpy_1(tmp_path / "run" / "discretizer.pt")
    model = import_model(tmp_path / "run")
    assert np.array_equal(model.discretizer.edges, EDGES)
    assert (model.tokens.discount, model.tokens.terminal_penalty) == (0.97, None)
    assert not model.config.stop_token
    tokens = np.random.default_rng(1).integers(V, size=(T, D))
    expected = port_logits(port, torch.from_numpy(tokens.reshape(1, -1)))[0, :, :V]
    np.testing.assert_allclose(
        model.log_probs(tokens), expected.log_softmax(-1).numpy(), rtol=0, atol=1e-4
    )
    assert_plans_with_the_ports_logits(model, port)


def our_model(**changes) -> TrainedModel:
    network = TrajectoryTransformer(ModelConfig(**{**vars(CONFIG), **changes})).eval()
    randomise(network, torch.Generator().manual_seed(3))
    attributes = TokenAttributes(
        dataset="mine-v0",
        env="Hopper-v5",
        observation_dim=O,
        action_dim=A,
        vocabulary=V,
        discretizer="quantile",
        discount=0.9,
        to_go_includes_reward=True,
        terminal_penalty=None,
    )
    return TrainedModel(network, Discretizer("quantile", EDGES), attributes)


@pytest.mark.parametrize(
    "changes", [{}, {"output": "shared", "position": "factored", "stop_token": False}]
)
def test_an_export_loads_in_transformers_and_comes_back(tmp_path, changes):
    model = our_model(**changes)
    export_model(model, tmp_path / "out")
    port = Port.from_pretrained(tmp_path / "out").eval()
    assert_plans_with_the_ports_logits(model, port)
    back = import_model(tmp_path / "out")
    assert back.tokens == model.tokens
    assert back.config.stop_token == model.config.stop_token
    assert np.array_equal(back.discretizer.edges, model.discretizer.edges)
    assert_plans_with_the_ports_logits(back, port)
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"{D} tokens: {O} of the observation" in card
    assert "{" not in card.replace("{V", "")
    assert ("ignore it" in card) == (not model.config.stop_token)


def test_an_export_in_our_layout_loads(tmp_path):
    model = our_model(attend_values=True)
    with pytest.raises(TTOError, match="attend_values"):
        export_model(model, tmp_path / "out", layout="transformers")
    assert not list(tmp_path.iterdir())
    assert export_model(model, tmp_path / "out", extra={"seed": 3}) == "tto"
    assert json.loads((tmp_path / "out/config.json").read_text())["seed"] == 3
    loaded = tto.load(tmp_path / "out")
    tokens = np.zeros((T, D), dtype=np.int64)
    assert np.array_equal(loaded.log_probs(tokens), model.log_probs(tokens))
    assert "tto.load" in model_card(model, layout="tto")


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
        lambda state: {f"_orig_mod.module.{name}": tensor for name, tensor in state.items()},
        lambda state: {f"module._orig_mod.{name}": tensor for name, tensor in state.items()},
        lambda state: {"epoch": 3, "state_dict": dict(state)},
        lambda state: {"model": {f"module.{name}": t for name, t in state.items()}, "update": 1},
    ],
)
def test_wrappers_of_training_are_taken_off(tmp_path, port, wrapped):
    write_port(tmp_path / "port", port.state_dict(), CONFIG)
    (tmp_path / "port" / "model.safetensors").unlink(missing_ok=True)
    torch.save(wrapped(port.state_dict()), tmp_path / "port" / "pytorch_model.bin")
    found = read_source(tmp_path / "port")
    assert found.tensors.keys() == port.state_dict().keys()


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "state_3.pt"])
def test_a_pointer_of_git_lfs_is_named(tmp_path, name: str):
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(
        TTOError, match="got a pointer of Git LFS to it; fetch it by `git lfs pull`"
    ):
        read_source(tmp_path)


class Planted:
    """An object that writes a file when its pickle is read without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "planted"))


def test_nothing_in_a_checkpoint_runs(tmp_path, port):
    planted = Planted(tmp_path / "ran")
    write_port(tmp_path / "port", port.state_dict(), CONFIG)
    for folder, name in (("state", "state_1.pt"), ("bins", "discretizer.pt")):
        (tmp_path / folder).mkdir()
        torch.save({"edges": planted}, tmp_path / folder / name)
    with pytest.raises(TTOError, match="load without running code"):
        import_model(tmp_path / "state")
    with pytest.raises(TTOError, match="reading failed"):
        import_model(
            tmp_path / "port",
            bins=tmp_path / "bins" / "discretizer.pt",
            given=ImportSettings(env="Hopper-v5"),
        )
    np.save(tmp_path / "bins.npy", np.array([planted], dtype=object), allow_pickle=True)
    with pytest.raises(TTOError, match="reading failed"):
        import_model(
            tmp_path / "port", bins=tmp_path / "bins.npy", given=ImportSettings(env="Hopper-v5")
        )
    (tmp_path / "config.pkl").write_bytes(pickle.dumps(planted))
    with pytest.raises(TTOError, match="expected a config pickled by the official code"):
        read_config_pickle(tmp_path / "config.pkl")
    assert not (tmp_path / "ran").exists()
    pickle.loads((tmp_path / "config.pkl").read_bytes())
    assert (tmp_path / "ran").exists(), "the trap itself does not work"


def test_errors_name_the_option_for_what_is_missing(tmp_path, port):
    write_port(tmp_path / "port", port.state_dict(), CONFIG)
    given = ImportSettings(env="Hopper-v5")
    with pytest.raises(TTOError, match="by --env"):
        import_model(tmp_path / "port")
    with pytest.raises(TTOError, match="by --bins"):
        import_model(tmp_path / "port", given=given)
    with pytest.raises(TTOError, match=r"expected the 17 \+ 6 dimensions of HalfCheetah-v5"):
        import_model(tmp_path / "port", given=ImportSettings(env="HalfCheetah-v5"))
    with pytest.raises(TTOError, match="none; name the file"):
        import_model(tmp_path)
    np.save(tmp_path / "bins.npy", EDGES[:-1])
    with pytest.raises(TTOError, match="expected 10 edges of each of 16 dimensions"):
        import_model(tmp_path / "port", bins=tmp_path / "bins.npy", given=given)
    (tmp_path / "port" / "config.json").unlink()
    with pytest.raises(TTOError, match="by --heads"):
        import_model(tmp_path / "port", given=given)
