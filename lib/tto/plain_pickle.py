"""Plain values from a pickle, without running anything that it names.

The official code pickles its configs, which are objects that hold a dictionary of numbers and
strings. Every class and function in such a file becomes an inert record here, so that nothing is
imported or called. Numbers, strings, lists and dictionaries are read as usual. Arrays become
records, too, from which `array_in` takes the numbers.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from tto.errors import TTOError, one_line
from tto.files import StrPath

_LARGEST = 2**20  # largest size in bytes; configs have a few hundred


class Inert:
    """A stand-in for any class, function or object in a pickle.

    Attributes:
        arguments: what the object was made of.
        state: the object's state, or None.
    """

    arguments: tuple[object, ...]
    state: Any

    def __new__(cls, *arguments: object, **_options: object) -> "Inert":
        made = super().__new__(cls)
        made.arguments, made.state = arguments, None
        return made

    def __init__(self, *_arguments: object, **_options: object) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return the stand-in for any name."""
        return Inert


def read_state(path: StrPath) -> dict[str, Any]:
    """Read the attributes of the object in a small pickle, with stand-ins for all classes.

    Raises:
        ValueError: the file is too large, no pickle, or holds no object with attributes.
        OSError: the file cannot be read.
    """
    path = Path(path)
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST} bytes")
    with path.open("rb") as file:
        try:
            found = _PlainUnpickler(file).load()
        # values in a foreign file may fail in any way
        except Exception as error:
            raise ValueError(one_line(error)) from error
    state = found.state if isinstance(found, Inert) else None
    if not isinstance(state, dict):
        raise ValueError("it holds no object with attributes")
    return state


def array_in(record: object) -> Float64[np.ndarray, "..."]:
    """The numbers of a pickled NumPy array of float32 or float64.

    Raises:
        ValueError: the record is no such array.
    """
    try:
        state, kind = record.state, record.state[2]  # type: ignore[attr-defined]
        _, shape, _, columns_first, content = state
        code, order = kind.arguments[0], kind.state[1]
        if code not in ("f4", "f8") or order not in ("<", ">") or not isinstance(content, bytes):
            raise ValueError(f"the type {code}")
        numbers = np.frombuffer(content, dtype=order + code)
        return numbers.reshape(shape, order="F" if columns_first else "C").astype(np.float64)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError("it holds no array of floating-point numbers") from error


def read_config_pickle(path: StrPath) -> dict[str, Any]:
    """Read the settings in a config that the official code pickled.

    Raises:
        TTOError: the file is not such a pickle.
    """
    path = Path(path)
    try:
        settings = read_state(path).get("_dict")
        if not isinstance(settings, dict):
            raise ValueError("it holds no config")
    except (ValueError, OSError) as error:
        raise _refused(path, error) from error
    return {name: value for name, value in settings.items() if _is_plain(value)}


def _refused(path: Path, error: Exception) -> TTOError:
    return TTOError(
        f"{path}: expected a config pickled by the official code, got something else "
        f"({one_line(error)}); remove it and give its settings as options"
    )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
