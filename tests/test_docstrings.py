"""Docstrings, from which the reference is built: every public name has one, with its errors."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tto.digest import PACKAGE

# Methods that torch's modules, Gymnasium's environments or our engines' interface document.
INTERFACES = {"forward", "reset", "step", "start", "select", "append", "draw", "going_on"}

ROOT = Path(__file__).parents[1]
Definition = ast.FunctionDef | ast.ClassDef


def public(tree: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def faults(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    found = [] if ast.get_docstring(tree) else [f"{path.name}: the module has no docstring"]
    for node in public(tree):
        text = ast.get_docstring(node) or ""
        if not text and node.name not in INTERFACES:
            found.append(f"{path.name}:{node.lineno}: {node.name} has no docstring")
        if isinstance(node, ast.FunctionDef) and raises(node) and "TTOError" not in text:
            found.append(f"{path.name}:{node.lineno}: {node.name} does not document its TTOError")
    return found


def raises(function: ast.FunctionDef) -> bool:
    """Whether the function itself, not one that it calls, raises a `TTOError`."""
    return any(
        isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id == "TTOError"
        for node in ast.walk(function)
    )


@pytest.mark.parametrize("folder", sorted(path.name for path in PACKAGE.iterdir() if path.is_dir()))
def test_public_names_have_docstrings(folder: str):
    assert [
        fault for path in sorted((PACKAGE / folder).rglob("*.py")) for fault in faults(path)
    ] == []


def test_top_modules_have_docstrings():
    assert [fault for path in sorted(PACKAGE.glob("*.py")) for fault in faults(path)] == []


def test_missing_docstrings_are_found(tmp_path: Path):
    path = tmp_path / "planted.py"
    path.write_text(
        "def f():\n    raise TTOError('x')\n\n"
        "class C:\n    '''Doc.'''\n    def g(self): ...\n    def _h(self): ...\n"
        "    def forward(self): ...\n"
        "    def i(self):\n        '''Doc.\n\n        Raises:\n            TTOError: x.'''\n"
        "        raise TTOError('x')\n"
    )
    assert faults(path) == [
        "planted.py: the module has no docstring",
        "planted.py:1: f has no docstring",
        "planted.py:1: f does not document its TTOError",
        "planted.py:6: g has no docstring",
    ]


@pytest.mark.slow
def test_the_reference_is_built(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, ROOT / "docs/reference.py", tmp_path / "site"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site/tto/planning/controller.html").read_text()
    assert "the observation to reach" in page
    assert (tmp_path / "site/index.html").exists()
