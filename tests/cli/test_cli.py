"""The commands, run in this process with the arguments of a shell."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tiny_models import FOUR_ROOMS, save_model

import tto
from tto.baselines.behavior_cloning import train_behavior_cloning
from tto.baselines.offline_rl import train_offline_rl
from tto.baselines.policies import load_policy
from tto.cli.app import main
from tto.cli.names import find, models, policy_beside
from tto.cli.play import file_name
from tto.data.episode import Episode
from tto.data.episodes import open_dataset, write_dataset
from tto.errors import TTOError
from tto.evaluation.rollout import evaluate
from tto.evaluation.rollout_file import Evaluation, write_rollouts
from tto.model.planner_file import write_planner
from tto.tokens.token_file import TokenBlock, write_token_file
from tto.tokens.tokenize import tokenize_dataset
from tto.training.checkpoint import save_checkpoint


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run `tto ARGUMENTS`; return the exit status or the error's line, and the output."""

    def run(*arguments: object) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["tto", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().out

    return run


def value_of(label: str, printed: str) -> str:
    (line,) = re.findall(rf"^{re.escape(label)}  +(.*)$", printed, re.MULTILINE)
    return line


def four_rooms_dataset(folder: Path) -> None:
    rng = np.random.default_rng(0)

    def episode(length: int) -> Episode:
        return Episode(
            observations=rng.uniform(size=(length + 1, 2)).astype(np.float32),
            actions=rng.uniform(-1, 1, (length, 2)).astype(np.float32),
            rewards=np.arange(length, dtype=np.float32),
            terminated=length == 3,
            truncated=length != 3,
        )

    write_dataset(
        folder, [episode(3), episode(5)], env_id=FOUR_ROOMS, algorithm="-", description="-"
    )


def test_play_acts_like_a_controller(tmp_path, run):
    folder = save_model(tmp_path / "model", goal=True)
    arguments = ["--beam-width", 2, "--horizon", 2, "--context", 1, "--max-steps", 6, "--seed", 5]
    status, printed = run("play", folder, *arguments, "--no-video", "--set", "action_decode=mean")
    assert status == 0
    controller = tto.Controller(
        tto.load(folder),
        objective="goal",
        beam_width=2,
        horizon=2,
        context=1,
        action_decode="mean",
        seed=5,
    )
    (rollout,) = evaluate(controller, FOUR_ROOMS, seeds=[5], max_steps=6)
    (row,) = [line.split() for line in printed.splitlines() if line.startswith("TTO  ")]
    assert row[:5] == ["TTO", "5", f"{rollout.total_reward:.1f}", "-", str(len(rollout.rewards))]


def test_play_plays_baselines_too(tmp_path, run):
    four_rooms_dataset(tmp_path / "rooms")
    dataset = open_dataset(tmp_path / "rooms")
    train_behavior_cloning(dataset, tmp_path / "bc", seed=0, hidden=[4], epochs=1)
    sizes = {"hidden": [4], "updates": 2, "batch_size": 4}
    more = {"method": "td3_bc", "seed": 0, "checkpoints": tmp_path / "checkpoints"}
    train_offline_rl(dataset, tmp_path / "td3_bc", **more, **sizes)
    for method in ("bc", "td3_bc"):
        status, printed = run(
            "play", tmp_path / method, "--episodes=2", "--max-steps=3", "--no-video"
        )
        assert status in (None, 0)
        assert re.findall(r"^.*\S  (\d) +\S+ +\S+ +(\d)", printed, re.MULTILINE) == [
            ("0", "3"),
            ("1", "3"),
        ]
        status, _ = run("play", tmp_path / method, "--horizon", 2)
        assert "expected no settings for a policy" in str(status)
    with pytest.raises(TTOError, match="expected the model of a baseline that acts"):
        load_policy(tmp_path / "rooms")


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_play_films_the_first_episode(tmp_path, run, suffix):
    folder, video = save_model(tmp_path / "model", goal=True), tmp_path / f"film{suffix}"
    arguments = ["--beam-width", 2, "--horizon", 1, "--max-steps", 6, "--episodes", 2]
    status, printed = run("play", folder, *arguments, "--video", video)
    assert status == 0
    assert f"wrote {video}" in printed
    if suffix == ".gif":
        with Image.open(video) as film:
            assert film.n_frames == 7
    else:
        imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
        frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(video))
        assert (frames, seconds) == (7, pytest.approx(7 / 20, abs=0.05))


