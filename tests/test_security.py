"""The code never runs foreign content: it does not unpickle, unpack or use a shell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [
    path for folder in ("lib", "workflow/scripts") for path in sorted((ROOT / folder).rglob("*.py"))
]
UNPICKLERS = {"cloudpickle", "dill", "joblib", "marshal", "shelve"}
ARCHIVES = {"tarfile"}  # not zipfile: reading NumPy's .npz files needs its exceptions
RUNNERS = {"eval", "exec", "compile", "__import__"}


def name_of(node: ast.expr) -> str:
    """Dotted name of a called expression, or "" if it has none."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults(source: str) -> Iterator[str]:
    """Names of calls and imports in `source` that could run or unpack foreign content."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names]
            yield from ({name.split(".")[0] for name in names} & (UNPICKLERS | ARCHIVES))
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if name in RUNNERS | {"os.system", "os.popen", "pickle.load", "pickle.loads"}:
            yield name
        if name in ("torch.load", "np.load", "numpy.load", "pd.read_pickle", "yaml.load"):
            wanted = ("weights_only", "True") if name == "torch.load" else ("allow_pickle", "False")
            if options.get(wanted[0]) != wanted[1]:
                yield name
        if name.endswith((".extractall", ".extract", ".unpack_archive")):
            yield name
        if options.get("shell", "False") != "False":
            yield f"{name} with a shell"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_runs_foreign_content(path: Path):
    assert list(faults(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "import joblib",
        "from tarfile import open",
        "pickle.loads(x)",
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "np.load(p, allow_pickle=True)",
        "subprocess.run(c, shell=True)",
        "shutil.unpack_archive(p)",
        "eval(x)",
    ],
)
def test_each_kind_of_fault_is_found(source: str):
    assert len(list(faults(source))) == 1
