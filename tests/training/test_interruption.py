"""Training that is killed, stopped, out of disk space or spread over several processes."""

import contextlib
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard_events import scalars

from tto.errors import TTOError
from tto.files import content_digest
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes, TokenBlock, write_token_file
from tto.training.checkpoint import load_checkpoint, save_checkpoint
from tto.training.config import TrainingConfig
from tto.training.distributed import launch
from tto.training.optimizers import OptimizerConfig
from tto.training.state import METRICS, TrainingState
from tto.training.train import train

KILLS = int(os.environ.get("TTO_FAULTS", "5"))
MODEL = dict(layers=1, heads=2, width=8, block_tokens=15, dropout=0.1)
TIMELESS = [name for name in METRICS if name not in ("seconds", "tokens_per_second")]


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """Ten random episodes; sets one thread, so that repeated trainings are exactly equal."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    path = tmp_path / "toy-v0.h5"
    write_token_file(
        path,
        [
            TokenBlock(
                rng.integers(4, size=(30, 5)).astype(np.uint8),
                [30],
                [True],
                np.zeros((1, 2), np.uint8),
            )
        ]
        * 10,
        attributes=TokenAttributes("toy-v0", "Toy-v0", 2, 1, 4, "uniform", 0.99, True, None),
        discretizer=Discretizer("uniform", np.tile(np.arange(5.0), (5, 1))),
        source_digest="0" * 64,
    )
    return path


def training(**changes) -> TrainingConfig:
    optimizer = OptimizerConfig("muon", learning_rate=1e-3, warmup_updates=5, clip_norm=1.0)
    settings = dict(epochs=100, batch_size=8, evaluate_every=50, checkpoint_every=20)
    return TrainingConfig(optimizer=optimizer, **(settings | changes))


def arguments(tokens: Path, name: str) -> dict:
    folder = tokens.parent / name
    return dict(
        token_path=tokens,
        output=folder / "model",
        model=MODEL,
        seed=0,
        checkpoints=folder / "checkpoints",
        events=folder / "events",
    )


def run(tokens: Path, name: str, **changes) -> Path:
    train(**arguments(tokens, name), training=training(**changes))
    return tokens.parent / name


def run_in_child(tokens: Path, name: str) -> None:
    torch.set_num_threads(1)
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    try:
        run(tokens, name)
    except TTOError as error:
        (tokens.parent / name / "error").write_text(str(error))
        sys.exit(3)


def start(tokens: Path, name: str) -> multiprocessing.process.BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "tto.training.train", __name__])
    child = context.Process(target=run_in_child, args=(tokens, name))
    child.start()
    return child


def update_of(folder: Path) -> int:
    states = [load_checkpoint(key) for key in (folder / "checkpoints").glob("*")]
    return max((state["update"] for state in states if state), default=0)


def assert_equal_results(one: Path, two: Path) -> None:
    digests = {content_digest(f / "model/model.safetensors") for f in (one, two)}
    assert len(digests) == 1
    tables = [pd.read_csv(f / "model/metrics.csv")[TIMELESS] for f in (one, two)]
    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["update"].is_unique
    dimensions = [(f / "model/dimensions.csv").read_text() for f in (one, two)]
    assert dimensions[0] == dimensions[1]


@pytest.mark.slow
def test_kills_at_random_moments_do_not_change_the_weights(tokens: Path):
    began = time.monotonic()
    whole = run(tokens, "whole")
    seconds = time.monotonic() - began
    rng = np.random.default_rng(0)
    killed = tokens.parent / "killed"
    survived, updates, finished = 0, 0, 0
    while survived < KILLS:
        child = start(tokens, "killed")
        child.join(float(rng.uniform(0, 2.5 * seconds / KILLS)))
        if child.exitcode is not None:  # it finished: start another training
            assert child.exitcode == 0
            assert_equal_results(whole, killed)
            killed.rename(killed.with_name(f"finished-{finished}"))
            updates, finished = 0, finished + 1
            continue
        child.kill()
        child.join()
        survived += 1
        assert update_of(killed) >= updates
        updates = update_of(killed)
    run(tokens, "killed")
    assert_equal_results(whole, killed)
    metrics = pd.read_csv(killed / "model/metrics.csv").set_index("update")
    events = scalars(killed / "events", "held_out_loss")
    assert events == pytest.approx(metrics["held_out_loss"].to_dict(), rel=1e-6)


def test_sigterm_saves_a_checkpoint_and_ends(tokens: Path):
    """SIGTERM is sent many times, as Slurm sends it to each process and srun once more."""
    whole = run(tokens, "whole")
    child = start(tokens, "stopped")
    stopped = tokens.parent / "stopped"
    while update_of(stopped) == 0 and child.exitcode is None:
        time.sleep(0.01)
    while child.exitcode is None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(child.pid, signal.SIGTERM)
        child.join(0.001)
    assert child.exitcode == 3
    error = (stopped / "error").read_text()
    assert error.startswith(f"training: stopped by SIGTERM at update {update_of(stopped)} of")
    run(tokens, "stopped")
    assert_equal_results(whole, stopped)


def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path: Path):
    save_checkpoint(tmp_path, {"update": 7, "weights": torch.zeros(10)})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(TTOError, match=r"checkpoint of update 8 cannot be written.*free some"):
            save_checkpoint(tmp_path, {"update": 8, "weights": torch.zeros(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    state = load_checkpoint(tmp_path)
    assert state is not None
    assert state["update"] == 7
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_damaged_checkpoint_is_not_resumed_from(tmp_path: Path):
    save_checkpoint(tmp_path, {"update": 7, "weights": torch.zeros(1000)})
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TTOError, match="remove it to train from the beginning"):
        load_checkpoint(tmp_path)


@pytest.mark.slow
def test_two_processes_equal_one(tokens: Path):
    settings = training(epochs=5, batch_size=7, evaluate_every=10)
    one = tokens.parent / "one"
    train(**(arguments(tokens, "one") | {"model": MODEL | {"dropout": 0.0}}), training=settings)
    two = tokens.parent / "two"
    job = {name: str(value) for name, value in arguments(tokens, "two").items()}
    flat = asdict(settings)
    flat |= flat.pop("optimizer")
    job |= {"model": MODEL | {"dropout": 0.0}, "seed": 0, "training": flat}
    launch(job | {"device": "cpu", "threads": 1}, two / "job.json", processes=2)
    tables = [pd.read_csv(folder / "model/metrics.csv")[TIMELESS] for folder in (one, two)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-3)


@pytest.mark.slow
def test_an_error_in_one_process_stops_all(tokens: Path):
    flat = asdict(training())
    flat |= flat.pop("optimizer")
    job = {name: str(value) for name, value in arguments(tokens, "out").items()}
    job |= {"token_path": str(tokens.parent / "none.h5"), "model": MODEL, "training": flat}
    with pytest.raises(TTOError, match=r"by 2 processes failed: token file .* found none"):
        launch(
            job | {"seed": 0, "device": "cpu", "threads": 1},
            tokens.parent / "job.json",
            processes=2,
        )


def test_the_job_of_several_processes_is_json(tokens: Path):
    """The job that `launch` writes can also be run by torchrun on several machines."""
    path = tokens.parent / "job.json"
    flat = asdict(training(epochs=2))
    flat |= flat.pop("optimizer")
    job = {name: str(value) for name, value in arguments(tokens, "out").items()}
    job |= {"model": MODEL, "training": flat, "seed": 0, "device": "cpu", "threads": 1}
    path.write_text(json.dumps(job))
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "1", "--rdzv-backend"]
    command += ["c10d", "--rdzv-endpoint", "localhost:0", "-m", "tto.training.worker", str(path)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert (tokens.parent / "out/model/model.safetensors").exists()


def test_another_run_with_the_same_settings_trains_nothing(
    tokens: Path, monkeypatch: pytest.MonkeyPatch
):
    one = run(tokens, "one", epochs=5)
    monkeypatch.setattr(TrainingState, "advance", lambda self: pytest.fail("it trains"))
    same = arguments(tokens, "two") | {"checkpoints": one / "checkpoints"}
    train(**same, training=training(epochs=5))
    assert_equal_results(one, tokens.parent / "two")
    tables = [(tokens.parent / name / "model/metrics.csv").read_bytes() for name in ("one", "two")]
    assert tables[0] == tables[1]  # also the seconds
    with pytest.raises(pytest.fail.Exception):
        train(**same | {"seed": 1}, training=training(epochs=5))