def test_play_takes_the_models_planner(tmp_path, run):
    folder = save_model(tmp_path / "model", goal=True)
    settings = {"objective": "goal", "beam_width": 2, "horizon": 1, "context": 1}
    write_planner(folder / "planner.json", settings | {"precision": "float32"})
    arguments = ["--max-steps", 4, "--no-video"]
    given = [f"--{key.replace('_', '-')}={value}" for key, value in settings.items()]
    stored, same, other = (
        re.findall(r"^TTO +\d+ +(\S+)", run("play", folder, *arguments, *more)[1], re.MULTILINE)
        for more in ([], given, ["--horizon=2", "--beam-width=3", "--seed=0"])
    )
    assert stored == same
    controller = tto.Controller(tto.load(folder), horizon=2, seed=0)
    assert (controller.search.beam_width, controller.search.horizon) == (2, 2)
    assert (controller.objective, controller.context) == ("goal", 1)
    assert len(other) == 1
    (folder / "planner.json").write_text('{"beams": 3}')
    assert "expected a planner's setting, got 'beams'" in str(run("play", folder, *arguments)[0])
    for text in ("[1]", "{", "[" * 100_000):
        (folder / "planner.json").write_text(text)
        assert "planner.json: expected" in str(run("play", folder, *arguments)[0])


