"""Bins of models that others trained, from files of several kinds.

The edges can be in NumPy's .npy and .npz, in safetensors, in our token files and model folders, or
in the discretiser that the cached re-implementation saves with torch. From a dataset folder, the
quantiles of the official code are computed. No file can run code.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num
from numpy.lib.npyio import NpzFile
from safetensors import SafetensorError
from safetensors.numpy import load_file

from tto.data.episodes import open_dataset
from tto.errors import TTOError, one_line
from tto.files import StrPath
from tto.model.trained import load
from tto.plain_pickle import Inert
from tto.progress import Progress
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes, read_token_file
from tto.tokens.tokenize import transition_matrix

NAMES = ("edges", "thresholds", "bin_edges", "discretizer.edges")
_TORCH = (".pt", ".pth", ".bin")
_CACHED_CLASS = "trajectory.utils.discretization.KBinsDiscretizer"
_FAILURES = (ValueError, OSError, EOFError, RuntimeError, SafetensorError, pickle.UnpicklingError)
_EVEN = 1e-4  # largest error of uniform edges, as a fraction of a bin's width


def read_bins(path: StrPath, attributes: TokenAttributes) -> Discretizer:
    """Read the bins in a file or folder and check them against the model's tokens.

    The edges of a dimension may be a row or a column. Bins are "uniform" if all bins of each
    dimension have the same width, else "quantile".

    Args:
        attributes: dimensions and vocabulary of the model's tokens, and how they encode rewards,
            which matters if the bins are computed from a dataset.

    Raises:
        TTOError: no such file, another kind of file, or edges of another shape.
    """
    path = Path(path)
    if path.is_dir() and (path / "data").is_dir():
        edges = official_thresholds(_rows(path, attributes), attributes.vocabulary)
    elif path.is_dir():
        edges = load(path).discretizer.edges
    elif path.suffix in (".h5", ".hdf5"):
        edges = read_token_file(path).discretizer.edges
    elif path.is_file():
        edges = _edges_in_file(path)
    else:
        raise TTOError(f"bins {path}: expected a file or folder, found none; check the name")
    edges = strictly_increasing(_as_rows(np.asarray(edges), path, attributes))
    return Discretizer("uniform" if _is_even(edges) else "quantile", edges)


def official_thresholds(
    rows: Float[np.ndarray, "rows D"], bins: int
) -> Float[np.ndarray, "D {bins}+1"]:
    """Edges of the official code's quantile bins: sorted values at evenly spaced ranks."""
    ranks = np.linspace(0, len(rows) - 1, bins + 1, dtype=int)
    return np.sort(rows, axis=0)[ranks].T


def strictly_increasing(edges: Num[np.ndarray, "D edges"]) -> Float[np.ndarray, "D edges"]:
    """Move tied edges down by the smallest possible step, so that a tied value keeps its bin.

    Other implementations allow empty bins where many values are equal, and count a value into the
    last bin that begins with it. Descending edges do not change; `Discretizer` refuses them.
    """
    edges = np.array(edges, dtype=np.float64, order="C")
    for v in reversed(range(edges.shape[1] - 1)):
        tied = edges[:, v] >= edges[:, v + 1]
        # the edge above may have moved by a few such steps already
        near = np.isclose(edges[:, v], edges[:, v + 1], rtol=1e-12, atol=1e-300)
        move = tied & near
        edges[move, v] = np.nextafter(edges[move, v + 1], -np.inf)
    return edges


def _edges_in_file(path: Path) -> np.ndarray:
    try:
        if path.suffix in _TORCH:
            return _torch_edges(path)
        if path.suffix == ".safetensors":
            return _named(load_file(path), path)
        found = np.load(path, allow_pickle=False)
        return _named(dict(found), path) if isinstance(found, NpzFile) else found
    except _FAILURES as error:
        raise TTOError(
            f"bins {path}: expected edges in .npy, .npz, .safetensors, .h5 or the cached "
            f"re-implementation's discretizer.pt, but reading failed ({one_line(error)}); "
            "save them by numpy.save(path, discretizer.thresholds)"
        ) from error


def _torch_edges(path: Path) -> np.ndarray:
    """Edges that torch saved: an array, a dictionary or a discretiser object."""
    rebuild = np.empty(0).__reduce__()[0]  # the private function by which NumPy unpickles arrays
    allowed: list[Any] = [
        (Inert, _CACHED_CLASS),
        (rebuild, "numpy.core.multiarray._reconstruct"),
        (rebuild, "numpy._core.multiarray._reconstruct"),
        np.ndarray,
        np.dtype,
        type(np.dtype(np.float64)),
        type(np.dtype(np.float32)),
    ]
    with torch.serialization.safe_globals(allowed):
        found = torch.load(path, weights_only=True, map_location="cpu")
    if isinstance(found, Inert):
        found = found.state
    return _named(found, path) if isinstance(found, dict) else np.asarray(found)


def _named(arrays: dict[str, Any], path: Path) -> np.ndarray:
    for name in NAMES:
        if name in arrays:
            return np.asarray(arrays[name])
    if len(arrays) == 1:
        return np.asarray(next(iter(arrays.values())))
    raise TTOError(
        f"bins {path}: expected an array named {', '.join(NAMES)}, got {sorted(arrays)}; rename it"
    )


def _as_rows(
    edges: np.ndarray, path: Path, attributes: TokenAttributes
) -> Num[np.ndarray, "D edges"]:
    """Edges in the shape (D, V+1), transposed if necessary."""
    D, V = attributes.transition_dim, attributes.vocabulary
    if edges.shape == (D, V + 1) and (D != V + 1 or _increase(edges)):
        return edges
    if edges.shape == (V + 1, D):
        return edges.T
    raise TTOError(
        f"bins {path}: expected {V + 1} edges of each of {D} dimensions, got an array of shape "
        f"{edges.shape}; give the bins that this model was trained with"
    )


def _increase(edges: Num[np.ndarray, "D edges"]) -> bool:
    return bool((np.diff(edges, axis=1) >= 0).all())


def _is_even(edges: Float[np.ndarray, "D edges"]) -> bool:
    low, high = edges[:, 0], edges[:, -1]
    even = np.linspace(low, high, edges.shape[1], axis=1)
    width = (high - low) / (edges.shape[1] - 1)
    return bool((np.abs(edges - even) <= _EVEN * width[:, None]).all())


def _rows(path: Path, attributes: TokenAttributes) -> Float[np.ndarray, "rows D"]:
    """All transitions of a dataset folder, with rewards as the model's tokens encode them."""
    dataset = open_dataset(path)
    matrices = [
        transition_matrix(episode, **attributes.reward_settings)
        for episode in Progress(dataset, name=f"{path.name}: bins", unit="episodes")
    ]
    return np.concatenate(matrices)
