"""`tto new`: from data to an overlay that the workflow takes, which concerns these data alone."""

import sys
from pathlib import Path

import gymnasium
import h5py
import minari
import numpy as np
import pytest
import yaml
from minari.data_collector import EpisodeBuffer
from running import copy_workflow, full_text, planned, snakemake

from tto.cli.app import main
from tto.cli.new_data import NewData, look_into
from tto.cli.new_overlay import new_run, overlay_text, read_base, run_name
from tto.cli.run_time import in_words, seconds_of
from tto.errors import TTOError

pytestmark = pytest.mark.filterwarnings("ignore:.*is set to None")  # Minari's
PENDULUM = "InvertedPendulum-v5"
ENDLESS = """
import gymnasium
from gymnasium.envs.mujoco.inverted_pendulum_v5 import InvertedPendulumEnv
gymnasium.register("Endless-v0", entry_point=InvertedPendulumEnv)
"""


def episodes(count: int, steps: int) -> list[EpisodeBuffer]:
    """Episodes of random actions, of which every second one is cut off early."""
    env, rng = gymnasium.make(PENDULUM), np.random.default_rng(0)
    found = []
    for number in range(count):
        observation, _ = env.reset(seed=number)
        buffer = EpisodeBuffer(
            observations=[observation], actions=[], rewards=[], terminations=[], truncations=[]
        )
        while True:
            action = rng.uniform(-0.1, 0.1, 1).astype(np.float32)
            observation, reward, terminated, _, _ = env.step(action)
            last = number % 2 == 1 and len(buffer.rewards) == steps - 1
            for name, value in (
                ("observations", observation),
                ("actions", action),
                ("rewards", float(reward)),
                ("terminations", terminated),
                ("truncations", last and not terminated),
            ):
                getattr(buffer, name).append(value)
            if terminated or last:
                break
        found.append(buffer)
    env.close()
    return found


