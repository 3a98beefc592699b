"""A dataset depends on the content of its file, whatever the file's time and name."""

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from running import overlay, planned, snakemake

NAME = "{dataset} {0} {name}.hdf5"


def write(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    observations = rng.normal(size=(41, 4))
    with h5py.File(path, "w") as file:
        file["observations"], file["next_observations"] = observations[:-1], observations[1:]
        file["actions"], file["rewards"] = rng.normal(size=(40, 1)), rng.normal(size=40)
        file["terminals"] = np.arange(40) % 10 == 9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mine.hdf5", NAME])
def test_older_content_of_the_same_size_is_noticed(tmp_path: Path, name: str):
    entry = {"env": "InvertedPendulum-v5", "source": "file", "path": name}
    config = overlay(tmp_path, {"run": "r", "datasets": {"mine": entry}})
    write(tmp_path / name, seed=0)
    target = "results/r/datasets/mine"
    run = snakemake(tmp_path, target, "--configfile", config)
    assert run.returncode == 0, run.stdout
    before = (tmp_path / target / "data/main_data.hdf5").read_bytes()

    assert "Nothing to be done" in snakemake(tmp_path, target, "-n", "--configfile", config).stdout
    write(tmp_path / "other", seed=1)
    os.utime(tmp_path / "other", (1, 1))
    shutil.move(tmp_path / "other", tmp_path / name)
    run = snakemake(tmp_path, target, "-n", "--configfile", config)
    assert planned(run.stdout) == {"import_dataset": 1}
    assert "code or data have changed" in run.stdout
    assert snakemake(tmp_path, target, "--configfile", config).returncode == 0
    assert (tmp_path / target / "data/main_data.hdf5").read_bytes() != before


@pytest.mark.slow
def test_a_file_with_braces_in_its_name_that_is_missing_is_named(tmp_path: Path):
    entry = {"env": "InvertedPendulum-v5", "source": "file", "path": NAME}
    config = overlay(tmp_path, {"run": "r", "datasets": {"mine": entry}})
    run = snakemake(tmp_path, "results/r/datasets/mine", "--configfile", config)
    assert run.returncode != 0
    log = (tmp_path / "results/r/logs/import_dataset/mine.log").read_text()
    assert f"{NAME}: expected a dataset, found no such file" in log
