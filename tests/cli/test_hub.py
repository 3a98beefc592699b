"""Models go to a hub and come back, by its own package and a server on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from hub_server import Hub, serve_hub
from rollout_rows import HOPPER, rollout_rows
from tiny_models import save_model

import tto
from tto.cli.model_facts import facts_of
from tto.errors import TTOError
from tto.exchange.card import Facts, model_card
from tto.exchange.hub import fetch, is_address, push
from tto.model.planner_file import PLANNER, write_planner

TOKENS = np.random.default_rng(0).integers(8, size=(4, 6))
COMMAND = "import sys; from tto.cli.app import main; main()"
LOADED = (
    "import tto, numpy, sys; print(tto.load(sys.argv[1]).log_probs(numpy.zeros((2, 6), int)).sum())"
)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve_hub() as hub:
        yield hub


def run(folder: Path, hub: Hub, code: str, *arguments: object, **settings: str) -> str:
    """Run Python code in a process of its own, whose hub is `hub`; returns output and errors."""
    environment = {"HF_ENDPOINT": hub.address, "HF_HOME": str(folder / "home"), "HF_TOKEN": "hf_x"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder,
        env=os.environ | environment | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.slow
def test_a_model_is_pushed_and_loaded(tmp_path: Path, hub: Hub):
    model = save_model(tmp_path / "model", attend_values=True)
    write_planner(model / PLANNER, {"beam_width": 7})
    (tmp_path / "model/secret.pkl").write_bytes(b"x")
    said = run(tmp_path, hub, COMMAND, "push", model, "me/rooms", "--license", "mit", "--private")
    assert 'tto.load("hf://me/rooms")' in said
    files = hub.repositories["me/rooms"]
    assert set(files) == {"README.md", "config.json", "model.safetensors", PLANNER}
    assert "me/rooms" in hub.private
    card = yaml.safe_load(files["README.md"].decode().split("---")[1])
    assert (card["license"], card["library_name"]) == ("mit", "tto")
    files["evil.pkl"] = b"cos\nsystem\n"

    expected = str(tto.load(model).log_probs(np.zeros((2, 6), int)).sum())
    assert run(tmp_path, hub, LOADED, "hf://me/rooms@main").split()[-1] == expected
    assert not any("evil" in request for request in hub.requests)
    # and from its cache, without a hub
    offline = run(tmp_path, hub, LOADED, "hf://me/rooms@main", HF_HUB_OFFLINE="1")
    assert offline.split()[-1] == expected
    assert "wrote back" in run(tmp_path, hub, COMMAND, "import", "hf://me/rooms", "back")
    loaded = tto.load(tmp_path / "back").log_probs(TOKENS)
    np.testing.assert_array_equal(loaded, tto.load(model).log_probs(TOKENS))
    assert tto.load(tmp_path / "back").planner == {"beam_width": 7}


@pytest.mark.slow
def test_what_a_hub_gives_is_checked_as_any_folder(tmp_path: Path, hub: Hub):
    folder = save_model(tmp_path / "model")
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    hub.repositories["me/bad"] = {
        "model.safetensors": bytes(weights),
        "config.json": (folder / "config.json").read_bytes(),
    }
    assert "expected content of SHA-256" in run(tmp_path, hub, LOADED, "hf://me/bad")
    line = run(tmp_path, hub, COMMAND, "import", "hf://me/none", "back").strip()
    assert line.startswith("Error: hf:/")
    assert "expected a model of the hub" in line
    assert "\n" not in line


@pytest.mark.parametrize("address", ["hf://name", "hf://a/b/c", "hf://../up", "hf://a/b@"])
def test_what_is_no_address_is_refused(address: str):
    assert is_address(address)
    with pytest.raises(TTOError, match="expected an address such as"):
        fetch(address)


@pytest.mark.parametrize("name", ["name", "a/b/c", "a/b@c", ""])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str):
    with pytest.raises(TTOError, match="expected a name such as"):
        push(tmp_path, name)


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # type: ignore[arg-type]
    with pytest.raises(TTOError, match="pip install huggingface_hub"):
        tto.load("hf://me/rooms")


def test_the_card_holds_data_scores_planner_and_licence(tmp_path: Path):
    run = tmp_path / "results/mine"
    folder = save_model(run / "models/tiny/seed0", dataset="tiny")
    config = {
        "datasets": {"tiny": {"env": "Hopper-v5", "source": "collect", "kind": "medium"}},
        "planning": {"beam_width": 7, "overrides": {"tiny": {"horizon": 2}}},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    rollout_rows("tiny", returns=HOPPER).to_csv(run / "rollouts.csv", index=False)
    facts = facts_of(folder, licence="mit")
    assert facts.planner == {"beam_width": 7, "horizon": 2}
    card = model_card(tto.load(folder), layout="tto", facts=facts)
    for part in ("license: mit", "collected by", "| horizon | 2 |", "beam_width=7", "2 models"):
        assert part in card
    assert "40.0 [-87.1, 167.1]" in card  # scores 30 and 50, Student's t
    assert "Not measured" in model_card(tto.load(folder), layout="tto")
    assert facts_of(save_model(tmp_path / "alone")) == Facts()