def write_hdf5(path: Path, buffers: list[EpisodeBuffer], *without: str) -> None:
    columns = {
        "observations": [b.observations[:-1] for b in buffers],
        "next_observations": [b.observations[1:] for b in buffers],
        "actions": [b.actions for b in buffers],
        "rewards": [b.rewards for b in buffers],
        "terminals": [b.terminations for b in buffers],
        "timeouts": [b.truncations for b in buffers],
    }
    with h5py.File(path, "w") as file:
        for name, parts in columns.items():
            if name not in without:
                file[name] = np.concatenate([np.asarray(part) for part in parts])


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with recordings of one pendulum in several forms."""
    copy_workflow(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.setattr("tto.cli.run_time.seconds_of", lambda *_: 100.0)
    (tmp_path / "endless.py").write_text(ENDLESS)
    buffers = episodes(6, 5)
    write_hdf5(tmp_path / "My Data.hdf5", buffers)
    write_hdf5(tmp_path / "no_timeouts.hdf5", buffers, "timeouts")
    minari.create_dataset_from_buffers("mine-v0", buffers, env=PENDULUM, author="nobody")
    return tmp_path


def new(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["tto", "new", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


CASES = {
    "ends": (["My Data.hdf5", "--env", PENDULUM], "my-data", {"source": "file"}),
    "no timeouts": (
        ["no_timeouts.hdf5", "--env", PENDULUM],
        "no_timeouts",
        {"source": "file", "path": "no_timeouts.hdf5"},
    ),
    "minari": (["mine-v0"], "mine-v0", {"source": "minari", "id": "mine-v0", "env": PENDULUM}),
    "minari folder": (
        ["minari/mine-v0", "--name", "it", "--output", "it.yaml"],
        "it",
        {"source": "file", "path": "minari/mine-v0"},
    ),
    "no time limit": (
        ["mine-v0", "--env", "endless:Endless-v0"],
        "mine-v0",
        {"env": "endless:Endless-v0", "source": "minari"},
    ),
    "no data": (
        ["--env", "endless:Endless-v0"],
        "endless-v0",
        {"source": "collect", "kind": "random"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "name", "entry"), CASES.values(), ids=CASES)
def test_the_workflow_plans_what_concerns_the_data(
    arguments: list[str], name: str, entry: dict, clone: Path, monkeypatch, capsys
):
    assert new(monkeypatch, *arguments) == 0
    said = capsys.readouterr().out
    assert f"snakemake --cores all --configfile {name}.yaml" in said
    assert "about 2 minutes" in said
    overlay = yaml.safe_load((clone / f"{name}.yaml").read_text())
    assert entry.items() <= overlay["datasets"][name].items()
    assert ("max_steps" in overlay["datasets"][name]) == ("endless:Endless-v0" in arguments)
    run = snakemake(clone, "--dry-run", "--configfile", f"{name}.yaml")
    assert run.returncode == 0, run.stdout
    jobs = planned(run.stdout)
    once = ("tokenize", "train", "plan", "film", "returns", "returns_figure", "report")
    assert [jobs[rule] for rule in once] == [1] * len(once)
    assert not {"table1", "figure4", "extended", "predict", "reach_goals"} & set(jobs)
    assert not any(word in full_text(clone) for word in ("hopper", "four-rooms"))


def test_what_cannot_be_taken_is_one_line(clone: Path, monkeypatch):
    said = str(new(monkeypatch, "no_timeouts.hdf5"))
    assert "expected --env, since such a file does not name its environment" in said
    assert "expected data, or an environment" in str(new(monkeypatch))
    assert "found no such file or folder" in str(new(monkeypatch, "none.hdf5"))
    assert "as in Hopper-v5" in str(new(monkeypatch, "no_timeouts.hdf5", "--env", "Hopper-v5"))
    (clone / "mine-v0.yaml").write_text("mine")
    assert "expected a new file" in str(new(monkeypatch, "mine-v0"))
    assert (clone / "mine-v0.yaml").read_text() == "mine"
    assert new(monkeypatch, "mine-v0", "--force") == 0
    assert "letters, digits" in str(new(monkeypatch, "mine-v0", "--name", "a/b"))
    with h5py.File("no_timeouts.hdf5", "a") as file:
        file["rewards"][2] = np.nan
    said = str(new(monkeypatch, "no_timeouts.hdf5", "--env", PENDULUM))
    assert "expected finite values, but rewards is" in said
    monkeypatch.chdir(clone / "lib")
    assert "go to the folder of the workflow" in str(new(monkeypatch, "mine-v0"))


def test_a_module_in_a_dataset_is_not_imported(clone: Path):
    path = clone / "minari/mine-v0/data/metadata.json"
    path.write_text(path.read_text().replace(PENDULUM, f"evil:{PENDULUM}"))
    with pytest.raises(TTOError, match="expected an id without a module"):
        look_into("mine-v0")
    assert look_into("mine-v0", env=PENDULUM).env_id == PENDULUM


def test_unfinished_episodes_and_clipped_actions_are_noted(clone: Path):
    with h5py.File("no_timeouts.hdf5", "a") as file:
        file["terminals"][:] = False
        file["actions"][0] = 5
    found = look_into("no_timeouts.hdf5", env=PENDULUM)
    assert found.entry["unfinished"] == "truncate"
    assert any("episodes without an end" in note for note in found.notes)
    assert any("clip the actions of 1 transitions" in note for note in found.notes)


def data(transitions: int, O: int, A: int, episodes: int = 9) -> NewData:
    entry = {"env": "X-v0", "source": "file", "path": "x: {y}.hdf5"}
    lengths = [transitions // episodes] * episodes
    return NewData("x.hdf5", entry, O, A, transitions, 1000, lengths, [1.0] * episodes)


@pytest.mark.parametrize(
    ("given", "block", "epochs"),
    [
        (data(80_000, 11, 3), 96, 7),  # as in the demo
        (data(7_000, 4, 1), 6 * 7, 30),  # no more passes
        (data(20_000, 10, 2), 6 * 14, 12),  # enough updates
        (data(1_000_000, 17, 6), 6 * 25, 0.36),
        (data(100_000, 105, 8), 4 * 115, 0.78),
        (data(100_000, 376, 17), 3 * 395, 0.23),
    ],
)
def test_sizes_follow_from_the_data(given: NewData, block: int, epochs: float, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    run = new_run("x", given, read_base())
    assert run.overlay["model"]["block_tokens"] == block
    assert run.overlay["training"]["epochs"] == epochs
    assert run.overlay.get("planning", {}).get("context", 3) < block // run.transition_dim
    assert yaml.safe_load(overlay_text(run, file="x.yaml")) == run.overlay


def test_a_trial_measures_the_machine(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    base = read_base()
    small, large = (new_run("x", data(n, 3, 1), base) for n in (10_000, 1_000_000))
    assert 10 < seconds_of(small, base) < seconds_of(large, base)
    assert [in_words(s) for s in (10, 250, 1500, 9000)] == [
        *("about 2 minutes", "about 4 minutes", "about 25 minutes", "about 2.5 hours")
    ]


def test_names_of_runs():
    named = data(10, 1, 1)
    assert run_name(None, named) == "x"
    assert run_name("Mine_2", named) == "Mine_2"