def test_a_run_plays_cloning_beside_the_model(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = save_model(Path("results/mine/models/rooms/seed0"), goal=True)
    save_model(Path("results/mine/models/rooms/seed1"), goal=True)
    four_rooms_dataset(tmp_path / "rooms")
    cloning = Path("results/mine/baselines/rooms/bc/seed0")
    train_behavior_cloning(open_dataset(tmp_path / "rooms"), cloning, seed=0, hidden=[4], epochs=1)
    assert policy_beside(model, "bc") == cloning.resolve()
    assert policy_beside(model, "cql") is None
    names = [name for name, _ in models() if name.startswith("mine")]
    assert names == ["mine/rooms/seed0", "mine/rooms/seed1"]
    listed = run("list")[1]
    assert re.search(r"mine/rooms/seed0 +tto/FourRooms-v0 +tiny +bc$", listed, re.MULTILINE)
    for name in ("mine", "mine/rooms", "mine/rooms/seed0", "results/mine", model):
        assert find(name) == model
    assert find("mine", method="bc") == cloning.resolve()
    assert find("mine/rooms/seed1").name == "seed1"

    arguments = ["--beam-width", 2, "--horizon", 1, "--max-steps", 3, "--episodes", 2]
    status, printed = run("play", "mine", *arguments)
    assert status == 0
    players = re.findall(r"^(TTO|behaviour cloning) +(\d)", printed, re.MULTILINE)
    both = ("TTO", "behaviour cloning")
    assert players == [(name, seed) for name in both for seed in ("0", "1")]
    (film,) = tmp_path.glob("mine.*")
    assert f"wrote {film.name}" in printed
    assert run("play", "mine", *arguments, "--video", "both.gif")[0] == 0
    assert run("play", "mine", *arguments, "--video", "one.gif", "--beside", "none")[0] == 0
    with Image.open("both.gif") as wide, Image.open("one.gif") as one:
        assert (wide.width, wide.height) == (2 * one.width, one.height)
        assert wide.n_frames == one.n_frames == 4
    for arguments, message in (
        (("mine", "--method", "cql"), "method cql: expected a policy of it beside the model"),
        (("mine", "--method", "gail"), "method: expected tto, bc, "),
        (("mina",), "a name that tto list shows, got neither; known are"),
        (("results",), "results: expected a model, a policy or a run, found neither"),
    ):
        assert message in str(run("play", *arguments)[0])


def test_evaluate_prints_the_mean_and_writes_the_episodes(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = save_model(tmp_path / "model", goal=True)
    arguments = ["--beam-width", 2, "--horizon", 1, "--max-steps", 3, "--episodes", 3]
    status, printed = run("evaluate", model, *arguments, "--seed", 4, "--output", "here.csv")
    assert status == 0
    rows = pd.read_csv("here.csv")
    assert list(rows["seed"]) == [4, 5, 6]
    assert list(rows["length"]) == [3, 3, 3]
    mean, deviation = rows["return"].mean(), rows["return"].std()
    assert re.search(rf"^return +{mean:.1f} +{deviation:.1f} +\S+ to \S+$", printed, re.MULTILINE)
    assert "score" not in printed  # the four rooms have none
    assert run("evaluate", "model", *arguments)[0] == 0
    assert Path("model.csv").exists()


def test_inspect_a_dataset_and_its_tokens(tmp_path, run):
    four_rooms_dataset(tmp_path / "rooms-v0")
    status, printed = run("inspect", tmp_path / "rooms-v0")
    assert status == 0
    assert value_of("episodes", printed) == "2"
    assert value_of("transitions", printed) == "8"
    assert value_of("length", printed).endswith("3.0 to 5.0")
    assert value_of("return", printed).startswith("6.5 on average, 3.5 standard deviation")
    tokenize_dataset(
        open_dataset(tmp_path / "rooms-v0"),
        tmp_path / "rooms.h5",
        name="rooms",
        discretizer="uniform",
        bins=10,
        discount=0.9,
    )
    status, printed = run("inspect", tmp_path / "rooms.h5")
    assert status == 0
    assert value_of("episodes", printed) == "2, 1 of them terminated"
    assert value_of("tokens", printed) == "48"
    assert value_of("range of rewards", printed) == "0 to 4"
    assert len(printed.splitlines()) <= 24


def test_inspect_a_file_in_d4rls_layout(tmp_path, run):
    path = tmp_path / "mine.hdf5"
    with h5py.File(path, "w") as file:
        for name, width in (("observations", 4), ("next_observations", 4), ("actions", 2)):
            file[name] = np.zeros((7, width))
        file["rewards"] = np.arange(7.0)
        file["terminals"] = [0, 1, 0, 0, 0, 0, 0]
        file["timeouts"] = [0, 0, 0, 0, 1, 0, 0]
    status, printed = run("inspect", path)
    assert status == 0
    assert value_of("episodes", printed) == "2, 1 of them terminated"
    assert value_of("left over", printed).startswith("2 ")
    assert value_of("length", printed).endswith("2.0 to 3.0")
    assert value_of("return", printed).endswith("1.0 to 9.0")
    with h5py.File(path, "a") as file:
        del file["timeouts"]
    assert value_of("episodes", run("inspect", path)[1]) == "1, 1 of them terminated"
    with h5py.File(path, "a") as file:
        del file["terminals"]
    assert "D4RL's arrays" in run("inspect", path)[0]


def test_inspect_a_model_and_a_rollout(tmp_path, run):
    folder = save_model(tmp_path / "model", env="Hopper-v5")
    status, printed = run("inspect", folder)
    assert status == 0
    numbers = sum(p.numel() for p in tto.load(folder).network.parameters())
    assert value_of("parameters", printed) == f"{numbers:,}"
    assert value_of("block", printed) == "4 transitions, 64 tokens"
    assert value_of("seed", printed) == "3"
    assert len(printed.splitlines()) <= 24
    rows = "update,tokens,held_out_loss\n1,100,3.0\n2,200,2.0\n3,250,\n4,400,{}\n"
    for last, words in ((2.04, "2.040"), (2.5, "lowest after 50 % of its training (2.00 nats")):
        (folder / "metrics.csv").write_text(rows.format(last))
        assert value_of("held-out loss", run("inspect", folder)[1]).startswith(words)

    class Still:
        def reset(self, goals=None): ...
        def observe(self, actions, rewards): ...
        def act(self, observations, active):
            return np.zeros((len(observations), 2))

    path = tmp_path / "rollout.h5"
    rollouts = evaluate(Still(), FOUR_ROOMS, seeds=[4], max_steps=3)
    write_rollouts(
        [path],
        rollouts,
        Evaluation(FOUR_ROOMS, "rooms", source="collect", method="still", seed=0, offset=4),
        plan_ms_alone=12.34,
    )
    status, printed = run("inspect", path)
    assert status == 0
    assert value_of("length", printed) == "3 transitions, truncated by a time limit"
    assert value_of("time of a plan", printed) == "12.3 ms for a single episode (median)"
    assert value_of("in a batch", printed).endswith("ms for 1 in parallel (median)")


def test_export_import_and_plan(tmp_path, run):
    model = save_model(tmp_path / "model", output="per_dimension")
    assert run("export", model, tmp_path / "hub")[0] == 0
    assert "# Trajectory Transformer, tiny" in (tmp_path / "hub" / "README.md").read_text()
    status, printed = run("inspect", tmp_path / "hub")
    assert status == 0
    assert value_of("layout", printed) == "transformers"
    assert run("import", tmp_path / "hub", tmp_path / "back")[0] == 0
    tokens = np.random.default_rng(0).integers(8, size=(4, 6))
    before, after = (tto.load(folder).log_probs(tokens) for folder in (model, tmp_path / "back"))
    np.testing.assert_allclose(before, after, rtol=0, atol=1e-5)
    stored = json.loads((tmp_path / "back" / "config.json").read_text())
    assert stored["imported"] == str(tmp_path / "hub")
    assert run("play", tmp_path / "back", "--beam-width=2", "--max-steps=2", "--no-video")[0] == 0


def test_bad_input_is_one_line(tmp_path, run):
    model, hub = save_model(tmp_path / "model", attend_values=True), tmp_path / "hub"
    run("export", save_model(tmp_path / "other"), hub)
    cases = [
        (("play", tmp_path / "none"), "expected a folder, or a name that tto list shows"),
        (("play", hub), "got None; train it again, update the package, or import a"),
        (("play", model, "--set", "beam"), "expected NAME=VALUE, got 'beam'"),
        (("play", model, "--set", "beams=3"), "expected a known setting, got 'beams'"),
        (
            ("play", model, "--set", "temperature=-1"),
            "planning.temperature: expected a number above 0",
        ),
        (
            ("play", model, "--set", "temperature=.nan"),
            "planning.temperature: expected a number above 0",
        ),
        (
            ("play", model, "--set", "horizon=2.0"),
            "planning.horizon: expected a whole number at least 1 and at most 1000000000, got 2.0",
        ),
        (("play", model, "--set", "beam_width=1e3"), "got '1e3'; write 1000"),
        (("play", model, "--set", "expansion=null"), "planning.expansion: expected a whole number"),
        (("play", model, "--set", "window=null"), "planning.window: expected a value, got null"),
        (("play", model, "--set", "action_top=[0.5]"), "planning.action_top: expected a number"),
        (("play", model, "--set", "value=bogus"), "planning.value: expected expectation, sample"),
        (("play", model, "--set", "seed=3"), "expected a known setting, got 'seed'"),
        (("play", model, "--set", "engine=x"), "expected a known setting, got 'engine'"),
        (("play", model, "--set", "value=["), "--set value: expected a number, a word"),
        (("play", model, "--context", 4), "planning.context: expected at most 3 past transitions"),
        (("play", model, "--video", tmp_path / "a.avi"), "a name in .mp4 or .gif"),
        (("play", model, "--env", "Hopper-v5", "--max-steps", 1), "expected observations of 2"),
        (("inspect", tmp_path / "none"), "expected a file or folder, found none"),
        (("inspect", Path(__file__)), "got another kind of file"),
        (("inspect", tmp_path), "expected a folder with model.safetensors"),
        (("export", model, tmp_path / "new", "--layout", "transformers"), "attend_values: true"),
        (("export", model, tmp_path), "expected a new folder, found one"),
        (("export", model, tmp_path / "new", "--license", "a\nb: c"), "license: expected an ident"),
        (
            ("import", model, tmp_path / "new", "--heads", 3),
            "expected no heads for a model",
        ),
        (
            ("import", model, tmp_path / "new", "--bins", hub),
            "expected no bins for a model",
        ),
        (("evaluate", model, "--output", tmp_path), "expected a file, found a folder"),
    ]
    for arguments, message in cases:
        silent = ["--no-video"] if arguments[0] == "play" and "--video" not in arguments else []
        line, _ = run(*arguments, *silent)
        assert str(line).startswith("Error: "), arguments
        assert message in str(line), arguments
        assert "\n" not in str(line), arguments
    assert {path.name for path in tmp_path.iterdir()} == {"model", "other", "hub"}


def test_a_fault_of_the_program_is_one_line_and_debug_shows_its_traceback(
    tmp_path, run, monkeypatch
):
    tracebacks = []
    monkeypatch.setattr("traceback.print_exc", lambda: tracebacks.append(sys.exc_info()[0]))

    def fail(*_: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("tto.cli.inspection.inspect", fail)
    for arguments in (("inspect", tmp_path), ("inspect", tmp_path, "--debug")):
        line, _ = run(*arguments)
        assert line == (
            "Error: ZeroDivisionError: division by zero; this is a fault of the program, whose "
            "traceback --debug shows"
        )
        assert tracebacks == ([ZeroDivisionError] if "--debug" in arguments else [])


def test_our_own_models_are_imported_too(tmp_path, run):
    model = save_model(tmp_path / "model", attend_values=True)
    status, printed = run("export", model, tmp_path / "hub")
    assert (status, "for tto;" in printed) == (0, True)
    for i, source in enumerate((model, tmp_path / "hub", model / "model.safetensors")):
        assert run("import", source, tmp_path / f"back{i}")[0] == 0
        tokens = np.random.default_rng(0).integers(8, size=(4, 6))
        before, after = (tto.load(f).log_probs(tokens) for f in (model, tmp_path / f"back{i}"))
        np.testing.assert_array_equal(before, after)


def test_inspect_opens_baselines_runs_tables_and_checkpoints(tmp_path, run):
    run_folder = tmp_path / "results"
    model = save_model(run_folder / "models/tiny/seed0")
    shutil.copy(Path(__file__).parents[2] / "config/config.yaml", run_folder)
    (run_folder / "rollouts.csv").write_text("dataset,return\ntiny,1\ntiny,2\n")
    save_checkpoint(tmp_path, {"update": 7, "weights": torch.zeros(2)})
    for path, label, value in (
        (run_folder, "models", "1"),
        (run_folder, "run", "demo"),
        (run_folder / "rollouts.csv", "rows", "2"),
        (run_folder / "rollouts.csv", "columns", "dataset, return"),
        (run_folder / "config.yaml", "file", "config.yaml"),
        (model / "model.safetensors", "dataset", "tiny"),
        (model / "config.json", "dataset", "tiny"),
        (tmp_path / "checkpoint.pt", "update", "7"),
        (tmp_path, "update", "7"),
    ):
        status, printed = run("inspect", path)
        assert status == 0, path
        assert value_of(label, printed) == value


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        b"PK\x03\x04" + bytes(50),
        b"\x80\x04cos\nsystem\n.",
        b"\xff" * 300,
        b"{}",
        b"[1",
        b"null",
    ],
    ids=["empty", "lfs", "hdf5", "zip", "pickle", "bytes", "{}", "[1", "null"],
)
def test_inspect_never_ends_in_a_traceback(tmp_path, run, content: bytes):
    names = ["model.safetensors", "config.json", "checkpoint.pt", "a.h5", "a.pt", "a.csv", "a.yaml"]
    for name in [*names, "a.zip", "a.json", "a.bin", "pytorch_model.bin"]:
        for path in (tmp_path / "file" / name, tmp_path / name):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    save_model(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(content)
    save_model(tmp_path / "other")
    (tmp_path / "other" / "config.json").write_bytes(content)
    for path in (*(tmp_path / "file").iterdir(), *(p for p in tmp_path.iterdir()), tmp_path):
        line, _ = run("inspect", path)
        assert line == 0 or str(line).startswith("Error: "), path
        assert "fault of the program" not in str(line)
        assert "\n" not in str(line)
        if content.startswith(b"version") and path.is_file():
            assert "git lfs pull" in str(line)


def test_help_and_completion_do_not_import_the_library(monkeypatch):
    # else the completion asks which shell started the tests, which is none in the background
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    for arguments in (["--help"], ["--show-completion", "bash"]):
        code = "import sys; from tto.cli.app import main\ntry: main()\n" + (
            "except SystemExit as ended: assert not ended.code\n"
            "assert 'torch' not in sys.modules and 'gymnasium' not in sys.modules"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout


def test_inspect_says_whether_a_model_can_plan(tmp_path, run):
    folder = save_model(tmp_path / "model", env="Hopper-v5")
    model = tto.load(folder)
    tokens = np.random.default_rng(0).integers(8, size=(40, 16)).astype(np.uint8)
    write_token_file(
        tmp_path / "tokens.h5",
        [TokenBlock(tokens, [20, 20], [True, True], tokens[:2, :11])],
        attributes=model.tokens,
        discretizer=model.discretizer,
        source_digest="none",
    )
    status, printed = run("inspect", folder, "--data", tmp_path / "tokens.h5")
    assert status == 0
    pattern = r"differs by \S+, \S+, \S+ between actions at planned transition 1, 2 and 3"
    assert re.fullmatch(pattern, value_of("value, context 0", printed))
    assert value_of("value, context 3", printed).endswith("at planned transition 1")
    assert value_of("it can plan", printed).startswith(("yes", "only in part"))
    status, _ = run("inspect", tmp_path / "tokens.h5", "--data", tmp_path / "tokens.h5")
    assert "expected config.json" in str(status)


def test_a_folder_near_the_root_has_nobody_beside_it():
    assert policy_beside("/model", "bc") is None


def test_files_of_models_with_long_names_have_names_that_fit():
    names = [f"results/{'r' * 150}/models/{'d' * 150}/seed{seed}" for seed in (0, 1)]
    files = {file_name(name, "-td3_bc.csv").name for name in names}
    assert len(files) == 2
    assert max(map(len, files)) < 200
    assert file_name("results/demo/models/mine/seed0", ".gif") == Path("demo-mine-seed0.gif")
