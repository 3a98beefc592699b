"""Shapes in annotations are checked while tests run; one finished run serves all tests.

`make test` runs two processes, each file in one of them.
"""

import functools
import importlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jaxtyping import install_import_hook
from running import ROOT, TINY, snakemake
from xdist.scheduler import LoadScopeScheduling

importlib.import_module("tto")  # before PyTorch: it sets how threads wait
torch = importlib.import_module("torch")

# All modules whose annotations name shapes. The library is imported later than this.
PACKAGE = ROOT / "lib"
SHAPED = [
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in sorted((PACKAGE / "tto").rglob("*.py"))
    if re.search(r"^from jaxtyping import", path.read_text(encoding="utf-8"), re.MULTILINE)
]
install_import_hook(SHAPED, "shape_check.check")


class FileScheduling(LoadScopeScheduling):
    """Gives each file to one process, and all files that use the finished run to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        return "finished" if uses_finished(ROOT / path) else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling:
    """Let `make test` schedule by files."""
    return FileScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: those of the finished run, then those that kill."""
    items.sort(key=lambda item: (not uses_finished(item.path), not kills_runs(item.path)))


@functools.cache
def uses_finished(path: Path) -> bool:
    """Whether a file has a test that uses the finished run, by its source."""
    return bool(re.search(r"def \w+\([^)]*\b(finished|copy)\b", path.read_text(encoding="utf-8")))


@functools.cache
def kills_runs(path: Path) -> bool:
    """Whether a file kills whole runs, by its imports."""
    return "from killing import" in path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the whole workflow ran in its smallest size."""
    folder = tmp_path_factory.mktemp("tiny")
    run = snakemake(folder, "--configfile", TINY)
    assert run.returncode == 0, run.stdout
    return folder


@pytest.fixture(autouse=True)
def threads_of_the_machine() -> Iterator[None]:
    """Restore PyTorch's number of threads after each test, as sums depend on it a little."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished folder, which a test may spoil."""
    shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"
