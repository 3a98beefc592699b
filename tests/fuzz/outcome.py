"""What came of a call with random input: its result, or the line of its one `TTOError`."""

from collections.abc import Callable
from typing import Any

from tto.errors import TTOError


def outcome(call: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, str | None]:
    """The result and None, or None and a line; any other exception goes through."""
    try:
        return call(*arguments, **options), None
    except TTOError as error:
        line = str(error)
    assert line
    assert "\n" not in line
    assert len(line) < 1500, line
    return None, line
