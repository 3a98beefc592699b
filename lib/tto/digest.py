"""A digest of a stage's code: of its script and of every library module that it imports.

Snakemake's own code trigger compares only the modification time of the script. A rule with
`code_digest("scripts/train.py")` among its params reruns when the meaning of the script, or of a
`tto` module that it imports directly or indirectly, changes. Comments, docstrings and formatting do
not count. Data files that share a module's name do: `published.csv` beside `published.py`, and all
files in `native/` beside `native.py`.

`data_digest` does the same for a user's data: Snakemake compares only modification times, and a
file that replaces another can be older.
"""

import ast
import contextlib
import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tto.files import StrPath, atomic_path, content_digest

DIGESTS = "TTO_CODE"  # environment variable with a run's digests by script, for its jobs
PACKAGE = Path(__file__).parent
_LARGE = 2**24  # bytes of a file whose digest is remembered


def code_digest(*sources: StrPath) -> str:
    """SHA-256 over `sources` and the library modules that they import, directly or indirectly.

    Args:
        sources: paths of files, or dotted names of library modules (`"tto.planning.search"`). A
            file that is not Python counts by its bytes.
    """
    waiting = [_source_path(source) for source in sources]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            if path.suffix == ".py":
                waiting += [_module_path(name) for name in imported_modules(path)]
                waiting += _data_beside(path)
    parts = sorted(
        f"{_label(path)} {_parsed(path, path.stat().st_mtime_ns).meaning}\n" for path in found
    )
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def data_digest(path: StrPath, *, memory: StrPath) -> str | None:
    """SHA-256 of a file's content, or of the names and contents of all files in a folder.

    Args:
        path: the file or folder.
        memory: folder that remembers the digests of large files, by their size, times and inode. If
            it cannot be written, they are computed each time.

    Returns:
        The digest; None where there is no such file or folder, or it cannot be read.
    """
    path = Path(path)
    try:
        if path.is_file():
            return _file_digest(path, Path(memory))
        files = sorted(file for file in path.rglob("*") if file.is_file())
        parts = [f"{file.relative_to(path)} {_file_digest(file, Path(memory))}\n" for file in files]
    except OSError:
        return None
    return hashlib.sha256("".join(parts).encode()).hexdigest() if parts else None


def _file_digest(path: Path, memory: Path) -> str:
    status = path.stat()
    if status.st_size < _LARGE:
        return content_digest(path)
    # The inode's change time, unlike the modification time, cannot be set back.
    identity = f"{path.resolve()} {status.st_size} {status.st_ino} {status.st_mtime_ns} "
    identity += str(status.st_ctime_ns)
    remembered = memory / hashlib.sha256(identity.encode()).hexdigest()
    with contextlib.suppress(OSError):
        return remembered.read_text(encoding="ascii")
    digest = content_digest(path)
    with contextlib.suppress(OSError), atomic_path(remembered) as temporary:
        temporary.write_text(digest, encoding="ascii")
    return digest


def imported_modules(path: Path) -> set[str]:
    """Dotted names of the library modules that the Python file at `path` imports.

    Imports inside functions count. Parent packages do not: `import tto.training.train` does not
    count as an import of `tto.training`.
    """
    return _modules_imported(path, path.stat().st_mtime_ns)


@functools.cache
def _modules_imported(path: Path, _modified: int) -> set[str]:
    return {name for name in _imported_names(path) if _is_module(name)}


def _imported_names(path: Path) -> Iterator[str]:
    for node in _parsed(path, path.stat().st_mtime_ns).imports:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            base = _absolute(path, node)
            submodules = [f"{base}.{alias.name}" for alias in node.names]
            yield from (name for name in submodules if _is_module(name))
            if not all(_is_module(name) for name in submodules):
                yield base


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    """The module that `from X import ...` names, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    folder = path.resolve().parents[node.level - 1]
    parts = [PACKAGE.name, *folder.relative_to(PACKAGE).parts, *filter(None, [node.module])]
    return ".".join(parts)


def _is_module(name: str) -> bool:
    return name.split(".")[0] == PACKAGE.name and _find_module(name) is not None


def _find_module(name: str) -> Path | None:
    base = PACKAGE.joinpath(*name.split(".")[1:])
    candidates = [base / "__init__.py", base.with_suffix(".py")]
    return next((path for path in candidates if path.is_file()), None)


def _module_path(name: str) -> Path:
    path = _find_module(name)
    if path is None:
        raise ModuleNotFoundError(f"no module {name!r} in {PACKAGE}")
    return path


def _source_path(source: StrPath) -> Path:
    path = Path(source)
    return path.resolve() if path.is_file() else _module_path(str(source))


def _data_beside(path: Path) -> list[Path]:
    """Data files that share a library module's name: beside it, or in a folder of that name."""
    if not path.is_relative_to(PACKAGE):
        return []
    beside = [*path.parent.glob(f"{path.stem}.*"), *path.parent.glob(f"{path.stem}/*.*")]
    return [other for other in beside if other.is_file() and other.suffix not in (".py", ".pyc")]


def _label(path: Path) -> str:
    """A name that is the same on every machine: the path in the package, else the file's name."""
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name


@dataclass(frozen=True)
class _Parsed:
    """A file's digest and its import statements.

    `meaning` is the digest of a Python file's syntax tree without docstrings, or of another file's
    bytes.
    """

    meaning: str
    imports: tuple[ast.Import | ast.ImportFrom, ...] = ()


@functools.cache
def _parsed(path: Path, _modified: int) -> _Parsed:
    """Parse a file once per modification time: parsing takes most of a dry run's time."""
    content = path.read_bytes()
    if path.suffix != ".py":
        return _Parsed(hashlib.sha256(content).hexdigest())
    tree = ast.parse(content, filename=str(path))
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    meaning = hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
    return _Parsed(meaning, tuple(imports))


def _drop_docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]
