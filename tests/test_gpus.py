"""Jobs side by side have GPUs of their own; here the GPUs are pretended ones."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import ROOT

from tto.gpus import own_gpus

# A job: takes GPUs, notes that it holds each of them alone, and keeps them for a while.
JOB = """
import os, sys, time
from pathlib import Path
from tto.gpus import own_gpus

folder, count, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
with own_gpus(count, folder=folder):
    gpus = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
    held = [folder / f"held-{gpu}" for gpu in gpus]
    for path in held:
        path.touch(exist_ok=False)
    print(*gpus, flush=True)
    time.sleep(seconds)
    for path in held:
        path.unlink()
"""
DIVIDED = """\
GPU 0: NVIDIA H200 (UUID: GPU-aa)
GPU 1: NVIDIA H200 (UUID: GPU-bb)
  MIG 1g.18gb     Device  0: (UUID: MIG-b1)
  MIG 1g.18gb     Device  1: (UUID: MIG-b2)
GPU 2: NVIDIA H200 (UUID: GPU-cc)
"""


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two GPUs, one of which is divided into two parts, and one more."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{DIVIDED}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def begin(folder: Path, *, gpus: str, count: int = 1, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", JOB, str(folder), str(count), str(seconds)],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": gpus},
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(job: subprocess.Popen[str]) -> int:
    job.communicate()
    return job.returncode


def line(job: subprocess.Popen[str]) -> list[str]:
    assert job.stdout is not None
    return job.stdout.readline().split()


def test_no_two_jobs_hold_a_gpu_at_a_time(tmp_path: Path):
    counts = [1, 1, 2, 1, 3, 1]
    jobs = [begin(tmp_path, gpus="5,6,7", count=count, seconds=0.2) for count in counts[:4]]
    jobs += [begin(tmp_path, gpus="5,6,7,8", count=count, seconds=0.2) for count in counts[4:]]
    taken = [line(job) for job in jobs]
    assert [finished(job) for job in jobs] == [0] * len(jobs)
    assert [len(gpus) for gpus in taken] == counts
    assert {gpu for gpus in taken for gpu in gpus} <= {"5", "6", "7", "8"}
    assert not list(tmp_path.glob("held-*"))


def test_the_gpu_of_a_killed_job_is_free_again(tmp_path: Path):
    killed = begin(tmp_path, gpus="0,1", seconds=60)
    assert line(killed) == ["0"]
    other = begin(tmp_path, gpus="0,1", seconds=60)
    assert line(other) == ["1"]
    killed.kill()
    finished(killed)
    (tmp_path / "held-0").unlink()
    next_one = begin(tmp_path, gpus="0,1", seconds=0)
    assert line(next_one) == ["0"]
    assert finished(next_one) == 0
    other.kill()
    finished(other)


def test_a_waiting_job_says_so(tmp_path: Path, monkeypatch, caplog):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    monkeypatch.setattr("tto.gpus._PAUSE", 0.01)
    caplog.set_level(logging.INFO)
    jobs = [begin(tmp_path, gpus="0,1,2", seconds=0.5) for _ in range(2)]
    assert {line(job)[0] for job in jobs} == {"0", "1"}
    with own_gpus(2, folder=tmp_path):
        assert len(os.environ["CUDA_VISIBLE_DEVICES"].split(",")) == 2
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1,2"
    assert [record.message for record in caplog.records if "waits" in record.message] == [
        "waits for a GPU: other jobs use 0, 1, 2"
    ]
    assert [finished(job) for job in jobs] == [0, 0]


@pytest.mark.usefixtures("machine")
def test_the_gpus_of_the_machine_are_found_and_told_apart(tmp_path: Path):
    with own_gpus(1, folder=tmp_path):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-aa"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    with own_gpus(9, folder=tmp_path):  # PyTorch says later that these are too few
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-aa,MIG-b1,MIG-b2,GPU-cc"


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("chosen", "count"), [("3", 1), ("0,1", 2), ("GPU-x", 4), ("", 1), ("-1", 1), ("0,1", 0)]
)
def test_the_choice_of_a_scheduler_is_kept(tmp_path: Path, monkeypatch, chosen: str, count: int):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    with own_gpus(count, folder=tmp_path):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == chosen
    assert not list(tmp_path.glob("*.lock"))


def test_a_machine_without_gpus_is_left_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with own_gpus(1, folder=tmp_path):
        assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_each_jobs_numbers_are_its_own_on_a_cluster(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    for number in ("7", "8"):
        monkeypatch.setenv("SLURM_JOB_ID", number)
        with own_gpus(1, folder=tmp_path):
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert len(list(tmp_path.glob("*-0.lock"))) == 2


def test_every_job_that_computes_on_a_device_takes_its_own():
    scripts = [path.read_text() for path in (ROOT / "workflow/scripts").rglob("*.py")]
    on_device = [text for text in scripts if "device_named(" in text]
    assert len(on_device) == 10
    assert all("gpus=" in text for text in on_device)
