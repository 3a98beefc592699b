"""One finished run of the whole workflow in its smallest size, for all tests that need one."""

import shutil
from pathlib import Path

import pytest
from running import TINY, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the whole workflow ran in its smallest size."""
    folder = tmp_path_factory.mktemp("tiny")
    run = snakemake(folder, "--configfile", TINY)
    assert run.returncode == 0, run.stdout
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished folder, to be spoilt."""
    shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"
