"""The planner that a model plays with: `planner.json` in the model's folder.

It holds settings of `tto.Controller` by name, as the run that trained the model plays it, its tuned
choice included. It has no digest: whoever wants another planner by default may edit it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tto.errors import TTOError, one_line
from tto.files import StrPath, atomic_path

PLANNER = "planner.json"
_LARGEST = 2**16  # bytes; ours have four hundred


def write_planner(path: StrPath, settings: Mapping[str, Any]) -> None:
    """Write the settings of `tto.Controller` into the file at `path`."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(dict(settings), indent=2, sort_keys=True) + "\n")


def read_planner(folder: StrPath) -> dict[str, Any]:
    """The settings in a model's folder; none where there is no `planner.json`.

    `tto.Controller` checks their names and values.

    Raises:
        TTOError: the file is not JSON, no mapping, or too large.
    """
    path = Path(folder) / PLANNER
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"more than {_LARGEST} bytes")
        settings = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise TTOError(
            f"{path}: expected settings of the planner in JSON, got a file that cannot be read "
            f"({one_line(error)}); remove it, or write it again by the workflow"
        ) from error
    if not isinstance(settings, dict):
        raise TTOError(
            f"{path}: expected a mapping of the planner's settings, got "
            f"{type(settings).__name__}; remove it, or write it again by the workflow"
        )
    return settings
