"""Data flows one way: a layer of the library imports from itself and from those before it."""

import shutil
from pathlib import Path

import pytest

import tto.digest
from tto.digest import PACKAGE, imported_modules

LAYERS = ["data", "tokens", "model", "planning", "analysis", "evaluation", "report"]
BASE = {"errors", "files", "hdf5", "digest"}  # below all layers
HOUSE = {"config", "job", "trials"}  # the workflow's own; they import from BASE and each other
TOP = {"cli"}  # imports from all, and nothing imports it


def upward_edges(package: Path) -> list[str]:
    """Imports that walk the layers backwards, as `file: module`."""
    edges = []
    for path in sorted(package.rglob("*.py")):
        importer = path.relative_to(package).with_suffix("").parts[0]
        for module in sorted(imported_modules(path)):
            imported = module.split(".")[1] if "." in module else ""
            if importer != "__init__" and not allowed(importer, imported):
                edges.append(f"{path.relative_to(package)}: {module}")
    return edges


def allowed(importer: str, imported: str) -> bool:
    if imported in BASE or importer in TOP:
        return True
    if importer in LAYERS and imported in LAYERS:
        return LAYERS.index(imported) <= LAYERS.index(importer)
    return importer in HOUSE and imported in HOUSE


def test_every_module_belongs_to_a_layer():
    names = {path.stem for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert names == {*LAYERS, *BASE, *HOUSE, *TOP, "__init__"}


def test_no_import_walks_the_layers_backwards():
    assert upward_edges(PACKAGE) == []


@pytest.mark.parametrize(
    "line",
    [
        "import tto.model.training",
        "from tto.planning import controller",
        "from tto.planning.controller import Controller",
        "def f():\n    from tto.report import style",
        "from ..evaluation import rollout",
        "from tto import load",
        "from tto import job",
        "from tto.cli import app",
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str):
    package = tmp_path / "tto"
    shutil.copytree(PACKAGE, package)
    (package / "tokens" / "planted.py").write_text(line + "\n")
    monkeypatch.setattr(tto.digest, "PACKAGE", package)
    (edge,) = upward_edges(package)
    assert edge.startswith("tokens/planted.py: tto")
