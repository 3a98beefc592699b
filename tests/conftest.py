"""Shapes in annotations are checked while tests run; one finished run serves all tests.

`make test` runs two processes: each file's tests in one of them, those of the finished run in one.
"""

import importlib
import re
import shutil
from pathlib import Path

import pytest
from jaxtyping import install_import_hook
from running import ROOT, TINY, snakemake

importlib.import_module("tto")  # before PyTorch: it sets how threads wait

# All modules whose annotations name shapes. The library is imported later than this.
PACKAGE = ROOT / "lib"
SHAPED = [
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in sorted((PACKAGE / "tto").rglob("*.py"))
    if re.search(r"^from jaxtyping import", path.read_text(encoding="utf-8"), re.MULTILINE)
]
install_import_hook(SHAPED, "shape_check.check")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Name the group of each test for `--dist loadgroup`."""
    for item in items:
        group = "finished" if "finished" in item.fixturenames else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the whole workflow ran in its smallest size."""
    folder = tmp_path_factory.mktemp("tiny")
    run = snakemake(folder, "--configfile", TINY)
    assert run.returncode == 0, run.stdout
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished folder, which a test may spoil."""
    shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"
