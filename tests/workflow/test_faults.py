"""Disks that are full or cannot be written, damaged files, a stale lock: one line, nothing lost."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from equal_results import assert_equal_results
from running import HOPPER, TINY, changed, overlay, planned, snakemake, start

from tto.files import content_digest

DATASET = f"results/tiny/datasets/{HOPPER}"
TOKENS = f"results/tiny/tokens/{HOPPER}.h5"
MODEL = f"results/tiny/models/{HOPPER}/seed0"
WEIGHTS = f"{MODEL}/model.safetensors"
ROLLOUTS = f"results/tiny/rollouts/{HOPPER}/tto"


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_a_bit(path: Path) -> None:
    """In the middle of what counts; the time stamp stays, as on a disk that decays."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    filled = [place for place, byte in enumerate(content) if byte]
    content[filled[len(filled) // 2]] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def snapshot(folder: Path, *, without: str) -> dict[str, str]:
    """Digests of all results but one, and but what tells of jobs."""
    files = [path for path in (folder / "results").rglob("*") if path.is_file()]
    names = {str(path.relative_to(folder)): path for path in files}
    return {
        name: content_digest(path)
        for name, path in names.items()
        if not name.startswith(without) and {"logs", "benchmarks"}.isdisjoint(path.parts)
    }


def the_error(output: str) -> str:
    """The one line of a failed run's jobs."""
    (line,) = {line.strip() for line in output.splitlines() if line.strip().startswith("Error: ")}
    assert "Traceback" not in output
    return line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "damaged", "target", "said"),
    [
        (truncate, TOKENS, WEIGHTS, "expected a token file, got an HDF5 file that is truncated"),
        (flip_a_bit, TOKENS, WEIGHTS, "expected content of SHA-256"),
        (flip_a_bit, WEIGHTS, f"{ROLLOUTS}/seed0-rollout0.h5", "expected content of SHA-256"),
    ],
)
def test_a_damaged_file_is_noticed_and_made_again(
    finished: Path,
    copy: Path,
    damage: Callable[[Path], None],
    damaged: str,
    target: str,
    said: str,
):
    damage(copy / damaged)
    made = str(Path(target).parent)
    shutil.rmtree(copy / made)
    before = snapshot(copy, without=made)
    arguments = (target, "--configfile", TINY)
    run = snakemake(copy, *arguments)
    assert run.returncode != 0
    line = the_error(run.stdout)
    assert said in line
    assert damaged in line
    assert snapshot(copy, without=made) == before
    (copy / damaged).unlink()  # as the line says
    run = snakemake(copy, *arguments)
    assert run.returncode == 0, run.stdout
    assert_equal_results(finished / "results/tiny", copy / "results/tiny")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "damaged", "rule"),
    [
        ({"training": {"learning_rate": 0.004}}, TOKENS, "train"),
        ({"planning": {"beam_width": 5}}, WEIGHTS, "plan"),
    ],
)
def test_what_failed_after_a_change_is_still_to_be_done(
    copy: Path, change: dict[str, dict[str, float]], damaged: str, rule: str
):
    """Snakemake alone finds nothing to be done, beside tables of the old config."""
    arguments = ("offline_rl", "--configfile", overlay(copy, changed(change)))
    todo = planned(snakemake(copy, *arguments, "-n").stdout)
    assert {rule, "table1"} <= set(todo)
    whole = (copy / damaged).with_suffix(".whole")
    shutil.copy2(copy / damaged, whole)
    flip_a_bit(copy / damaged)
    failed = snakemake(copy, *arguments)
    assert "expected content of SHA-256" in the_error(failed.stdout)
    shutil.copy2(whole, copy / damaged)
    del todo["config"]  # a copy of the settings, which the failed run wrote
    assert planned(snakemake(copy, *arguments, "-n").stdout) == todo
    # and with the settings as they were, all that is asked for is there
    undone = snakemake(copy, "results/tiny/tables/table1.csv", "--configfile", TINY, "-n")
    assert "Nothing to be done" in undone.stdout


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """A file system at `folder`, for tests that run as root."""
    mount = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_one_line(finished: Path, copy: Path):
    results = copy / "results"
    shutil.rmtree(results)
    results.mkdir()
    with mounted(results, "-t", "tmpfs", "-o", "size=200m", "tmpfs"):
        shutil.copytree(finished / "results", results, dirs_exist_ok=True)
        shutil.rmtree(copy / DATASET)
        ballast = results / "ballast"
        with open(ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(results).free - 100_000)
        before = snapshot(copy, without=DATASET)
        arguments = (DATASET, "--configfile", TINY)
        run = snakemake(copy, *arguments)
        assert run.returncode != 0
        line = the_error(run.stdout)
        assert line.startswith("Error: No space left on device (")
        assert line.endswith("free some space there, then run again.")
        assert snapshot(copy, without=DATASET) == before
        assert not list(results.rglob("*.tmp"))
        ballast.unlink()
        run = snakemake(copy, *arguments)
        assert run.returncode == 0, run.stdout
        assert_equal_results(finished / "results/tiny", results / "tiny")


@pytest.mark.slow
def test_results_that_cannot_be_written_stop_before_any_job(copy: Path):
    results = copy / "results"
    shutil.rmtree(copy / MODEL)
    before = snapshot(copy, without=MODEL)
    arguments = (WEIGHTS, "--configfile", TINY)
    with mounted(results, "--bind", str(results)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(results)], check=True)
        run = snakemake(copy, *arguments)
        assert run.returncode != 0
        line = the_error(run.stdout)
        assert line.startswith("Error: Read-only file system (")
        assert line.endswith(
            "put the results on a file system that can be written, then run again."
        )
    assert snapshot(copy, without=MODEL) == before
    run = snakemake(copy, *arguments)
    assert run.returncode == 0, run.stdout


@pytest.mark.slow
def test_a_stale_lock_says_what_to_do(copy: Path):
    figure = copy / "results/tiny/figures/figure4.png"
    figure.unlink()
    arguments = ("offline_rl", "--configfile", TINY)
    with start(copy, *arguments) as process:
        while not list((copy / ".snakemake/locks").glob("*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    locked = snakemake(copy, *arguments)
    assert locked.returncode != 0
    assert "can be removed with the --unlock argument" in locked.stdout
    assert snakemake(copy, "--unlock", *arguments).returncode == 0
    run = snakemake(copy, *arguments)
    assert run.returncode == 0, run.stdout
    assert set(planned(run.stdout)) <= {"figure4", "report_of_offline_rl", "offline_rl"}
    assert figure.exists()
