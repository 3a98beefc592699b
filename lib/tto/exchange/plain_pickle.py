"""Plain values from a pickle, without running anything that it names.

The official code pickles its configs, which are objects that hold a dictionary of numbers and
strings. Every class and function in such a file becomes an inert record here, so that nothing is
imported or called. Numbers, strings, lists and dictionaries are read as usual.
"""

import pickle
from pathlib import Path
from typing import Any

from tto.errors import TTOError, one_line
from tto.files import StrPath

_LARGEST = 2**20  # largest size in bytes; configs have a few hundred


class Inert:
    """A stand-in for any class, function or object in a pickle; `state` is the object's state."""

    def __new__(cls, *_arguments: object, **_options: object) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *_arguments: object, **_options: object) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return the stand-in for any name."""
        return Inert


def read_config_pickle(path: StrPath) -> dict[str, Any]:
    """Read the settings in a config that the official code pickled.

    Raises:
        TTOError: the file is not such a pickle.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise TTOError(
                f"{path}: expected a small pickled config, got more than {_LARGEST} bytes"
            )
        with path.open("rb") as file:
            found = _PlainUnpickler(file).load()
        state = found.state if isinstance(found, Inert) else None
        settings = state["_dict"] if isinstance(state, dict) else None
        if not isinstance(settings, dict):
            raise ValueError("it holds no config")
    except (pickle.UnpicklingError, EOFError, OSError) as error:
        raise _refused(path, error) from error
    except TTOError:
        raise
    # values in a foreign file may fail in any way
    except Exception as error:
        raise _refused(path, error) from error
    return {name: value for name, value in settings.items() if _is_plain(value)}


def _refused(path: Path, error: Exception) -> TTOError:
    return TTOError(
        f"{path}: expected a config pickled by the official code, got something else "
        f"({one_line(error)}); remove it and give its settings as options"
    )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
