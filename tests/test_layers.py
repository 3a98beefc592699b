"""Imports go one way: a layer of the library imports from itself and from earlier layers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tto.digest
from tto.digest import PACKAGE, imported_modules

LAYERS = [
    "data",
    "tokens",
    "model",
    "training",
    "baselines",
    "exchange",
    "planning",
    "analysis",
    "evaluation",
    "report",
]
REPORT = ["numbers", "drawing", "tables", "figures", "claims", "page"]  # layers of the report
# Any module may import these.
BASE = {
    "errors",
    "fields",
    "files",
    "ownership",
    "row_files",
    "hdf5",
    "plain_pickle",
    "progress",
    "digest",
    "methods",
}
# Modules of the workflow itself; they import from BASE and each other.
HOUSE = {"config", "gpus", "job", "snakemake_patches"}
TOP = {"cli", "cross_checks"}  # may import all modules; no other module may import it


def upward_edges(package: Path) -> list[str]:
    """Imports from a later layer, as `file: module`."""
    edges = []
    for path in sorted(package.rglob("*.py")):
        importer = path.relative_to(package).with_suffix("").parts
        for module in sorted(imported_modules(path)):
            imported = tuple(module.split(".")[1:]) or ("",)
            if importer != ("__init__",) and not allowed(importer, imported):
                edges.append(f"{path.relative_to(package)}: {module}")
    return edges


def allowed(importer: tuple[str, ...], imported: tuple[str, ...]) -> bool:
    """Whether a module may import another; both are paths below the package."""
    if imported[0] in BASE or importer[0] in TOP:
        return True
    if importer[0] == imported[0] == "report":
        return REPORT.index(imported[1]) <= REPORT.index(importer[1])
    if importer[0] in LAYERS and imported[0] in LAYERS:
        return LAYERS.index(imported[0]) <= LAYERS.index(importer[0])
    return importer[0] in HOUSE and imported[0] in HOUSE


def test_every_module_belongs_to_a_layer():
    names = {path.stem for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert names == {*LAYERS, *BASE, *HOUSE, *TOP, "__init__"}
    rooms = {path.name for path in (PACKAGE / "report").iterdir() if path.is_dir()}
    assert rooms - {"__pycache__"} == set(REPORT)


def test_no_folder_has_more_than_15_files():
    folders = [PACKAGE, *(path for path in PACKAGE.rglob("*") if path.is_dir())]
    crowded = {
        str(folder.relative_to(PACKAGE)): len(files)
        for folder in folders
        if folder.name != "__pycache__"
        and len(files := [path for path in folder.iterdir() if path.is_file()]) > 15
    }
    assert crowded == {}


def test_no_module_imports_a_later_layer():
    assert upward_edges(PACKAGE) == []


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("tokens", "import tto.training.train"),
        ("tokens", "from tto.planning import controller"),
        ("tokens", "from tto.planning.controller import Controller"),
        ("tokens", "def f():\n    from tto.report.drawing import style"),
        ("tokens", "from ..evaluation import rollout"),
        ("tokens", "from tto import load"),
        ("tokens", "from tto import job"),
        ("tokens", "from tto.cli import app"),
        ("model", "from tto.training.train import train"),
        ("training", "from tto.exchange import port"),
        ("report/numbers", "from tto.report.tables import formats"),
        ("report/figures", "from tto.report.claims.claim import Claim"),
    ],
)
def test_a_planted_violation_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: str, line: str
):
    package = tmp_path / "tto"
    shutil.copytree(PACKAGE, package)
    (package / room / "planted.py").write_text(line + "\n")
    monkeypatch.setattr(tto.digest, "PACKAGE", package)
    (edge,) = upward_edges(package)
    assert edge.startswith(f"{room}/planted.py: tto")


def test_what_each_jobs_snakemake_imports_is_quick():
    rules = PACKAGE.parents[1] / "workflow/rules"
    lines = [line for path in rules.glob("*.smk") for line in path.read_text().splitlines()]
    modules = [line.split()[1] for line in lines if line.startswith("from tto.")]
    assert "tto.data.collect" in modules
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert not {"torch", "minari", "pandas", "matplotlib"} & set(run.stdout.split())
