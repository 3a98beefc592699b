"""TensorBoard on a run's losses, and trainings as runs of Weights & Biases."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tto.cli.app import main
from tto.training.events import Events

ROW = {"update": 3, "train_loss": 1.5}


def watch(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> object:
    """Run `tto watch ARGUMENTS`; returns the exit status or the error's line."""
    monkeypatch.setattr(sys, "argv", ["tto", "watch", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def a_run(folder: Path) -> Path:
    events = Events(folder / "tensorboard/hopper/seed0", rows=[ROW])
    events.close()
    return folder


def test_watching_opens_tensorboard_on_the_runs_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run, started = a_run(tmp_path), []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(os, "execv", lambda path, words: started.append(words))
    assert watch(monkeypatch, run, "--port", 7007) == 0
    logs = str(run / "tensorboard")
    assert started[0][1:] == ["-m", "tensorboard.main", "--logdir", logs, "--port", "7007"]


def test_without_tensorboard_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    line = str(watch(monkeypatch, a_run(tmp_path)))
    assert "pip install tensorboard" in line
    assert "\n" not in line


def test_a_folder_without_logs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert f"{tmp_path}: expected the folder of a run" in str(watch(monkeypatch, tmp_path))


def test_tensorboard_reads_the_logs(tmp_path: Path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(a_run(tmp_path) / "tensorboard/hopper/seed0"))
    events.Reload()
    (scalar,) = events.Scalars("train_loss")
    assert (scalar.step, scalar.value) == (3, 1.5)


def test_weights_and_biases_is_off_until_a_project_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("TTO_WANDB", raising=False)
    assert not list(a_run(tmp_path).rglob("wandb"))


@pytest.mark.slow
def test_a_training_is_a_run_of_weights_and_biases(tmp_path: Path):
    pytest.importorskip("wandb")
    code = f"from test_watch import *; a_run(Path({str(tmp_path)!r}))"
    settings = {"TTO_WANDB": "p", "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    subprocess.run(  # whose end writes the log
        [sys.executable, "-c", code],
        env=os.environ | settings,
        cwd=Path(__file__).parent,
        check=True,
    )
    (log,) = tmp_path.rglob("*.wandb")
    content = log.read_bytes()
    assert b"train_loss" in content
    assert b"hopper/seed0" in content


def test_without_wandb_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TTO_WANDB", "p")
    monkeypatch.setitem(sys.modules, "wandb", None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="pip install wandb"):
        a_run(tmp_path)
